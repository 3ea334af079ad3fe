/** Journey 8: a pool that is exhausted says who waits and who holds, one click frees it, and what was shown is a file that says the same. */
import { readFile } from 'node:fs/promises';
import type { Download, Locator, Page } from '@playwright/test';
import { csvRecords } from '../../support/csv.ts';
import { expectAccessible } from '../support/accessibility.ts';
import { goTo, openWindow } from '../support/control-room.ts';
import { expect, test, type RunningHost } from '../support/host.ts';
import { LiveClient } from '../support/live-client.ts';

test.use({ hostWords: ['--demo', '--tcp-pool-mode', 'transaction', '--pool-size', '2'] });

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

interface Scene {
  /** Began a transaction first and forgot it. */
  forgotten: LiveClient;
  other: LiveClient;
  third: LiveClient;
  /** What the third is waiting for. */
  answer: Promise<Record<string, unknown>[]>;
}

/** Two clients keep the pool's two server connections in open transactions, and a third asks for one. */
async function exhaust(host: RunningHost): Promise<Scene> {
  const through = async (application: string): Promise<LiveClient> => {
    const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application });
    clients.push(client);
    return client;
  };
  const [forgotten, other, third] = [await through('forgotten'), await through('other'), await through('third')];
  await forgotten.query('begin');
  await forgotten.query('select 1');
  await other.query('begin');
  await other.query('select 1');
  return { forgotten, other, third, answer: third.query('select 42 as n') };
}

interface WaitLine {
  role: string;
  place: number;
  application: string;
  state: string;
  why: string | null;
}

async function read(download: Download): Promise<string> {
  return await readFile(await download.path(), 'utf8');
}

function poolLine(page: Page, host: RunningHost): Locator {
  return page.getByRole('row').filter({ has: page.getByRole('button', { name: `127.0.0.1:${host.backendPort('ep-a')}` }) });
}

const because = /All 2 server connections are taken; session \d+, forgotten, has held one idle in a transaction for \d+ s\./;

test('an exhausted pool says who waits, why, and who holds; one click frees it; the files say what was shown', async ({ page, host }) => {
  const { forgotten, other, third, answer } = await exhaust(host);
  await openWindow(page, host);
  await goTo(page, 'Pools');
  const line = poolLine(page, host);
  await expect(line.getByRole('img', { name: '2 active, 0 idle of at most 2; 1 waiting' })).toBeVisible();
  // The last minute, as a line: two taken and one that waits.
  await expect(line.getByRole('img', { name: /^Wanted in the last minute: (0 to )?(\d to )?3 server connections/ })).toBeVisible();
  await expectAccessible(page, 'an exhausted pool');
  const save = async (what: string, choice: string): Promise<string> => {
    await page.getByRole('button', { name: `Export ${what}` }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: choice }).click()]);
    return await read(download);
  };
  const [pool] = csvRecords(await save('pools', 'As CSV')).filter(({ waiting }) => waiting === '1');
  expect(pool).toMatchObject({ size: '2', active: '2', idle: '0', mode: 'transaction', database: 'postgres', role: 'postgres' });

  await line.getByRole('link', { name: '1 waiting, see for whom' }).click();
  const waiting = page.getByRole('list', { name: 'Sessions that wait' }).getByRole('listitem');
  await expect(waiting).toHaveCount(1);
  await expect(waiting).toContainText('third');
  await expect(waiting).toContainText(because);
  const holders = page.getByRole('list', { name: 'Sessions that hold a server connection' }).getByRole('listitem');
  await expect(holders).toHaveCount(2);
  await expect(holders.nth(0)).toContainText('forgotten');
  await expect(holders.nth(1)).toContainText('other');
  await expectAccessible(page, 'who waits for whom');

  const rows = JSON.parse(await save('waits', 'Shown as JSON')) as WaitLine[];
  expect(rows.map(({ role, place, application, state }) => [role, place, application, state])).toEqual([
    ['waits', 1, 'third', 'waiting'],
    ['holds', 1, 'forgotten', 'idle in transaction'],
    ['holds', 2, 'other', 'idle in transaction'],
  ]);
  expect(rows[0]?.why).toMatch(because);
  const lines = csvRecords(await save('waits', 'Shown as CSV'));
  expect(lines.map(({ role, application }) => [role, application])).toEqual(rows.map(({ role, application }) => [role, application]));

  await holders
    .nth(0)
    .getByRole('button', { name: /^Roll back session \d+$/ })
    .click();
  expect(await answer, 'who waited').toEqual([{ n: 42 }]);
  await page.mouse.move(5, 5);
  await expect(page.getByRole('heading', { name: 'Nobody waits' })).toBeVisible();

  // What is over can still be seen.
  await goTo(page, 'History');
  await page.getByRole('radio', { name: 'Tables' }).click();
  const table = page.getByRole('table').filter({ hasText: 'Largest value in each' });
  const titles = await table.getByRole('columnheader').allInnerTexts();
  const column = titles.indexOf('Waiting');
  expect(column).toBeGreaterThan(0);
  await expect
    .poll(async () => await table.getByRole('row').evaluateAll((all, at) => all.map((row) => row.children.item(at)?.textContent), column))
    .toContain('1');
  await expectAccessible(page, 'the history in tables');

  await expect(forgotten.query('select 1')).rejects.toMatchObject({ code: '25P02' });
  await forgotten.query('rollback');
  await other.query('commit');
  expect([forgotten, other, third].flatMap(({ errors }) => errors)).toEqual([]);
});

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 120; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(target).toBeFocused();
}

test('the same with the keyboard alone', async ({ page, host }) => {
  const { forgotten, other, third, answer } = await exhaust(host);
  await openWindow(page, host);
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Pools', exact: true }));
  await page.keyboard.press('Enter');
  await tabTo(page, poolLine(page, host).getByRole('link', { name: '1 waiting, see for whom' }));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('button', { name: 'Export waits' }));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Shown as CSV' })).toBeFocused();
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  expect(csvRecords(await read(download)).map(({ role, application }) => [role, application])).toEqual([
    ['waits', 'third'],
    ['holds', 'forgotten'],
    ['holds', 'other'],
  ]);
  const holder = page.getByRole('list', { name: 'Sessions that hold a server connection' }).getByRole('listitem').first();
  await expect(holder).toContainText('forgotten');
  await tabTo(page, holder.getByRole('button', { name: /^Roll back session \d+$/ }));
  await page.keyboard.press('Enter');
  expect(await answer, 'who waited').toEqual([{ n: 42 }]);
  await expect(page.getByRole('status').filter({ hasText: 'Its transaction was rolled back.' })).toBeVisible();
  await forgotten.query('rollback');
  await other.query('commit');
  expect([forgotten, other, third].flatMap(({ errors }) => errors)).toEqual([]);
});
