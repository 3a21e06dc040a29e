import { call, type Call } from './call-table.ts';

/** Calls about others, of which nothing is stored. */
export function companyCalls(): readonly Call[] {
  return [
    call('write', 'typing', ({ company }, params, deadline) => company.type(params, deadline)),
    {
      // A small reply, which changes that follow wait for: it takes no turn.
      ...call('write', 'watchPresence', ({ company }, { userIds }, deadline) =>
        company.watchPresence(userIds, deadline),
      ),
      answered: ({ company }, result) => {
        company.answered(result);
      },
    },
  ];
}
