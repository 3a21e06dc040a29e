import { afterAll, describe, expect, it } from 'vitest';
import { messageId as idOf } from '../support/wire-client.ts';
import { itKeepsDevices } from './messenger-devices.contract.ts';
import { itShowsWhoIsThere } from './messenger-presence.contract.ts';
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

    it('G1, G2: an edit is one, in both copies and feeds, for all devices', async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, a2, b] = [await ann.open(), await ann.open('d2'), await bob.open()];
      const conversationId = dmOf(ann, bob);
      const { seq } = await stand.say(a, ann, bob, 'helo');
      const messageId = idOf(ann.userId, 'edit');
      const edit = { conversationId, seq, text: 'hello', messageId };
      const edited = await a.result('editMessage', edit);
      expect(edited).toEqual({ seq, editedAt: expect.any(Number) as number });
      expect(await a.result('editMessage', edit)).toEqual(edited);
      for (const client of [a, a2, b]) {
        const { message } = await changeOf(client, 'edited');
        expect(message).toMatchObject({ seq, text: 'hello', from: ann.userId, editedAt: edited['editedAt'] });
        expect(await entryOf(client, conversationId)).toMatchObject({ snippet: 'hello', lastSeq: seq });
      }
      expect(await a.errorOf('editMessage', { ...edit, text: 'other' })).toBe('conflict');
      const fresh = (suffix: string): string => idOf(ann.userId, suffix);
      expect(await a.errorOf('editMessage', { ...edit, seq: seq + 20, messageId: fresh('e2') })).toBe(
        'not_found',
      );
      expect(await a.errorOf('editMessage', { ...edit, text: '', messageId: fresh('e3') })).toBe(
        'invalid_params text',
      );
      const long = { ...edit, text: 'x'.repeat(9_000), messageId: fresh('e4') };
      expect(await a.errorOf('editMessage', long)).toBe('too_large text');
      const old = idOf(ann.userId, 'e5', Date.now() - 25 * 3_600_000);
      expect(await a.errorOf('editMessage', { ...edit, messageId: old })).toBe('stale_message_id');
      expect(await a.errorOf('editMessage', { ...edit, messageId: idOf(bob.userId, 'e6') })).toBe(
        'invalid_params messageId',
      );
      expect(await b.errorOf('editMessage', { ...edit, messageId: idOf(bob.userId, 'e7') })).toBe(
        'forbidden',
      );
    });

    it('a deleted message is gone for everyone, also from snippets, and still counts', async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, b] = [await ann.open(), await bob.open()];
      const conversationId = dmOf(ann, bob);
      const { seq } = await stand.say(a, ann, bob, 'wrong window');
      const deletion = { conversationId, seq, messageId: idOf(ann.userId, 'delete') };
      const deleted = await a.result('deleteMessage', deletion);
      expect(deleted).toEqual({ seq, deletedAt: expect.any(Number) as number });
      for (const client of [a, b]) {
        const { message } = await changeOf(client, 'deleted');
        expect(message).toMatchObject({ seq, text: '', deletedAt: deleted['deletedAt'] });
        expect(await entryOf(client, conversationId)).toMatchObject({ snippet: '', lastSeq: seq });
        const { messages } = await client.result('getMessages', { conversationId });
        expect(messages).toMatchObject([{ seq, text: '', deletedAt: deleted['deletedAt'] }]);
      }
      expect(await entryOf(b, conversationId)).toMatchObject({ unread: 1 });
      expect(await a.result('deleteMessage', deletion)).toEqual(deleted);
      const late = { ...deletion, text: 'back', messageId: idOf(ann.userId, 'late') };
      expect(await a.errorOf('editMessage', late)).toBe('not_found');
      expect(await b.errorOf('deleteMessage', { ...deletion, messageId: idOf(bob.userId, 'd') })).toBe(
        'forbidden',
      );
    });

    it('profiles and contacts', async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, a2, b] = [await ann.open(), await ann.open('d2'), await bob.open()];
      const conversationId = dmOf(ann, bob);
      const profile = { userId: ann.userId, name: 'Anna', createdAt: expect.any(Number) as number };
      await stand.say(a, ann, bob, 'hello');
      expect(await a.result('updateProfile', { name: 'Anna' })).toEqual(profile);
      expect(await a.result('getProfile', {})).toEqual(profile);
      expect(await b.result('getProfile', { userId: ann.userId })).toEqual(profile);
      expect(await changeOf(b, 'conversation')).toMatchObject({
        conversation: { conversationId, type: 'dm', name: 'Anna', peer: ann.userId, unread: 1 },
      });
      expect(await entryOf(b, conversationId)).toMatchObject({ name: 'Anna' });
      expect(await a.errorOf('getProfile', { userId: 'nobody' })).toBe('not_found');
      expect(await a.errorOf('updateProfile', { name: '' })).toBe('invalid_params name');

      const { userId } = bob;
      expect(await a.result('addContact', { userId })).toEqual({});
      expect(await a.result('addContact', { userId })).toEqual({});
      for (const device of [a, a2]) expect(await changeOf(device, 'contact')).toMatchObject({ userId });
      expect(await a.result('getContacts', {})).toEqual({
        contacts: [{ userId, name: userId.toUpperCase() }],
        hasMore: false,
      });
      expect(await a.errorOf('addContact', { userId: 'nobody' })).toBe('not_found');
      expect(await a.errorOf('addContact', { userId: ann.userId })).toBe('invalid_params userId');
      expect(await a.result('removeContact', { userId })).toEqual({});
      for (const device of [a, a2]) {
        expect(await changeOf(device, 'contact')).toMatchObject({ userId, removed: true });
      }
      expect(await a.result('getContacts', {})).toEqual({ contacts: [], hasMore: false });
    });

    it('a blocked sender is forbidden, gets no receipts, and may come back', async () => {
      const [ann, bob] = [await stand.user('ann'), await stand.user('bob')];
      const [a, b] = [await ann.open(), await bob.open()];
      const conversationId = dmOf(ann, bob);
      const { seq } = await stand.say(a, ann, bob, 'hello');
      expect(await b.result('blockUser', { userId: ann.userId })).toEqual({});
      expect(await b.result('getBlocked', {})).toMatchObject({ users: [{ userId: ann.userId }] });
      const send = (suffix: string) => ({
        ...{ to: bob.userId, text: 'again', messageId: idOf(ann.userId, suffix) },
      });
      expect(await a.errorOf('sendMessage', send('b1'))).toBe('forbidden');
      await b.result('markRead', { conversationId, seq });
      expect(await b.errorOf('blockUser', { userId: 'nobody' })).toBe('not_found');
      expect(await b.errorOf('blockUser', { userId: bob.userId })).toBe('invalid_params userId');
      expect(await entryOf(a, conversationId)).toMatchObject({ peerReadSeq: 0 });
      expect(await b.result('unblockUser', { userId: ann.userId })).toEqual({});
      expect(await changeOf(a, 'receipt')).toMatchObject({ userId: bob.userId, readSeq: seq });
      expect(await a.errorOf('sendMessage', send('b2'))).toBe('no error');
    });

    it('revoked tokens are refused, and open sessions with them are closed, on every device', async () => {
      const ann = await stand.user('ann');
      const [a, phone] = [await ann.open(), await ann.open('phone')];
      const future = { before: Date.now() + 3_600_000 };
      expect(await a.errorOf('revokeTokens', future)).toBe('invalid_params before');
      expect(await a.result('revokeTokens', { before: 1 })).toEqual({});
      expect(await a.result('revokeTokens', { before: Date.now() + 1 })).toEqual({});
      for (const device of [a, phone]) expect((await device.closed).code).toBe(4501);
      await expect(ann.open()).rejects.toThrow('unauthenticated');
      // What is issued from then on is good.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const back = await stand.open(await ann.logIn(), 'd1');
      expect(await back.result('getProfile', {})).toMatchObject({ userId: ann.userId });
    });

    itKeepsDevices(stand);
    itShowsWhoIsThere(stand);
  });
}
