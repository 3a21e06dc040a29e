import { expect, test } from 'vitest';
import { RingControlError } from '../../../src/handoff/ring-control.ts';

test('a refusal of the ring is an error that says what to do, and what force risks', () => {
  const risk = 'its users are loaded from the store';
  const error = new RingControlError({ code: 'node_down', message: 'start n2, or remove it', risk });
  expect(error).toMatchObject({ code: 'node_down', message: 'start n2, or remove it', risk });
});
