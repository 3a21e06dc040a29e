import { type Mutant, mutantOf as edit } from '../mutation/mutant.ts';

/** `options`: of the torture that shows it best. */
export interface TortureMutant extends Mutant {
  readonly options?: readonly string[];
}

/** Bugs that the torture has to find by what clients see, on the embedded store. */
export const mutants: readonly TortureMutant[] = [
  edit(
    'G1: acknowledged before the commit',
    'src/actor/actor.ts',
    'const outcome = await this.#durable.commit(state, draft, { cells, sinceEpoch }, deadline);',
    `results.forEach((result, index) => tickets[index]?.resolve(result));
     const outcome = await this.#durable.commit(state, draft, { cells, sinceEpoch }, deadline);`,
  ),
  edit(
    'G2: ids of messages are not remembered',
    'src/mailbox/step-deliver.ts',
    'draft.dedup.set(messageId, { seq, timestamp: draft.nowMs, fingerprint: message.fingerprint });',
    '',
  ),
  {
    ...edit(
      'G3: two envelopes of one lane in flight',
      'src/actor/batch-lane.ts',
      'if (this.#isBusy) return;',
      '',
    ),
    // An envelope has to be refused by the recipient's former node when the next one is on its way to the present one.
    options: ['--faults', 'slow network,weight,drain'],
  },
  edit(
    'G3: the seq does not know what the sender has seen',
    'src/mailbox/step-deliver.ts',
    'const stamp = Math.max(envelope.floor, Math.floor(head.lastSeq / 2)) + 1;',
    'const stamp = Math.floor(head.lastSeq / 2) + 1;',
  ),
  edit(
    'G5: no outbox cell',
    'src/mailbox/mailbox-draft.ts',
    "if (!reaches(confirmed, owedBy(head))) return isOpen ? 'unchanged' : 'open';",
    "if (!reaches(confirmed, owedBy(head))) return 'unchanged';",
  ),
  edit(
    'G5: changes open no outbox cell',
    'src/mailbox/mailbox-draft.ts',
    "if (operations.size > 0) return 'open';",
    '',
  ),
  edit(
    'G6: the table does not compare versions',
    'src/store/lmdb-table.ts',
    'if (!isAt(base, this.#trees.cells.getBinary(versionAt))) return false;',
    '',
  ),
  edit(
    'G7: what is in memory is taken for fresh',
    'src/actor/durable-state.ts',
    'if (this.#isHeld(phase.heldSince)) return true;',
    'return true;',
  ),
  edit(
    'G8: what comes during a read of the feed is skipped',
    'src/session/feed-follower.ts',
    'if (batch.previous !== this.#position) return false;',
    '',
  ),
  edit(
    'G9: a read mark goes back',
    'src/mailbox/step-mark.ts',
    'if (seq > head.readSeq) {',
    'if (seq !== head.readSeq) {',
  ),
  edit(
    'G9: everything is read at any mark',
    'src/mailbox/step-mark.ts',
    'head.readCount = count.result;',
    'head.readCount = head.receivedCount;',
  ),
  edit(
    'members: who is out still reads',
    'src/group/query-group-messages.ts',
    `const floor = visibleAbove(state, from);
  if (floor === undefined) return done(noSuchGroup());`,
    'const floor = visibleAbove(state, from) ?? 0;',
  ),
];
