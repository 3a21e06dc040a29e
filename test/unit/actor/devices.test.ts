import { describe, expect, test } from 'vitest';
import { deviceTokensMax, devicesMax } from '../../../src/mailbox/devices.ts';
import type { CallName, ParamsOf, ResultOf } from '../../../src/mailbox/mailbox-calls.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';

const hour = 3_600_000;

class Stand {
  readonly rig = new MailboxRig();

  static async open(): Promise<Stand> {
    const stand = new Stand();
    await stand.rig.users('ann');
    return stand;
  }

  call<Name extends CallName>(name: Name, params: ParamsOf<Name>): Promise<ResultOf<Name>> {
    return this.rig.time.drive(this.rig.mailbox('ann').call(name, params, this.rig.deadline()));
  }

  get nowMs(): number {
    return this.rig.time.wallMs();
  }

  /** A device comes with a token that was issued now. */
  async come(deviceId: string, tokenId: string, issuedAt = this.nowMs): Promise<void> {
    await this.call('noteDevice', { deviceId, tokenId, issuedAt });
  }

  async isGood(tokenId: string, issuedAt: number): Promise<boolean> {
    return (await this.call('admission', { tokenId, issuedAt })).isGood;
  }

  async ids(): Promise<string[]> {
    return (await this.call('getDevices', null)).devices.map(({ deviceId }) => deviceId);
  }

  /** Commits so far. */
  get version(): number {
    return this.rig.node.registry.mailbox('ann').state?.version?.number ?? 0;
  }
}

describe('devices', () => {
  test('are written down once an hour, with their names, also over a restart', async () => {
    const stand = await Stand.open();
    const firstMs = stand.nowMs;
    await stand.come('phone', 't1', firstMs);
    const { version } = stand;
    await stand.come('phone', 't1', firstMs);
    expect(stand.version).toBe(version);
    await stand.rig.time.run(hour);
    await stand.come('phone', 't1', firstMs);
    expect(stand.version).toBe(version + 1);
    await stand.call('renameDevice', { deviceId: 'phone', name: 'Pixel' });
    stand.rig.restart();
    const { devices } = await stand.call('getDevices', null);
    expect(devices).toMatchObject([{ deviceId: 'phone', name: 'Pixel' }]);
    expect(devices[0]!.lastSeen - devices[0]!.createdAt).toBeGreaterThanOrEqual(hour);
  });

  test('G10: are bounded, and so are the tokens remembered of one: the oldest goes', async () => {
    const stand = await Stand.open();
    for (let n = 0; n <= devicesMax; n++) {
      await stand.come(`d${String(n)}`, `t${String(n)}`);
      await stand.rig.time.run(10);
    }
    const ids = await stand.ids();
    expect(ids.length).toBe(devicesMax);
    expect(ids).not.toContain('d0');
    for (let n = 0; n <= deviceTokensMax; n++) await stand.come('d1', `more${String(n)}`);
    stand.rig.restart();
    await stand.ids();
    const kept = stand.rig.node.registry.mailbox('ann').state?.devices.get('d1')?.tokens;
    expect(kept?.length).toBe(deviceTokensMax);
  });
});

describe('a device that is logged out', () => {
  test('takes its tokens along, wherever else they were shown; others keep theirs; new ones are good', async () => {
    const stand = await Stand.open();
    const issuedAt = stand.nowMs;
    await stand.come('phone', 'phone-token');
    await stand.come('laptop', 'laptop-token');
    // Whoever has the laptop has come under another name.
    await stand.come('disguise', 'laptop-token');
    await stand.come('tablet', 'tablet-token');
    await stand.rig.time.run(10);
    await stand.call('logOutDevice', { deviceId: 'laptop' });
    for (const _ of ['before', 'after a restart']) {
      expect(await stand.isGood('phone-token', issuedAt)).toBe(true);
      expect(await stand.isGood('tablet-token', issuedAt)).toBe(true);
      expect(await stand.isGood('laptop-token', issuedAt)).toBe(false);
      // An earlier one of the laptop's, which is not remembered, looks like this.
      expect(await stand.isGood('unknown', issuedAt)).toBe(false);
      expect(await stand.isGood('later', stand.nowMs)).toBe(true);
      expect((await stand.ids()).sort()).toEqual(['phone', 'tablet']);
      stand.rig.restart();
    }
    // What was still to be written down of it does not come back.
    await stand.come('laptop', 'laptop-token', issuedAt);
    expect(await stand.ids()).not.toContain('laptop');
    await stand.come('laptop', 'later');
    expect(await stand.ids()).toContain('laptop');
  });

  test('is refused also where nobody had written it down, and where its token is of a fast clock', async () => {
    const stand = await Stand.open();
    const ahead = stand.nowMs + 60_000;
    await stand.come('laptop', 'ahead', ahead);
    await stand.call('logOutDevice', { deviceId: 'laptop' });
    expect(await stand.isGood('ahead', ahead)).toBe(false);
    const issuedAt = stand.nowMs;
    await stand.rig.time.run(10);
    await stand.call('logOutDevice', { deviceId: 'never-noted' });
    expect(await stand.isGood('never-noted-token', issuedAt)).toBe(false);
  });

  test('with all others: revoked tokens take their devices along', async () => {
    const stand = await Stand.open();
    await stand.come('phone', 'old');
    await stand.rig.time.run(10);
    const before = stand.nowMs;
    await stand.come('laptop', 'new');
    await stand.call('revokeTokens', { before });
    expect(await stand.ids()).toEqual(['laptop']);
  });
});
