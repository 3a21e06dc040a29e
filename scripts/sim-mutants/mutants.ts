import { type Mutant, mutantOf as edit } from '../mutation/mutant.ts';

export const mutants: readonly Mutant[] = [
  edit(
    'one that is left alone removes nobody',
    'src/membership/death-watch.ts',
    'if (watched.lostMs >= Math.max(aloneMs, aloneLeases * leaseMs)) return true;',
    '',
  ),
  edit(
    'acknowledged before the commit',
    'src/actor/actor.ts',
    'const outcome = await this.#durable.commit(state, draft, { cells, sinceEpoch }, deadline);',
    `results.forEach((result, index) => tickets[index]?.resolve(result));
     const outcome = await this.#durable.commit(state, draft, { cells, sinceEpoch }, deadline);`,
  ),
  edit(
    'ids of messages are not remembered',
    'src/mailbox/step-deliver.ts',
    'draft.dedup.set(messageId, { seq, timestamp: draft.nowMs, fingerprint: message.fingerprint });',
    '',
  ),
  {
    name: 'a commit writes on whatever is there',
    edits: [
      {
        file: 'src/store/versioned-store.ts',
        find: 'const next = this.#versions.next(commit.base, commit.epoch);',
        replace: `const [base] = await this.versions([entityId], deadline);
          const next = this.#versions.next(base, commit.epoch);`,
      },
      {
        file: 'src/store/versioned-store.ts',
        find: 'this.#table.compareAndPut(entityId, commit.base, next, commit.cells, deadline)',
        replace: 'this.#table.compareAndPut(entityId, base, next, commit.cells, deadline)',
      },
    ],
  },
  edit(
    'the table does not compare versions',
    'src/store/memory-table.ts',
    'if (!sameVersion(row?.version, base)) return false;',
    '',
  ),
  edit(
    'the nonce of a commit in doubt is not compared',
    'src/store/versioned-store.ts',
    'const won = inDoubt.find((version) => sameVersion(version, now));',
    'const won = inDoubt.find((version) => version.number === now?.number);',
  ),
  edit(
    'no outbox cell',
    'src/mailbox/mailbox-draft.ts',
    "if (!reaches(confirmed, owedBy(head))) return isOpen ? 'unchanged' : 'open';",
    "if (!reaches(confirmed, owedBy(head))) return 'unchanged';",
  ),
  edit(
    'copies are written over a gap',
    'src/mailbox/step-copy.ts',
    'const isCopyGap = copies.length > 0 && owed.previousSeq > seq;',
    'const isCopyGap = false;',
  ),
  edit(
    'reads from memory when the lease has run out',
    'src/membership/ring-tenure.ts',
    "this.#parts.readRule === 'held' && this.#parts.lease.isCurrent()",
    "this.#parts.readRule === 'held'",
  ),
  edit(
    'a new owner does not wait out the lease',
    'src/membership/ring-tenure.ts',
    'return waitMs <= 0 ? yes : {',
    'return waitMs <= Infinity ? yes : {',
  ),
  edit(
    'the seq comes from the sender alone',
    'src/mailbox/step-deliver.ts',
    'const stamp = Math.max(envelope.floor, Math.floor(head.lastSeq / 2)) + 1;',
    'const stamp = envelope.floor + 1 + envelope.messages.indexOf(message);',
  ),
  edit(
    'the seq does not know what the sender has seen',
    'src/mailbox/step-deliver.ts',
    'const stamp = Math.max(envelope.floor, Math.floor(head.lastSeq / 2)) + 1;',
    'const stamp = Math.floor(head.lastSeq / 2) + 1;',
  ),
  edit('two envelopes of one lane in flight', 'src/actor/batch-lane.ts', 'if (this.#isBusy) return;', ''),
  edit(
    'moved sends are sent again without order',
    'src/router/ordered-sends.ts',
    'const at = this.#held.findLastIndex((held) => held.number < number) + 1;',
    'const at = 0;',
  ),
  edit(
    'wrongOwner is not tried again',
    'src/router/owner-finder.ts',
    'if (!isMoved(error)) throw error;',
    'throw error;',
  ),
  edit(
    'a load does not tell who listens to read on',
    'src/actor/mailbox.ts',
    'return { previous: head, head, changes: [], hasUnlisted: true };',
    'return { previous: commit === undefined ? (previous ?? head) : head, head, changes: [], hasUnlisted: true };',
  ),
  edit(
    'a read mark goes back',
    'src/mailbox/step-mark.ts',
    'if (seq > head.readSeq) {',
    'if (seq !== head.readSeq) {',
  ),
  edit(
    'everything is read at any mark',
    'src/mailbox/step-mark.ts',
    'head.readCount = count.result;',
    'head.readCount = head.receivedCount;',
  ),
  edit(
    'marks open no outbox cell',
    'src/mailbox/mailbox-draft.ts',
    "if (!reaches(confirmed, owedBy(head))) return isOpen ? 'unchanged' : 'open';",
    "if (confirmed.seq < head.peerSeq) return isOpen ? 'unchanged' : 'open';",
  ),
  {
    name: 'a late receipt takes marks back',
    edits: [
      {
        file: 'src/mailbox/step-copy.ts',
        find: 'if (delivered <= head.peerDeliveredSeq && read <= head.peerReadSeq) return;',
        replace: 'if (delivered === head.peerDeliveredSeq && read === head.peerReadSeq) return;',
      },
      {
        file: 'src/mailbox/step-copy.ts',
        find: 'head.peerReadSeq = Math.max(head.peerReadSeq, read);',
        replace: 'head.peerReadSeq = read;',
      },
    ],
  },
  edit(
    'changes open no outbox cell',
    'src/mailbox/mailbox-draft.ts',
    "if (operations.size > 0) return 'open';",
    '',
  ),
  edit(
    'changes are made over a gap',
    'src/mailbox/step-copy.ts',
    'const isOperationGap = operations.length > 0 && owed.previousOp > op;',
    'const isOperationGap = false;',
  ),
  edit(
    'ids of changes are not remembered',
    'src/mailbox/step-operate.ts',
    'draft.dedup.set(dedupIdOf(operation), entry);',
    'void entry;',
  ),
  {
    name: 'an edit brings a deleted message back',
    edits: [
      {
        file: 'src/conversation/operation.ts',
        find: 'if (message.deletedAt !== undefined) return noSuchMessage;',
        replace: '',
      },
      {
        file: 'src/mailbox/step-operate.ts',
        find: 'if (message.deletedAt !== undefined) {',
        replace: "if (message.deletedAt !== undefined && kind === 'delete') {",
      },
      {
        file: 'src/conversation/operation.ts',
        find: 'const { mediaRef, editedAt: _, ...rest } = message;',
        replace: 'const { mediaRef, editedAt: _, deletedAt: __, ...rest } = message;',
      },
    ],
  },
  edit(
    'feeds are not asked for again after a view was missed',
    'src/router/feed-relay.ts',
    'const isUnbroken = isInOrder && before !== undefined && finder.isSelfIn(before) && this.#isIn;',
    'const isUnbroken = before !== undefined;',
  ),
  edit(
    'feeds are not asked for again when a link has lost something',
    'src/router/feed-relay.ts',
    "if (source.kind !== 'there' || source.nodeId !== nodeId) continue;",
    'if (source !== feed.source || nodeId.length > 0) continue;',
  ),
  edit(
    'hand-off: a copy is shown without comparing its version',
    'src/actor/durable-state.ts',
    `    this.#phase = { kind: 'ready', state, heldSince: undefined };
    this.#seen = numberOf(state.version);`,
    `    this.#phase = { kind: 'ready', state, heldSince: this.#ports.tenure.epoch() };
    this.#seen = numberOf(state.version);`,
  ),
  edit(
    'hand-off: the version is sent on, what was committed is not',
    'src/handoff/departure-lane.ts',
    'const cells = [...sent.pending.values()];',
    'const cells: Cell[] = [];',
  ),
  edit(
    'hand-off: all messages of a conversation count as sent',
    'src/mailbox/warm-mailbox.ts',
    'runs.push([head.local, runAbove]);',
    'runs.push([head.local, 0]);',
  ),
  edit(
    'hand-off: what is owed is not revived',
    'src/mailbox/warm-mailbox.ts',
    "const head = [of('h'), of('o'),",
    "const head = [of('h'), [],",
  ),
  edit(
    'hand-off: the whole log counts as sent',
    'src/mailbox/warm-mailbox.ts',
    'state.logKnownAbove = logAbove;',
    'state.logKnownAbove = 0;',
  ),
  edit(
    'groups: who comes sees what was before',
    'src/group/query-group-messages.ts',
    "return history === 'sinceJoin' ? joinSeq : 0;",
    "return history === 'sinceJoin' ? 0 * joinSeq : 0;",
  ),
];
