import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ensureChromium } from '../../cluster/chromium.ts';
import { buildWeb } from '../../scripts/build-web.ts';
import { DevNode } from '../support/dev-node.ts';

// Debian's Chromium talks to its maker unless told not to.
const quietFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const waitMaxMs = 30_000;

let node: DevNode | undefined;
let browser: Browser | undefined;
const pages: Page[] = [];
let complaints: string[] = [];
let run = 0;

beforeAll(async () => {
  await buildWeb();
  node = await DevNode.start();
  browser = await chromium.launch({ executablePath: ensureChromium(), args: quietFlags });
});

afterAll(async () => {
  await browser?.close();
  await node?.remove();
});

afterEach(async ({ task }) => {
  const folder = process.env['MAILRING_TEST_SCREENSHOTS'];
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    for (const [place, page] of pages.entries()) {
      await page.screenshot({ path: `${folder}/${task.name.replace(/\W+/g, '-')}-${place}.png` });
    }
  }
  for (const page of pages.splice(0)) await page.context().close();
  // Errors of scripts and refusals by the content security policy; a lost connection is reported as well.
  const unexpected = complaints.splice(0).filter((line) => !line.includes('ERR_CONNECTION'));
  expect(unexpected).toEqual([]);
});

async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser!.newContext(options)).newPage();
  page.setDefaultTimeout(waitMaxMs);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  pages.push(page);
  await page.goto(node!.url);
  return page;
}

async function register(userId: string, name: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await openPage(options);
  await page.getByRole('tab', { name: 'Register' }).click();
  await page.getByLabel('User id').fill(userId);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(`secret of ${userId}`);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByTitle('online').waitFor();
  return page;
}

