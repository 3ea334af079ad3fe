/** The event log on a scripted host: filters that stand in the address, following that never jumps, thousands of lines, files. */
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import type { LogEntry } from '../../core/contract/index.ts';
import { expectAccessible } from './support/accessibility.ts';
import { eventLines } from './support/control-room.ts';
import { show, test } from './support/standin-page.ts';
import type { World } from './support/standin-world.ts';

/** A log with some of everything. */
function fill(world: World): void {
  world.note('info', 'settings_changed', 'The settings were changed; they hold for clients that come from now on.');
  world.note('error', 'backend_down', '127.0.0.1:54330 is down: nothing listens there.');
  world.note('info', 'migrated', 'Session 3 (ep-a to ep-b) moved in 8.1 ms.', 3);
  world.note('warn', 'migration_refused', 'Session 4 (ep-a to ep-b) did not move: a temporary table.', 4);
  world.note('warn', 'client_refused', 'A client at 127.0.0.1:50122 (user "=cmd()") was refused: endpoint "ep-nope" does not exist.');
}

/** Saves by the Export menu, and reads the file. */
async function exported(page: Page, choice: string): Promise<string> {
  await page.getByRole('button', { name: 'Export events' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: choice }).click()]);
  return await readFile(await download.path(), 'utf8');
}

test('filters narrow the log, stand in the address, and leave what is exported as it is shown', async ({ page, openStandin }) => {
  const host = await openStandin({ sessions: 6 }, '#/events');
  fill(host.world);
  await expect(eventLines(page)).toHaveCount(6);
  await page.getByRole('radio', { name: 'Warnings and errors' }).click();
  await expect(eventLines(page)).toHaveCount(3);
  await expect(page).toHaveURL(/q=level%3Awarn\+level%3Aerror/);
  const chips = page.getByRole('list', { name: 'Filters' }).getByRole('listitem');
  await expect(chips).toHaveText(['level:warn', 'level:error']);
  await expectAccessible(page, 'a filtered log');

  await page.getByRole('button', { name: 'Remove the filter level:error' }).click();
  await expect(eventLines(page)).toHaveCount(2);
  await page.getByRole('button', { name: 'Show only events of session 4' }).click();
  await expect(eventLines(page)).toHaveCount(1);
  const shown = JSON.parse(await exported(page, 'Shown as JSON')) as LogEntry[];
  expect(shown.map(({ code, sessionId }) => [code, sessionId])).toEqual([['migration_refused', 4]]);
  expect(JSON.parse(await exported(page, 'All as JSON'))).toHaveLength(6);

  await page.getByRole('searchbox', { name: 'Filter events' }).fill('level:warm');
  await expect(chips).toContainText('level: knows info, warn and error.');
  await expect(page.getByText('No events of this kind')).toBeVisible();
  await expectAccessible(page, 'a filter that is wrong');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(eventLines(page)).toHaveCount(6);

  await show(page, '#/events?q=is%3Arefused');
  await expect(eventLines(page)).toHaveCount(1);
  await expect(page.getByRole('radio', { name: 'Refused clients' })).toBeChecked();
  const csv = await exported(page, 'Shown as CSV');
  expect(csv.split('\r\n')).toHaveLength(3);
  expect(csv).toContain('client_refused,"A client at 127.0.0.1:50122 (user ""=cmd()"") was refused: endpoint ""ep-nope"" does not exist."');
});

test('following stops when somebody scrolls away: nothing jumps, what is new is counted, and one key leads back', async ({
  page,
  openStandin,
}) => {
  const host = await openStandin({ sessions: 2 }, '#/events');
  for (let line = 1; line <= 200; line += 1) host.world.note('info', 'made_up', `Line ${line} of the log.`);
  await expect(page.getByRole('row').filter({ hasText: 'Line 200 of the log.' })).toBeVisible();
  const lines = page.getByRole('rowgroup', { name: 'Lines' });
  await lines.evaluate((element) => element.scrollTo(0, 1_500));
  const follow = page.getByRole('button', { name: /^Follow/ });
  await expect(follow).toBeVisible();
  const seen = page.getByRole('row').filter({ hasText: 'Line 150 of the log.' });
  await expect(seen).toBeVisible();
  const before = await seen.boundingBox();
  for (let line = 201; line <= 230; line += 1) host.world.note('info', 'made_up', `Line ${line} of the log.`);
  await expect(follow).toHaveText('Follow, 30 new');
  expect(await seen.boundingBox()).toEqual(before);
  await expectAccessible(page, 'a log that is not followed');
  await follow.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('row').filter({ hasText: 'Line 230 of the log.' })).toBeVisible();
  host.world.note('info', 'made_up', 'One more line.');
  await expect(page.getByRole('row').filter({ hasText: 'One more line.' })).toBeVisible();
});

test('five thousand lines: few are in the document, all can be reached, found and exported', async ({ page, openStandin }) => {
  const host = await openStandin({ sessions: 2 }, '#/events');
  const at = Date.now();
  // What was said before the window came.
  host.world.log = Array.from({ length: 5_000 }, (_, index) => ({
    id: index + 1,
    at: at - (5_000 - index),
    level: 'info' as const,
    code: 'made_up',
    message: `Line ${index + 1} of the log.`,
    sessionId: null,
    repeats: 1,
  }));
  await page.reload();
  await expect(page.getByText('5,000 events')).toBeVisible();
  expect(await page.getByRole('row').count()).toBeLessThan(80);
  await page.getByRole('rowgroup', { name: 'Lines' }).evaluate((element) => element.scrollTo(0, 1e7));
  await expect(page.getByRole('row').filter({ hasText: /Line 1 of the log\./ })).toBeVisible();
  await page.getByRole('searchbox', { name: 'Filter events' }).fill('"Line 4321 "');
  await expect(eventLines(page)).toHaveCount(1);
  expect(JSON.parse(await exported(page, 'All as JSON'))).toHaveLength(5_000);
});
