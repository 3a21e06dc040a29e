import { OperatorToken } from '../../src/admin/operator-token.ts';
import { OpsServer } from '../../src/admin/ops-server.ts';
import { systemTime } from '../../src/std/time.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { NodeMetrics } from '../../src/telemetry/node-metrics.ts';
import { FakeRingControl } from './fake-ring-control.ts';

export const testOperatorToken = 'operator-token-of-the-tests-0123456789';

export interface TestOpsServer {
  readonly url: string;
  readonly control: FakeRingControl;
  readonly stop: () => Promise<void>;
}

/** An operations port on a free port of this machine, over a ring that does as it is told. */
export async function startTestOpsServer(
  unreadyReason: () => string | undefined = () => undefined,
): Promise<TestOpsServer> {
  const control = new FakeRingControl();
  const ops = new OpsServer({
    ...{ control, unreadyReason, time: systemTime, metrics: new NodeMetrics() },
    operatorToken: new OperatorToken(testOperatorToken),
    logger: createLogger('silent', 'n1'),
  });
  const port = await ops.start({ host: '127.0.0.1', port: 0 });
  return { url: `http://127.0.0.1:${port}`, control, stop: () => ops.stop() };
}
