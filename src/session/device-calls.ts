import { call, type Call } from './call-table.ts';

/** Calls about one's own devices. */
export function deviceCalls(): readonly Call[] {
  return [
    call('read', 'getDevices', ({ mailbox }, _params, deadline) =>
      mailbox.call('getDevices', null, deadline),
    ),
    call('write', 'renameDevice', ({ mailbox }, { deviceId, name }, deadline) =>
      mailbox.call('renameDevice', { deviceId, name: name.toWellFormed() }, deadline),
    ),
    call('write', 'logOutDevice', ({ mailbox }, { deviceId }, deadline) =>
      mailbox.call('logOutDevice', { deviceId }, deadline),
    ),
  ];
}
