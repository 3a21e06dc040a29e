import { getDevicesParams, logOutDeviceParams, renameDeviceParams } from '../protocol/call-schemas.ts';
import { call, type Call } from './call-table.ts';

/** Calls about one's own devices. */
export function deviceCalls(): readonly Call[] {
  return [
    call('read', 'getDevices', getDevicesParams, ({ mailbox }, _params, deadline) =>
      mailbox.call('getDevices', null, deadline),
    ),
    call('write', 'renameDevice', renameDeviceParams, ({ mailbox }, { deviceId, name }, deadline) =>
      mailbox.call('renameDevice', { deviceId, name: name.toWellFormed() }, deadline),
    ),
    call('write', 'logOutDevice', logOutDeviceParams, ({ mailbox }, { deviceId }, deadline) =>
      mailbox.call('logOutDevice', { deviceId }, deadline),
    ),
  ];
}
