/** The part of hbase-rpc-client 0.1.15 that the benchmark calls. */
declare module 'hbase-rpc-client' {
  namespace connect {
    interface Options {
      readonly zookeeperHosts: readonly string[];
      readonly tcpNoDelay: boolean;
      /** Milliseconds. */
      readonly callTimeout: number;
      readonly effectiveUser: string;
    }
    interface Cell {
      readonly qualifier: Buffer;
      readonly value: Buffer;
    }
    interface Row {
      readonly columns: readonly Cell[];
    }
    /** Errors are strings, Errors, or the server's exception as it came. */
    type Done<T> = (error: unknown, answer: T) => void;

    class Put {
      constructor(row: Buffer);
      add(family: string, qualifier: Buffer, value: Buffer): void;
    }
    class Get {
      constructor(row: Buffer);
      addColumn(family: string): this;
      /** The GetProto to be sent. */
      getFields(): object;
    }
    interface Client {
      put(table: string, put: Put, done: Done<unknown>): void;
      get(table: string, get: Get, done: Done<Row | null>): void;
      checkAndPut(
        table: string,
        row: Buffer,
        family: string,
        qualifier: Buffer,
        expected: Buffer,
        put: Put,
        done: Done<{ readonly processed: boolean }>,
      ): void;
      on(event: 'error', listener: (error: unknown) => void): void;
    }
  }

  function connect(options: connect.Options): connect.Client;
  export = connect;
}
