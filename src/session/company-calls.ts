import { call, type Call } from './call-table.ts';

/** Calls about others, of which nothing is stored. */
export function companyCalls(): readonly Call[] {
  return [
    call('write', 'typing', ({ company }, params, deadline) => company.type(params, deadline)),
    call('read', 'watchPresence', ({ company }, { userIds }, deadline) =>
      company.watchPresence(userIds, deadline),
    ),
  ];
}
