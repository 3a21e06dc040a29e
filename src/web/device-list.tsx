import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ListedDevice } from '../protocol/calls.ts';
import type { ChatStore } from './chat-store.ts';
import { listTime } from './time-text.ts';

/** The user's devices: which there are, what they are called, and the way to log one out, or all. */
export function DeviceList(props: { readonly store: ChatStore; readonly onClose: () => void }): JSX.Element {
  const { store, onClose } = props;
  const [devices, setDevices] = useState<readonly ListedDevice[]>();
  const [problem, setProblem] = useState<string>();
  const run = (work: Promise<readonly ListedDevice[]>): void => {
    work.then(
      (listed) => {
        setDevices(listed);
        setProblem(undefined);
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  };
  useEffect(() => run(store.devices()), [store]);
  return (
    <section class="devices" aria-label="Devices">
      <header>
        <button type="button" class="quiet" aria-label="Back to the chats" onClick={onClose}>
          ‹
        </button>
        <h2>Devices</h2>
      </header>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <ul>
        {(devices ?? []).map((device) => (
          <li key={device.deviceId}>
            <DeviceEntry
              device={device}
              isThis={device.deviceId === store.deviceId}
              onRename={(name) => run(store.renameDevice(device.deviceId, name))}
              onLogOut={() => run(store.logOutDevice(device.deviceId))}
            />
          </li>
        ))}
      </ul>
      <button type="button" class="quiet" onClick={() => store.logOutEverywhere()}>
        Log out everywhere
      </button>
    </section>
  );
}

function DeviceEntry(props: {
  readonly device: ListedDevice;
  readonly isThis: boolean;
  readonly onRename: (name: string) => void;
  readonly onLogOut: () => void;
}): JSX.Element {
  const { device, isThis } = props;
  const { deviceId, name, lastSeen } = device;
  return (
    <div class="device">
      <input
        aria-label={`Name of ${deviceId}`}
        defaultValue={name}
        maxLength={100}
        onChange={(event) => {
          const changed = event.currentTarget.value.trim();
          if (changed !== '' && changed !== name) props.onRename(changed);
        }}
      />
      <small>{isThis ? 'this one' : `last seen ${listTime(lastSeen)}`}</small>
      {!isThis && (
        <button type="button" class="quiet" aria-label={`Log out ${name}`} onClick={props.onLogOut}>
          Log out
        </button>
      )}
    </div>
  );
}
