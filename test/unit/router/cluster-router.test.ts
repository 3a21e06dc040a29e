import { describe, expect, test } from 'vitest';
import type { ViewChange } from '../../../src/membership/membership-event.ts';
import type { PeerReply } from '../../../src/peer/peer-request.ts';
import { refusal } from '../../../src/protocol/protocol-error.ts';
import { packAsk, packNews, unpackAsk } from '../../../src/router/peer-ask.ts';
import { MailboxRig } from '../../support/mailbox-rig.ts';
import { memberOf, viewOf } from '../../support/ring-parts.ts';
import { RouterRig } from '../../support/router-rig.ts';

describe('a request of a peer', () => {
  test('G3: a send of a run that began before this node lost the user, and got it back, is refused', async () => {
    const router = new RouterRig();
    await router.rig.users('ann', 'bob');
    const send = (epoch: number): Promise<unknown> => {
      const params = router.rig.params('ann', 'bob', `epoch ${epoch}`);
      const body = packAsk({ kind: 'call', name: 'sendMessage', params, isCharged: true });
      const request = { to: 'ann', epoch, deadline: router.rig.deadline(), body };
      return router.rig.time.drive(router.router.handle(request, memberOf(2)));
    };
    router.keepsSince = 6;
    expect(await send(5)).toEqual({ kind: 'wrongOwner', epoch: 6 });
    expect(await send(6)).toMatchObject({ kind: 'ok' });
    const reads = packAsk({ kind: 'call', name: 'account', params: null, isCharged: false });
    const read = { to: 'ann', epoch: 5, deadline: router.rig.deadline(), body: reads };
    expect(await router.rig.time.drive(router.router.handle(read, memberOf(2)))).toMatchObject({
      kind: 'ok',
    });
  });
});

describe('a call that comes by another node', () => {
  const ask = async (router: RouterRig, isCharged: boolean): Promise<PeerReply> => {
    const body = packAsk({ kind: 'call', name: 'account', params: null, isCharged });
    const request = { to: 'ann', epoch: 6, deadline: router.rig.deadline(), body };
    return router.rig.time.drive(router.router.handle(request, memberOf(2)));
  };

  test('G10: is taken from the rate of the user where a device asks, whichever node it asks', async () => {
    const router = new RouterRig();
    await router.rig.users('ann');
    expect(await ask(router, false)).toMatchObject({ kind: 'ok' });
    expect(router.charged).toEqual([]);
    expect(await ask(router, true)).toMatchObject({ kind: 'ok' });
    expect(router.charged).toEqual(['ann']);
    router.rateWaitMs = 70;
    expect(await ask(router, false)).toMatchObject({ kind: 'ok' });
    await expect(ask(router, true)).rejects.toMatchObject({
      ...{ kind: 'rate_limited', details: { retryAfterMs: 70 } },
    });
  });

  test('G10: on a group, is taken from the rate of the member who asks', async () => {
    const router = new RouterRig();
    router.rateWaitMs = 70;
    const asked = { from: 'ann', params: { limit: 1 }, isCharged: true } as const;
    const body = packAsk({ kind: 'groupCall', name: 'getMembers', ...asked });
    const request = { to: 'grp:g', epoch: 6, deadline: router.rig.deadline(), body };
    await expect(router.rig.time.drive(router.router.handle(request, memberOf(2)))).rejects.toMatchObject({
      kind: 'rate_limited',
    });
    expect(router.charged).toEqual(['ann']);
  });

  test('G10: what a device asks goes out as such; what the node asks for itself does not', async () => {
    const router = new RouterRig();
    router.view = viewOf(6, [memberOf(2)]);
    const charges: boolean[] = [];
    router.answer = ({ body }) => {
      const asked = unpackAsk(body);
      if (asked.kind === 'call' || asked.kind === 'groupCall') charges.push(asked.isCharged);
      return { kind: 'ok', body: null };
    };
    const [deadline, { time }] = [router.rig.deadline(), router.rig];
    const client = router.router.mailboxOfClient('ann');
    await time.drive(client.call('account', null, deadline));
    await time.drive(client.call('sendMessage', router.rig.params('ann', 'bob', 'hi'), deadline));
    const members = { conversationId: 'grp:g', limit: 1, offset: 0 };
    await time.drive(client.callGroup('grp:g', 'getMembers', members, deadline));
    await time.drive(router.router.mailbox('ann').call('account', null, deadline));
    expect(charges).toEqual([true, true, true, false]);
  });
});

