import { expect, it } from 'vitest';
import { errorText, type Json, type WireClient } from '../support/wire-client.ts';
import type { MessengerStand } from './messenger-stand.ts';

/** A stream or a long poll that is under way, as a device without a WebSocket has it. */
function ask(stand: MessengerStand, path: string, token: string, deviceId: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'x-device-id': deviceId };
  return fetch(`${stand.httpUrl}${path}`, { headers });
}

async function namesOf(client: WireClient): Promise<string[]> {
  const { devices } = await client.result('getDevices', {});
  return (devices as { deviceId: string; name: string }[]).map(({ deviceId, name }) => `${deviceId} ${name}`);
}

/** Devices of a user: listed, named, logged out. */
export function itKeepsDevices(stand: MessengerStand): void {
  it('devices are listed and have names', async () => {
    const ann = await stand.user('ann');
    const [phone] = [await ann.open('phone'), await ann.open('laptop')];
    const listed = async (): Promise<string[]> => (await namesOf(phone)).sort();
    await expect.poll(listed).toEqual(['laptop laptop', 'phone phone']);
    expect(await phone.result('renameDevice', { deviceId: 'laptop', name: "Ann's" })).toEqual({});
    expect(await listed()).toEqual(["laptop Ann's", 'phone phone']);
    const { devices } = await phone.result('getDevices');
    for (const { createdAt, lastSeen } of devices as { createdAt: number; lastSeen: number }[]) {
      expect(createdAt).toBeGreaterThan(Date.now() - 60_000);
      expect(lastSeen).toBeGreaterThanOrEqual(createdAt);
    }
    expect(await phone.errorOf('renameDevice', { deviceId: 'tv', name: 'TV' })).toBe('not_found');
    expect(await phone.errorOf('renameDevice', { deviceId: 'tv' })).toBe('invalid_params name');
    expect(await phone.errorOf('logOutDevice', { deviceId: 'a/b' })).toBe('invalid_params deviceId');
  });

  it('a device that is logged out: its sessions end with 4501, its tokens are refused under any name', async () => {
    const ann = await stand.user('ann');
    const laptopToken = await ann.logIn();
    const [phone, laptop] = [await ann.open('phone'), await stand.open(laptopToken, 'laptop')];
    await expect.poll(async () => (await namesOf(phone)).length).toBe(2);
    expect(await phone.result('logOutDevice', { deviceId: 'laptop' })).toEqual({});
    expect((await laptop.closed).code).toBe(4501);
    for (const deviceId of ['laptop', 'another']) {
      await expect(stand.open(laptopToken, deviceId)).rejects.toThrow('unauthenticated');
      expect((await ask(stand, '/v1/changes', laptopToken, deviceId)).status).toBe(401);
    }
    // The other device goes on, with the session and with the token.
    expect(await namesOf(phone)).toEqual(['phone phone']);
    await ann.open('phone');
    // Asked again it changes nothing more; who logs in again is there again.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const back = await stand.open(await ann.logIn(), 'laptop');
    await expect.poll(async () => (await namesOf(back)).length).toBe(2);
  });

  it('a token that is revoked ends event streams and long polls too', async () => {
    const ann = await stand.user('ann');
    const a = await ann.open();
    const { cursor } = await a.result('getChanges', {});
    const stream = await ask(stand, '/v1/events', ann.token, 'd2');
    expect(stream.status).toBe(200);
    const poll = ask(stand, `/v1/changes?since=${cursor as string}&waitMs=60000`, ann.token, 'd3');
    await a.result('revokeTokens', { before: Date.now() + 1 });
    expect(await stream.text()).toContain(': open');
    const answer = await poll;
    expect(answer.status).toBe(401);
    expect(errorText((await answer.json()) as Json)).toBe('unauthenticated');
  });
}
