import { describe, expect, test } from 'vitest';
import type { Bulletin } from '../../../src/conversation/bulletin.ts';
import type { GroupMessage } from '../../../src/conversation/group-message.ts';
import { applyDraft } from '../../../src/mailbox/apply-draft.ts';
import { MailboxDraft } from '../../../src/mailbox/mailbox-draft.ts';
import { emptyMailbox, type CommittedChanges } from '../../../src/mailbox/mailbox-state.ts';
import { stepGroupNews } from '../../../src/mailbox/step-group-news.ts';
import { wireCommit } from '../../../src/mailbox/wire-view.ts';
import type { Change } from '../../../src/protocol/message.ts';

const groupId = 'grp:g';

function message(seq: number, text: string, op?: number): GroupMessage {
  const changed = op === undefined ? {} : { editedAt: 100 + op, op };
  return { seq, messageId: `${seq}.ann.d`, text, timestamp: seq, ...changed };
}

function bulletin(
  messages: readonly GroupMessage[],
  more: { readonly op?: number; readonly changed?: readonly GroupMessage[] } = {},
): Bulletin {
  const { seq = 0, text = '' } = messages.at(-1) ?? {};
  return {
    ...{ groupId, name: 'G', event: 1, lastSeq: seq, lastTimestamp: seq, lastFrom: 'ann', snippet: text },
    ...{ messages, op: 0, changed: [], receipt: 0, receipts: [], takesReceipts: true, ...more },
  };
}

/** A mailbox that was told these, each in a commit of its own. @returns what each commit pushes; undefined: read on */
function told(bulletins: readonly Bulletin[]): (readonly Change[] | undefined)[] {
  const state = emptyMailbox('bob');
  return bulletins.map((one, index) => {
    const draft = new MailboxDraft(state, index);
    const joined = { kind: 'joined', event: 1, seq: 0, sinceJoin: false } as const;
    stepGroupNews(draft, { kind: 'groupNews', bulletin: one, enrolment: joined });
    const version = { number: index + 1, epoch: 0, bytes: Buffer.alloc(0) };
    const commit: CommittedChanges = applyDraft(state, draft, version);
    return wireCommit(state, commit);
  });
}

function textsOf(changes: readonly Change[] | undefined): unknown {
  return changes?.flatMap((change) => ('message' in change ? [`${change.kind} ${change.message.text}`] : []));
}

describe('bulletins with changes of messages', () => {
  test('a change of what is known is told, of what comes along it is in that', () => {
    const [, second] = told([
      bulletin([message(1, 'a')]),
      bulletin([message(2, 'B', 2)], { op: 2, changed: [message(1, 'A', 1), message(2, 'B', 2)] }),
    ]);
    expect(textsOf(second)).toEqual(['message B', 'edited A']);
  });

  test('G8: an old bulletin that comes late does not show what a text was before', () => {
    const [, , late] = told([
      bulletin([message(1, 'a')]),
      // Of a lane that is behind: the message that was changed is not known yet, and comes later.
      bulletin([message(1, 'a')], { op: 1, changed: [message(2, 'B', 1)] }),
      bulletin([message(2, 'b')]),
    ]);
    expect(late).toBeUndefined();
  });

  test('what comes late, or twice, changes nothing', () => {
    const news = bulletin([message(1, 'A', 1)], { op: 1, changed: [message(1, 'A', 1)] });
    const [, second, third, fourth] = told([
      bulletin([message(1, 'a')]),
      news,
      bulletin([message(1, 'a')]),
      news,
    ]);
    expect(textsOf(second)).toEqual(['edited A']);
    expect([third, fourth]).toEqual([[], []]);
  });
});