async function startChat(page: Page, userId: string): Promise<void> {
  await page.getByLabel('Chat with user id').fill(userId);
  await page.keyboard.press('Enter');
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

const textsIn = (page: Page) => page.locator('.message .text').allTextContents();
const stored = (page: Page, text: string) =>
  page.locator('.message:not(.waiting)', { hasText: text }).waitFor();

/** Two users that exist only in one test. */
const names = (): [string, string] => {
  run++;
  return [`ann-${run}`, `bob-${run}`];
};

describe('the web client', () => {
  test('two windows chat, with an unread badge until the chat is looked at', async () => {
    const [ann, bob] = names();
    const annPage = await register(ann, 'Ann Lee');
    const bobPage = await register(bob, 'Bob Müller', { colorScheme: 'dark' });
    await startChat(annPage, bob);
    const markup = '<script>document.title="hacked"</script> & <b>bold</b> 👋 مرحبا';
    await say(annPage, 'Hello Bob');
    await say(annPage, markup);
    await stored(annPage, 'bold');

    const entry = bobPage.getByRole('button', { name: /Ann Lee/ });
    await entry.getByLabel('2 unread').waitFor();
    expect(await bobPage.title()).toBe('(2) Mailring');
    // Arrived, but not looked at.
    await annPage.locator('.message', { hasText: 'bold' }).getByTitle('delivered').waitFor();
    await entry.click();
    await stored(bobPage, 'bold');
    await annPage.locator('.message', { hasText: 'bold' }).getByTitle('read', { exact: true }).waitFor();
    expect(await textsIn(bobPage)).toEqual(['Hello Bob', markup]);
    await entry.getByLabel('2 unread').waitFor({ state: 'detached' });
    await vi.waitFor(async () => expect(await bobPage.title()).toBe('Mailring'), waitMaxMs);

    await say(bobPage, 'Hello Ann\nhow are you?');
    await stored(annPage, 'how are you?');
    expect(await textsIn(annPage)).toEqual(await textsIn(bobPage));
    expect(await annPage.getByRole('heading', { name: 'Bob Müller' }).count()).toBe(1);
  });

  test('an own message can be changed and taken back, for both', async () => {
    const [ann, bob] = names();
    const annPage = await register(ann, 'Ann Lee');
    const bobPage = await register(bob, 'Bob');
    await startChat(annPage, bob);
    for (const text of ['keep', 'wrnog', 'regret']) await say(annPage, text);
    await stored(annPage, 'regret');
    await bobPage.getByRole('button', { name: /Ann Lee/ }).click();
    await stored(bobPage, 'regret');
    const action = (text: string, name: string) =>
      annPage.locator('.message', { hasText: text }).getByRole('button', { name }).click();

    await action('wrnog', 'Edit');
    await say(annPage, 'right');
    await stored(bobPage, 'right');
    await action('keep', 'Edit');
    await annPage.getByText('You are changing a message.').waitFor();
    await annPage.keyboard.press('Escape');
    await annPage.getByText('You are changing a message.').waitFor({ state: 'detached' });
    await action('regret', 'Delete');
    for (const page of [annPage, bobPage]) {
      await page.getByText('This message was deleted.').waitFor();
      expect(await textsIn(page)).toEqual(['keep', 'right', 'This message was deleted.']);
      await page.locator('.message', { hasText: 'right' }).getByText('edited').waitFor();
    }
    // Also from the list of chats.
    expect(await bobPage.getByRole('navigation').getByText('regret').count()).toBe(0);
    expect(await bobPage.getByRole('button', { name: 'Edit' }).count()).toBe(0);
  });

  test('a group is made, written in, changed, read by all, and left', async () => {
    const [ann, bob] = names();
    const cat = `cat-${run}`;
    const annPage = await register(ann, 'Ann Lee');
    const bobPage = await register(bob, 'Bob');
    const catPage = await register(cat, 'Cat');
    await annPage.getByRole('button', { name: 'New group' }).click();
    await annPage.getByLabel('Name of the group').fill('Outing');
    await annPage.getByLabel('Members').fill(bob);
    await annPage.keyboard.press('Enter');
    await annPage.getByRole('heading', { name: 'Outing' }).waitFor();
    await say(annPage, 'Who comes?');
    await stored(annPage, 'Who comes?');

    await bobPage.getByRole('button', { name: /Outing/ }).click();
    await stored(bobPage, 'Who comes?');
    await bobPage.locator('.message .from', { hasText: 'Ann Lee' }).waitFor();
    await annPage
      .locator('.message', { hasText: 'Who comes?' })
      .getByTitle('read', { exact: true })
      .waitFor();
    await say(bobPage, 'I do');
    await stored(annPage, 'I do');

    await annPage.getByRole('button', { name: '2 members' }).click();
    await annPage.getByLabel('Add user id').fill(cat);
    await annPage.keyboard.press('Enter');
    await annPage.getByRole('button', { name: '3 members' }).waitFor();
    await catPage.getByRole('button', { name: /Outing/ }).click();
    await stored(catPage, 'I do');
    await annPage.getByLabel('New name').fill('Long outing');
    await annPage.keyboard.press('Enter');
    for (const page of [annPage, bobPage, catPage]) {
      await page.getByRole('heading', { name: 'Long outing' }).waitFor();
    }

    const action = (name: string) =>
      annPage.locator('.message', { hasText: 'Who comes?' }).getByRole('button', { name }).click();
    await action('Edit');
    await say(annPage, 'Who comes? At 8.');
    for (const page of [bobPage, catPage]) await stored(page, 'At 8.');
    await action('Delete');
    for (const page of [annPage, bobPage, catPage]) {
      await page.getByText('This message was deleted.').waitFor();
      expect(await textsIn(page)).toEqual(['This message was deleted.', 'I do']);
    }

    await annPage.getByRole('button', { name: 'Remove Bob' }).click();
    await bobPage.getByRole('button', { name: /Long outing/ }).waitFor({ state: 'detached' });
    await bobPage.getByText('Choose a chat').waitFor();
    await annPage.getByRole('button', { name: '2 members' }).waitFor();
    await annPage.getByRole('button', { name: 'Leave group' }).click();
    await annPage.getByText('Choose a chat').waitFor();
    await catPage.getByRole('button', { name: '1 member', exact: true }).click();
    await catPage.getByText('owner').waitFor();
  });

  test('a reload keeps the user and the history', async () => {
    const [ann, bob] = names();
    const annPage = await register(ann, 'Ann Lee');
    await register(bob, 'Bob');
    await startChat(annPage, bob);
    for (let n = 1; n <= 70; n++) await say(annPage, `message ${n}`);
    await stored(annPage, 'message 70');
    await annPage.reload();
    await annPage.getByRole('button', { name: /Bob/ }).click();
    await stored(annPage, 'message 70');
    // The older page comes when one scrolls up.
    await annPage.getByRole('log').press('Home');
    await annPage.getByText('This is where it began.').waitFor();
    expect(await textsIn(annPage)).toEqual(Array.from({ length: 70 }, (_, place) => `message ${place + 1}`));
  });

  test('G1, G4: killed with -9 and started again, the server has every message, and what was written meanwhile arrives once', async () => {
    const [ann, bob] = names();
    const annPage = await register(ann, 'Ann Lee');
    const bobPage = await register(bob, 'Bob');
    await startChat(annPage, bob);
    await say(annPage, 'before');
    await stored(annPage, 'before');
    await bobPage.getByRole('button', { name: /Ann Lee/ }).click();

    await node!.process.kill('SIGKILL');
    await annPage.getByRole('status').waitFor();
    await say(annPage, 'meanwhile');
    expect(await annPage.locator('.message.waiting').allTextContents()).toHaveLength(1);
    await node!.process.start();

    await stored(annPage, 'meanwhile');
    await stored(bobPage, 'meanwhile');
    await annPage.getByRole('status').waitFor({ state: 'detached' });
    await say(bobPage, 'after');
    await stored(annPage, 'after');
    for (const page of [annPage, bobPage])
      expect(await textsIn(page)).toEqual(['before', 'meanwhile', 'after']);
  });

  test('a message to nobody says so, and can be discarded', async () => {
    const [ann] = names();
    const page = await register(ann, 'Ann Lee');
    await startChat(page, 'nobody-at-all');
    await say(page, 'anyone?');
    await page.getByText('There is no such user.').waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('Say hello.').waitFor();
  });

  test('logging out and in again; wrong passwords and taken ids are refused', async () => {
    const [ann] = names();
    const page = await register(ann, 'Ann Lee');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('User id').fill(ann);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Wrong user id or password.').waitFor();
    await page.getByRole('tab', { name: 'Register' }).click();
    await page.getByLabel('Password').fill('a long password');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('This user id is taken.').waitFor();
    await page.getByRole('tab', { name: 'Log in' }).click();
    await page.getByLabel('Password').fill(`secret of ${ann}`);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByTitle('online').waitFor();
    // The two refusals show in the console as failed requests.
    complaints = complaints.filter((line) => !/status of 4(01|09)/.test(line));
  });

  test('who is there and who writes is shown; a device that is logged out is signed out', async () => {
    const [ann, bob] = names();
    const annPage = await register(ann, 'Ann Lee');
    const bobPage = await register(bob, 'Bob');
    await startChat(annPage, bob);
    await say(annPage, 'hello');
    await stored(annPage, 'hello');
    await annPage.getByTitle('Bob is there').waitFor();
    await bobPage.getByRole('button', { name: /Ann Lee/ }).click();
    await bobPage.getByLabel('Message', { exact: true }).pressSequentially('Let me th');
    await annPage.getByLabel(`${bob} is writing`).waitFor();
    await bobPage.getByLabel('Message', { exact: true }).press('Enter');
    await annPage.getByLabel(`${bob} is writing`).waitFor({ state: 'detached' });

    const other = await openPage();
    await other.getByLabel('User id').fill(bob);
    await other.getByLabel('Password').fill(`secret of ${bob}`);
    await other.getByRole('button', { name: 'Log in' }).click();
    await other.getByTitle('online').waitFor();
    await other.getByRole('button', { name: 'Devices' }).click();
    const name = other.getByLabel(/^Name of/).first();
    await name.waitFor();
    await other.getByRole('button', { name: /^Log out web-/ }).click();
    await bobPage.getByText('You were signed out.').waitFor();
    await other.getByText('this one').waitFor();
    await annPage.getByTitle('Bob is there').waitFor();
  });

  test('on a phone it shows one thing at a time, and works with the keyboard', async () => {
    const [ann, bob] = names();
    const phone = await register(ann, 'Ann Lee', { viewport: { width: 390, height: 760 } });
    await register(bob, 'Bob');
    await startChat(phone, bob);
    await say(phone, 'short');
    await stored(phone, 'short');
    expect(await phone.getByRole('navigation').isVisible()).toBe(false);
    await phone.keyboard.press('Escape');
    await phone.getByRole('navigation').waitFor();
    const width = await phone.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(390);
  });
});
