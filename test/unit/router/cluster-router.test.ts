import { describe, expect, test } from 'vitest';
import { packAsk } from '../../../src/router/peer-ask.ts';
import { memberOf } from '../../support/ring-parts.ts';
import { RouterRig } from '../../support/router-rig.ts';

describe('a request of a peer', () => {
  test('G3: a send of a run that began before this node lost the user, and got it back, is refused', async () => {
    const router = new RouterRig();
    await router.rig.users('ann', 'bob');
    const send = (epoch: number): Promise<unknown> => {
      const params = router.rig.params('ann', 'bob', `epoch ${epoch}`);
      const body = packAsk({ kind: 'call', method: 'sendMessage', params });
      const request = { to: 'ann', epoch, deadline: router.rig.deadline(), body };
      return router.rig.time.drive(router.router.handle(request, memberOf(2)));
    };
    router.keepsSince = 6;
    expect(await send(5)).toEqual({ kind: 'wrongOwner', epoch: 6 });
    expect(await send(6)).toMatchObject({ kind: 'ok' });
    const reads = packAsk({ kind: 'call', method: 'account', params: null });
    const read = { to: 'ann', epoch: 5, deadline: router.rig.deadline(), body: reads };
    expect(await router.rig.time.drive(router.router.handle(read, memberOf(2)))).toMatchObject({
      kind: 'ok',
    });
  });
});
