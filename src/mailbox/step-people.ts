import type { PersonParams } from '../protocol/calls.ts';
import { dmIdOf } from '../protocol/conversation-id.ts';
import { refusal, type Refusal } from '../protocol/protocol-error.ts';
import { done, type Step } from '../row/step.ts';
import type { MailboxDraft } from './mailbox-draft.ts';
import { peopleMax, type Person } from './people.ts';

type Change = Partial<Pick<Person, 'isContact' | 'isBlocked'>>;

/** What is written of a person where that changes anything; undefined: the list is full. */
function changed(draft: MailboxDraft, { userId, name }: PersonParams, change: Change): Person | undefined {
  const known = draft.person(userId);
  if (known === undefined && draft.state.people.size + draft.people.size >= peopleMax) return undefined;
  const person = { userId, isContact: false, isBlocked: false, ...known, ...change };
  return { ...person, name: name ?? known?.name ?? userId };
}

const full = refusal('forbidden', 'your list of people is full');

function stepContact(draft: MailboxDraft, params: PersonParams, isContact: boolean): Step<object | Refusal> {
  const { userId } = params;
  const known = draft.person(userId);
  const was = known?.isContact ?? false;
  // Added once more a contact has the name of now.
  const isRenamed = isContact && params.name !== undefined && known?.name !== params.name;
  if (was === isContact && !isRenamed) return done({});
  const person = changed(draft, params, { isContact });
  if (person === undefined) return done(full);
  draft.people.set(userId, person);
  draft.log.push({ kind: 'contact', userId, ...(!isContact && { removed: true }) });
  return done({});
}

export function stepAddContact(draft: MailboxDraft, params: PersonParams): Step<object | Refusal> {
  return stepContact(draft, params, true);
}

export function stepRemoveContact(draft: MailboxDraft, params: PersonParams): Step<object | Refusal> {
  return stepContact(draft, params, false);
}

/**
 * Between the two receipts stop: this side's are not owed while it blocks (`owedBy`), the other's are kept and not
 * shown, so that nothing has to be asked for when the block ends.
 */
function stepBlock(draft: MailboxDraft, params: PersonParams, isBlocked: boolean): Step<object | Refusal> {
  const { userId } = params;
  const was = draft.person(userId)?.isBlocked ?? false;
  if (was === isBlocked) return done({});
  const person = changed(draft, params, { isBlocked });
  if (person === undefined) return done(full);
  draft.people.set(userId, person);
  const conversationId = dmIdOf(draft.state.userId, userId);
  const conversation = draft.conversation(conversationId);
  if (conversation === undefined) return done({});
  const { head } = conversation;
  head.isBlocked = isBlocked;
  draft.touch(conversation);
  const { peerDeliveredSeq: deliveredSeq, peerReadSeq: readSeq } = head;
  if (!isBlocked && deliveredSeq > 0) {
    draft.log.push({ kind: 'receipt', conversationId, deliveredSeq, readSeq });
  }
  return done({});
}

export function stepBlockUser(draft: MailboxDraft, params: PersonParams): Step<object | Refusal> {
  return stepBlock(draft, params, true);
}

export function stepUnblockUser(draft: MailboxDraft, params: PersonParams): Step<object | Refusal> {
  return stepBlock(draft, params, false);
}
