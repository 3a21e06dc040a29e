import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import type { Time } from '../std/time.ts';
import { call, type Call, type Caller } from './call-table.ts';

/** How far ahead of the clock a revocation may be, ms: further, and nobody could log in for that long. */
const revokeAheadMs = 300_000;

function oneself(caller: Caller, userId: string): Refusal | undefined {
  if (userId !== caller.userId) return undefined;
  return refusal('invalid_params', 'userId must be another user', { path: 'userId' });
}

/** Adds somebody who exists to one of the lists. */
function add(name: 'addContact' | 'blockUser'): Call {
  return call('write', name, (caller, { userId }, deadline) => {
    const own = oneself(caller, userId);
    if (own !== undefined) return own;
    return caller
      .mailboxOf(userId)
      .call('getProfile', null, deadline)
      .then((profile) => caller.mailbox.call(name, { userId, name: profile.name }, deadline));
  });
}

function remove(name: 'removeContact' | 'unblockUser'): Call {
  return call('write', name, (caller, { userId }, deadline) =>
    caller.mailbox.call(name, { userId }, deadline),
  );
}

function list(name: 'getContacts' | 'getBlocked'): Call {
  return call('read', name, (caller, { limit = 100, offset = 0 }, deadline) =>
    caller.mailbox.call(name, { limit, offset }, deadline),
  );
}

/** Calls about people: oneself and others. */
export function peopleCalls(time: Time): readonly Call[] {
  return [
    call('read', 'getProfile', (caller, { userId = caller.userId }, deadline) =>
      caller.mailboxOf(userId).call('getProfile', null, deadline),
    ),
    call('write', 'updateProfile', (caller, { name }, deadline) =>
      caller.mailbox.call('updateProfile', { name: name.toWellFormed() }, deadline),
    ),
    add('addContact'),
    remove('removeContact'),
    list('getContacts'),
    add('blockUser'),
    remove('unblockUser'),
    list('getBlocked'),
    call('write', 'revokeTokens', (caller, { before }, deadline) => {
      if (before <= time.wallMs() + revokeAheadMs) {
        return caller.mailbox.call('revokeTokens', { before }, deadline);
      }
      return refusal('invalid_params', 'before is of the future', { path: 'before' });
    }),
  ];
}
