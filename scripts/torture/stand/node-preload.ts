// Loaded into a node under torture before anything else (`--import`), and never into any other. What it does is in
// the file that its URL names, read again at SIGUSR2: which ports to reach through which proxies, so that the links of
// each node can be disturbed alone, and how wrong the clock on the wall is.
import { readFileSync } from 'node:fs';
import { Socket, type TcpNetConnectOpts } from 'node:net';

export interface NodeControl {
  /** Port to port, on this machine. */
  readonly routes: Readonly<Record<string, number>>;
  readonly wallOffsetMs: number;
}

const controlFile = new URL(import.meta.url).searchParams.get('control') ?? '';
const read = (): NodeControl => JSON.parse(readFileSync(controlFile, 'utf8')) as NodeControl;
let control = read();
process.on('SIGUSR2', () => {
  control = read();
});

const realNow = Date.now.bind(Date);
const wrongNow = (): number => realNow() + control.wallOffsetMs;
globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[]) =>
    Reflect.construct(target, args.length === 0 ? [wrongNow()] : args) as object,
});
Date.now = wrongNow;

type Connect = (this: Socket, ...args: unknown[]) => Socket;
const connect = Reflect.get(Socket.prototype, 'connect') as Connect;
const reroute = (options: TcpNetConnectOpts): TcpNetConnectOpts => {
  const port = control.routes[String(options.port)];
  return port === undefined ? options : { ...options, host: '127.0.0.1', port };
};
Reflect.set(Socket.prototype, 'connect', function (this: Socket, ...args: unknown[]): Socket {
  const [first] = args;
  // net.connect() hands over an array that it has put together itself, and marked as such.
  if (Array.isArray(first)) {
    const [options] = first as [TcpNetConnectOpts];
    if (typeof options === 'object') first[0] = reroute(options);
  } else if (typeof first === 'object' && first !== null) {
    args[0] = reroute(first as TcpNetConnectOpts);
  }
  return connect.apply(this, args);
});
