/** A run that once showed a violation, and what that was. It is run by `npm test` for ever. */
export interface KeptSeed {
  readonly seed: number;
  readonly steps: number;
  readonly found: string;
}

export const keptSeeds: readonly KeptSeed[] = [
  {
    seed: 10,
    steps: 150,
    found: 'C8: a node that skipped a view did not ask the owner, which had forgotten it, for changes again',
  },
  {
    seed: 2049,
    steps: 150,
    found: 'C10: sends held while their user moved waited in turn, each of them past its deadline, for ever',
  },
  {
    seed: 182,
    steps: 150,
    found: 'C10: a repair of many copies asked for their counts one by one, and gave up',
  },
  {
    seed: 42,
    steps: 150,
    found: 'C10: changes for a former start of a node came in before the new one had joined, and it threw',
  },
  {
    seed: 10_097,
    steps: 150,
    found: 'C8: a node showed a commit that its writer, still answering from memory, was not sure of yet',
  },
  {
    seed: 16,
    steps: 60,
    found: 'C10: all nodes but one were down for minutes, and the last one never took their users over',
  },
  {
    seed: 1081,
    steps: 150,
    found:
      'C8: a group left memory while its creation waited for mailboxes, and went on beside its successor',
  },
  {
    seed: 40_140,
    steps: 60,
    found: 'C10: a group was loaded anew with an older mark than its members had, and took no more messages',
  },
  {
    seed: 500_078,
    steps: 150,
    found:
      'G9: of a group whose last member was told alone, all counted as told, its own messages among them',
  },
  {
    seed: 500_394,
    steps: 150,
    found:
      'C10: a node that was taken out never came back, as only it was asked for that (the simulator itself)',
  },
  {
    seed: 730_023,
    steps: 150,
    found: 'C10: a group was sent ahead without its older messages, one of which was changed then',
  },
  {
    seed: 71_550,
    steps: 150,
    found:
      'a removal given up by its device, carried out by a paused node after the next addition (the simulator itself)',
  },
  {
    seed: 1_100_254,
    steps: 150,
    found:
      'C10: a change went into the document after its node had been told nothing, and kept all others out for ever',
  },
  {
    seed: 1_100_012,
    steps: 150,
    found:
      'C11: who blocked or unblocked somebody in one commit with changes for clients was not looked at again',
  },
  {
    seed: 1_100_160,
    steps: 150,
    found: 'C11: the end of a block that came with a receipt was not heard of, on either side',
  },
  {
    seed: 1_600_096,
    steps: 150,
    found:
      'C11: a node that had been replaced, and did not know it, answered who is there for the one in its place',
  },
  {
    seed: 2_000_007,
    steps: 150,
    found: 'G5: a large group that was loaded anew with an older mark owed it for ever, and told nobody',
  },
  {
    seed: 2_000_759,
    steps: 150,
    found: 'G5: a large group that was loaded anew with an older mark owed it for ever, with three users',
  },
  {
    seed: 2_007_100,
    steps: 150,
    found:
      'C8: what a large group told once more counted as known, though mailboxes took nothing of it: a deletion was never heard',
  },
  {
    seed: 2_100_198,
    steps: 150,
    found: 'C10: what could not be sent ahead in time failed for ever, and kept another node out of the ring',
  },
  {
    seed: 3_400_821,
    steps: 150,
    found:
      'C3: what waited behind refused messages was written before them, by a node that had its group again',
  },
  {
    seed: 5_008_074,
    steps: 150,
    found:
      'a node stood still for good: a large group that was loaded anew with a later mark told nobody nothing, again and again',
  },
  {
    seed: 5_400_212,
    steps: 150,
    found:
      'C11: a block that ended while the link to the device of who had blocked was being made again was not noticed by presence',
  },
];
