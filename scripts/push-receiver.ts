// An example of a receiver of the push webhook: prints what it gets. docs/push.md tells how to use it.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PushReceiver } from './push-receiver/push-receiver.ts';

const usage = 'node scripts/push-receiver.ts --secret-file FILE [--port 7900]';

const { values } = parseArgs({
  options: { 'secret-file': { type: 'string' }, port: { type: 'string', default: '7900' } },
});
if (values['secret-file'] === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const receiver = await PushReceiver.start({
    secret: readFileSync(values['secret-file'], 'utf8').trim(),
    port: Number(values.port),
    take: (notices) => {
      for (const { userId, unread, name, preview } of notices) {
        console.log(`wake ${userId}: ${unread} unread, ${name}: ${preview ?? '(no preview)'}`);
      }
    },
  });
  console.log(`ready ${receiver.url}`);
}