describe('a request of a peer that has adopted a later view', () => {
  const asked = async (during: (router: RouterRig) => void): Promise<PeerReply> => {
    const router = new RouterRig();
    await router.rig.users('ann');
    router.view = viewOf(6, [memberOf(2)]);
    const body = packAsk({ kind: 'call', name: 'account', params: null, isCharged: false });
    const reply = router.router.handle(
      { to: 'ann', epoch: 7, deadline: router.rig.deadline(), body },
      memberOf(2),
    );
    await router.rig.time.run(50);
    during(router);
    return router.rig.time.drive(reply);
  };

  test('is answered when this node has adopted it too', async () => {
    expect(await asked((router) => router.adopt(viewOf(7, [memberOf(1)])))).toMatchObject({ kind: 'ok' });
  });

  test('is refused where this node does not hear of it for long', async () => {
    expect(await asked(() => undefined)).toEqual({ kind: 'wrongOwner', epoch: 6 });
  });
});

test('what is refused while a view comes into force is asked of the owner in that one at once', async () => {
  const router = new RouterRig();
  router.view = viewOf(6, [memberOf(2)]);
  router.answer = ({ epoch }) => {
    if (epoch === 7) return { kind: 'ok', body: null };
    router.adopt(viewOf(7, [memberOf(3)]));
    return { kind: 'wrongOwner', epoch: 7 };
  };
  const answer = router.router.mailbox('ann').call('account', null, router.rig.deadline());
  await router.rig.time.run(2);
  expect(router.sent).toEqual(['n2 call ann', 'n3 call ann']);
  await answer;
});

const change = packNews({
  kind: 'changes',
  batch: { previous: 'a', head: 'b', changes: [], hasUnlisted: true },
});

