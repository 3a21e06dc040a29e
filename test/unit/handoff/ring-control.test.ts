import { expect, test } from 'vitest';
import { RingControlError, type RingControl } from '../../../src/handoff/ring-control.ts';

test('a refusal of the ring is an error that says what to do, and what force risks', async () => {
  const risk = 'its users are loaded from the store';
  const start: RingControl['start'] = () =>
    Promise.reject(new RingControlError({ code: 'node_down', message: 'start n2, or remove it', risk }));
  await expect(start({ kind: 'join', nodeId: 'n2' }, { force: false }, 0)).rejects.toMatchObject({
    code: 'node_down',
    message: 'start n2, or remove it',
    risk,
  });
});
