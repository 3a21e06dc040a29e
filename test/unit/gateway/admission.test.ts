import { describe, expect, it } from 'vitest';
import { Admission } from '../../../src/gateway/admission.ts';
import { addressKey } from '../../../src/gateway/client-address.ts';

const limits = {
  textBytesMax: 1,
  frameBytesMax: 1,
  batchMax: 1,
  membersMax: 1,
  membersPerCallMax: 1,
  conversationsMax: 1,
  connectionsMax: 100_000,
  connectionsPerUserMax: 1,
  requestsPerSecondPerUser: 1,
  openingsPerMinutePerUser: 1,
  accountsPerMinutePerAddress: 2,
  loginsPerMinutePerAddress: 2,
  loginsPerMinutePerUser: 100,
};

describe('addressKey', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('%s counts as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe('Admission', () => {
  it('bounds the unopened connections of one address, and takes more when some are gone', () => {
    const admission = new Admission(limits, 0);
    const leaves: (() => void)[] = [];
    for (let index = 0; index < 1024; index++) {
      const entered = admission.enter('a', 0, 0);
      if (entered.kind === 'ticket') leaves.push(entered.leave);
    }
    expect(leaves).toHaveLength(1024);
    expect(admission.enter('a', 0, 0)).toMatchObject({ kind: 'turned', reason: 'address' });
    expect(admission.enter('b', 0, 0).kind).toBe('ticket');
    leaves[0]!();
    leaves[0]!(); // counted once
    expect(admission.enter('a', 0, 0).kind).toBe('ticket');
    expect(admission.enter('a', 0, 0).kind).toBe('turned');
  });

  it('bounds the unopened connections of all', () => {
    const admission = new Admission(limits, 0);
    for (let index = 0; index < 4096; index++) admission.enter(`a${index}`, 0, 0);
    expect(admission.enter('b', 0, 0)).toMatchObject({ kind: 'turned', reason: 'full' });
  });

  it('bounds the rate of openings, and tells when to come back', () => {
    const admission = new Admission(limits, 0);
    for (let index = 0; index < 10_000; index++) {
      const entered = admission.enter(`a${index}`, 0, 0);
      if (entered.kind === 'ticket') entered.leave();
    }
    expect(admission.enter('b', 0, 0)).toEqual({ kind: 'turned', reason: 'rate', retryAfterMs: 1 });
    expect(admission.enter('b', 0, 1).kind).toBe('ticket');
  });

  it('takes nobody while stopping', () => {
    const admission = new Admission(limits, 0);
    admission.stop();
    expect(admission.enter('a', 0, 0)).toMatchObject({ kind: 'turned', reason: 'stopping' });
  });

  it('bounds registrations and log-ins by address, each for itself', () => {
    const admission = new Admission(limits, 0);
    expect([0, 0, 0].map((nowMs) => admission.register('a', nowMs))).toEqual([0, 0, 30_000]);
    expect(admission.register('b', 0)).toBe(0);
    expect(admission.logIn('a', 0)).toBe(0);
  });
});
