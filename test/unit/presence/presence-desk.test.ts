import { expect, test } from 'vitest';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { PresenceDesk } from '../../../src/presence/presence-desk.ts';
import { packAttend } from '../../../src/presence/presence-wire.ts';
import { memberOf, viewOf } from '../../support/ring-parts.ts';
import { RouterRig } from '../../support/router-rig.ts';

test('a node answers nobody who has a later view: in that, it may have been replaced by a later start', async () => {
  const stand = new RouterRig();
  const { rig, router, links, ring } = stand;
  await rig.users('bob');
  const { registry } = rig.node;
  const { time, random } = rig;
  const desk = new PresenceDesk({
    ...{ registry, router, links, ring, time, random: random.next },
    alarm: (error, what) => rig.alarms.push({ error, what }),
  });
  const body = packAttend({ watchId: 1, watcher: 'ann', groupIds: [], userIds: ['bob'] });
  const asked = (epoch: number): Promise<PeerReply> =>
    time.drive(desk.handle({ to: '', epoch, deadline: rig.deadline(), body }, memberOf(2)));
  await expect(asked(7)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await asked(6)).toMatchObject({ kind: 'ok', body: [['bob', 0, 0, 1]] });
  stand.view = viewOf(7, [memberOf(1, { start: 1 })]);
  expect(await asked(7)).toEqual({ kind: 'ok', body: [] });
});