describe('the feeds that somebody listens on', () => {
  /** n2 serves all of them. */
  const othersUsers = viewOf(6, [memberOf(1, { weight: 0 }), memberOf(2)]);
  const missed = { isInOrder: false } as const;

  test('G8: after a view was missed, listeners read on also where this node is the owner as before', () => {
    const router = new RouterRig();
    const heard: unknown[] = [];
    router.router.mailbox('ann').subscribe((batch) => heard.push(batch));
    const change = { before: router.view, after: router.view };
    router.router.adopted({ ...change, isInOrder: true });
    expect(heard).toEqual([]);
    router.router.adopted({ ...change, ...missed });
    expect(heard).toEqual([{ previous: '', head: '', changes: [], hasUnlisted: true }]);
  });

  test('G8: an owner is asked again where it may have forgotten: after a view that this node missed, or was not in', () => {
    const router = new RouterRig();
    const both = viewOf(6, [memberOf(1, { weight: 0 }), memberOf(2)]);
    const without = viewOf(6, [memberOf(2)]);
    router.view = both;
    router.router.mailbox('ann').subscribe(() => undefined);
    const asked = (change: Partial<ViewChange>): string[] => {
      router.sent.length = 0;
      router.router.adopted({ before: both, after: router.view, isInOrder: true, ...change });
      return router.sent.filter((line) => line.endsWith(' ann'));
    };
    const again = ['n2 unwatch ann', 'n2 watch ann'];
    expect(asked({})).toEqual([]);
    expect(asked(missed)).toEqual(again);
    expect(asked({ before: without })).toEqual(again);
    router.view = viewOf(6, [memberOf(1, { weight: 0 }), memberOf(2, { start: 1 })]);
    expect(asked({})).toEqual(again);
    router.view = viewOf(6, [memberOf(1, { weight: 0 }), memberOf(3)]);
    expect(asked({})).toEqual(['n2 unwatch ann', 'n3 watch ann']);
  });

  test('G8: at a node that is out of the view, where owners tell nothing any more, listeners look for themselves', async () => {
    const router = new RouterRig();
    const { time } = router.rig;
    const both = viewOf(6, [memberOf(1, { weight: 0 }), memberOf(2)]);
    router.view = both;
    const heard: unknown[] = [];
    const unsubscribe = router.router.mailbox('ann').subscribe((batch) => heard.push(batch));
    await time.run(5);
    heard.length = 0;
    router.view = viewOf(7, [memberOf(2)]);
    router.router.adopted({ before: both, after: router.view, isInOrder: true });
    await time.run(30_000);
    expect(heard.length).toBeGreaterThan(5);
    expect(new Set(heard.map((batch) => JSON.stringify(batch)))).toEqual(
      new Set([JSON.stringify({ previous: '', head: '', changes: [], hasUnlisted: true })]),
    );
    expect(router.sent.filter((line) => line === 'n2 watch ann')).toHaveLength(1);
    const out = router.view;
    router.view = viewOf(8, [memberOf(1, { weight: 0 }), memberOf(2)]);
    router.router.adopted({ before: out, after: router.view, isInOrder: true });
    await time.run(5);
    expect(router.sent.filter((line) => line === 'n2 watch ann')).toHaveLength(2);
    heard.length = 0;
    await time.run(30_000);
    expect(heard).toEqual([]);
    unsubscribe();
  });

  test.each(['watch', 'subscribe'] as const)(
    'G8: %s of a peer that is in a later view is refused: it would be forgotten on the way there',
    async (kind) => {
      const { router, rig } = new RouterRig();
      const body = packAsk({ kind });
      const request = { to: 'ann', epoch: 8, deadline: rig.deadline(), body };
      expect(await rig.time.drive(router.handle(request, memberOf(2)))).toEqual({
        kind: 'wrongOwner',
        epoch: 6,
      });
    },
  );

  test('G7: what a later start of a node has adopted is not taken for what the one in the view has', async () => {
    const stand = new RouterRig();
    const { router, rig } = stand;
    stand.adopt(viewOf(7, [memberOf(1, { weight: 0 }), memberOf(2)]));
    stand.answer = () => ({ kind: 'wrongOwner', epoch: 9 });
    for (const start of [0, 1]) {
      stand.answering = memberOf(2, { start }).incarnation;
      const asked = router.mailbox('ann').call('getConversations', { limit: 1, offset: 0 }, rig.deadline());
      await expect(rig.time.drive(asked)).rejects.toMatchObject({ kind: 'unavailable' });
      expect(new Set(stand.heard.splice(0))).toEqual(new Set([`${stand.answering} 9`]));
    }
  });

  test('G8: who watches is told where a copy that is about to come into memory stands, and nothing once it is there', async () => {
    const source = new MailboxRig();
    await source.users('ann');
    const copy = source.node.registry.snapshot('ann', 1 << 20);
    if (copy === undefined) throw new Error('nothing of ann is in memory');
    const router = new RouterRig({ copies: new Map([['ann', copy]]) });
    const watch = (): Promise<PeerReply> => {
      const request = {
        to: 'ann',
        epoch: 6,
        deadline: router.rig.deadline(),
        body: packAsk({ kind: 'watch' }),
      };
      return router.rig.time.drive(router.router.handle(request, memberOf(2)));
    };
    expect(await watch()).toEqual({ kind: 'ok', body: '1' });
    await router.rig.time.drive(router.rig.node.registry.mailbox('ann').revive());
    expect(router.sent).toEqual(['n2 changes ann']);
    expect(await watch()).toEqual({ kind: 'ok', body: null });
  });

  test('G8: a new owner that tells where the feed stands makes only those read on who stand elsewhere', async () => {
    const router = new RouterRig();
    const heard: unknown[] = [];
    router.view = othersUsers;
    router.answer = () => ({ kind: 'ok', body: 'z' });
    router.router.mailbox('ann').subscribe((batch) => heard.push(batch));
    await router.rig.time.run(5);
    expect(heard).toEqual([{ previous: 'z', head: 'z', changes: [], hasUnlisted: true }]);
  });

  test('an owner that sends what nobody listens on is told to stop', async () => {
    const router = new RouterRig();
    router.view = othersUsers;
    const unsubscribe = router.router.mailbox('ann').subscribe(() => undefined);
    router.router.note({ to: 'ann', epoch: 6, body: change }, memberOf(2));
    await router.rig.time.run(5);
    expect(router.sent).toEqual(['n2 watch ann']);
    router.noteRefusal = refusal('overloaded', 'full');
    unsubscribe();
    router.noteRefusal = undefined;
    router.router.note({ to: 'ann', epoch: 6, body: change }, memberOf(2));
    expect(router.sent.slice(1)).toEqual(['n2 unwatch ann', 'n2 unwatch ann']);
  });

  test('G8: unsubscribed and subscribed again at once: the new watch is asked for after the old one is ended', async () => {
    const router = new RouterRig();
    router.view = othersUsers;
    const heard: unknown[] = [];
    router.router.mailbox('ann').subscribe(() => undefined)();
    router.router.mailbox('ann').subscribe((batch) => heard.push(batch));
    expect(router.sent).toEqual(['n2 watch ann', 'n2 unwatch ann', 'n2 watch ann']);
    await router.rig.time.run(5);
    expect(heard).toEqual([{ previous: '', head: '', changes: [], hasUnlisted: true }]);
  });
});
