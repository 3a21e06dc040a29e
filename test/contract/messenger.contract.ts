import { afterAll, describe, expect, it } from 'vitest';
import { changeOf, dmOf, entryOf, MessengerStand, type MessengerPorts } from './messenger-stand.ts';

/** What people get beside sending, as clients see it; the same on one node and on several. */
export function describeMessenger(where: string, ports: MessengerPorts): void {
  describe.each(['mailring.v1.json', 'mailring.v1.msgpack'] as const)(`${where}, %s`, (subprotocol) => {
    const stand = new MessengerStand(ports, subprotocol);
    afterAll(() => {
      stand.closeAll();
    });

    it('G9: receipts: the author is told how far the other one has got and read', async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, b] = [await ann.open(), await bob.open()];
      const conversationId = dmOf(ann, bob);
      const { seq: first } = await stand.say(a, ann, bob, 'one');
      const { seq: second } = await stand.say(a, ann, bob, 'two');

      const delivered = { conversationId, seq: second };
      expect(await b.result('markDelivered', delivered)).toEqual({ seq: second, unread: 2 });
      const { cursor: _, ...receipt } = await changeOf(a, 'receipt');
      const told = { kind: 'receipt', conversationId, userId: bob.userId };
      expect(receipt).toEqual({ ...told, deliveredSeq: second, readSeq: 0 });
      expect(await b.result('markRead', { conversationId, seq: first })).toEqual({ seq: first, unread: 1 });
      expect(await changeOf(a, 'receipt')).toMatchObject({ ...told, deliveredSeq: second, readSeq: first });
      expect(await entryOf(a, conversationId)).toMatchObject({
        peerReadSeq: first,
        peerDeliveredSeq: second,
        readSeq: 0,
      });
      // Never back; clamped; what is not there is not found.
      expect(await b.result('markDelivered', { conversationId, seq: 1 })).toEqual({ seq: second, unread: 1 });
      expect(await b.result('markRead', { conversationId, seq: second + 50 })).toEqual({
        seq: second,
        unread: 0,
      });
      const nowhere = { conversationId: `dm:${bob.userId}:nobody`, seq: 1 };
      expect(await b.errorOf('markDelivered', nowhere)).toBe('not_found');
      expect(await b.errorOf('markDelivered', { conversationId, seq: 0 })).toBe('invalid_params seq');
    });

    it("own read marks reach the user's other devices", async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, phone, laptop] = [await ann.open(), await bob.open('phone'), await bob.open('laptop')];
      const conversationId = dmOf(ann, bob);
      const { seq } = await stand.say(a, ann, bob, 'hello');
      await phone.result('markRead', { conversationId, seq });
      for (const device of [phone, laptop]) {
        expect(await changeOf(device, 'read')).toMatchObject({ conversationId, readSeq: seq, unread: 0 });
      }
    });
  });
}
