/** Who waits for a server connection and who holds it, on a scripted host: one click frees the queue, and nothing moves under the pointer. */
import { expect, type Locator, type Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { test } from './support/standin-page.ts';
import type { StandinOptions } from './support/standin-host.ts';

const scene: StandinOptions = { sessions: 30, endpoints: 3, pooling: {} };
const WAITS = '#/pools?show=waits';

function holders(page: Page): Locator {
  return page.getByRole('list', { name: 'Sessions that hold a server connection' }).locator('[data-session]');
}

function waiters(page: Page): Locator {
  return page.getByRole('list', { name: 'Sessions that wait' }).locator('[data-session]');
}

function sessionIn(rows: Locator, id: number): Locator {
  return rows.page().locator(`[data-session="${id}"]`).and(rows);
}

/** The ids of rows, in their order. */
async function ids(rows: Locator): Promise<number[]> {
  return await rows.evaluateAll((elements) => elements.map((element) => Number((element as HTMLElement).dataset['session'])));
}

test('the likeliest culprit stands first, and one click on Roll back serves who waits longest', async ({ page, openStandin }) => {
  const host = await openStandin(scene);
  const badge = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: '3 sessions wait for a server connection' });
  await badge.click();
  await expect(page.getByRole('heading', { name: 'postgres as postgres on 127.0.0.1:54329' })).toBeVisible();
  await expect(page.getByText('3 sessions wait; 4 of 4 server connections taken')).toBeVisible();
  await expect.poll(() => ids(holders(page))).toEqual([2, 4, 3, 1]);
  await expect.poll(() => ids(waiters(page))).toEqual([5, 6, 7]);
  const culprit = sessionIn(holders(page), 2);
  await expect(culprit).toContainText(/idle in transaction for 1 min \d+ s/);
  await expect(sessionIn(holders(page), 3)).toContainText('pinnedlast SELECT');
  await expect(sessionIn(waiters(page), 6)).toContainText(/number 2, waits for \d+ s/);

  await culprit.getByRole('button', { name: 'Roll back session 2' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Session 2: Its transaction was rolled back.' })).toBeVisible();
  await expect.poll(() => host.world.sessions.get(5)).toMatchObject({ state: 'active', serverPid: 4_002 });
  expect([1, 3, 4, 6, 7].map((id) => host.world.sessions.get(id)?.state)).toEqual([
    'active',
    'idle',
    'idle in transaction',
    'waiting',
    'waiting',
  ]);
  // The pointer is still there: who gave it back keeps the place, and is told apart.
  await expect(culprit).toContainText('has given it back');
  await page.mouse.move(5, 5);
  await expect(sessionIn(holders(page), 2)).toHaveCount(0);
  await expect.poll(() => ids(waiters(page))).toEqual([6, 7]);
  await expect.poll(() => ids(holders(page))).toEqual([4, 3, 1, 5]);
});

test('a statement is cancelled, a session closed after a question, a wait ended; in the end nobody waits', async ({
  page,
  openStandin,
}) => {
  const host = await openStandin(scene, WAITS);
  await sessionIn(holders(page), 1).getByRole('button', { name: 'Cancel session 1' }).click();
  await expect.poll(() => host.world.sessions.get(5)?.state).toBe('active');
  await sessionIn(waiters(page), 7).getByRole('button', { name: 'Stop waiting session 7' }).click();
  await expect.poll(() => host.world.sessions.get(7)?.state).toBe('idle');
  await page.mouse.move(5, 5);
  await expect(waiters(page)).toHaveCount(1);

  const close = sessionIn(holders(page), 3).getByRole('button', { name: 'End… session 3' });
  await close.click();
  const question = page.getByRole('alertdialog', { name: 'End session 3?' });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(close).toBeFocused();
  expect(host.world.sessions.has(3)).toBe(true);
  await close.click();
  await question.getByRole('button', { name: 'End session' }).click();
  await expect.poll(() => host.world.sessions.has(3)).toBe(false);
  await expect(page.getByRole('status').filter({ hasText: 'Session 3: Closed.' })).toBeVisible();

  await page.mouse.move(5, 5);
  const last = host.world.sessions.get(6);
  if (!last) throw new Error('session 6 is gone');
  host.world.putSession({ ...last, state: 'active', serverPid: 4_003 });
  await expect(page.getByRole('heading', { name: 'Nobody waits' })).toBeVisible();
  await expect(page.getByRole('link', { name: /wait for a server connection/ })).toHaveCount(0);
});

test('what cannot be done says why; what the host refuses is said beside the session', async ({ page, openStandin }) => {
  const host = await openStandin(scene, WAITS);
  const running = sessionIn(holders(page), 1).getByRole('button', { name: 'Roll back session 1' });
  await expect(running).toHaveAttribute('aria-disabled', 'true');
  await expect(running).toHaveAttribute('title', 'It runs a statement: cancel it first');
  await running.click({ force: true });
  await expect(sessionIn(holders(page), 1)).not.toContainText('Rolling back');

  const four = host.world.sessions.get(4);
  if (!four) throw new Error('session 4 is gone');
  // The window still shows what the host knows better.
  host.world.sessions.set(4, { ...four, transaction: 'I' });
  await sessionIn(holders(page), 4).getByRole('button', { name: 'Roll back session 4' }).click();
  await expect(sessionIn(holders(page), 4)).toContainText('Session 4 is in no transaction.');
  await expectAccessible(page, 'a refusal');
});

test('in session mode Roll back is not offered, and a paused endpoint is resumed from here', async ({ page, openStandin }) => {
  const host = await openStandin(scene, WAITS);
  for (const row of host.world.sessions.values()) if (row.id <= 7) host.world.putSession({ ...row, poolMode: 'session' });
  const rollBack = page.getByRole('button', { name: 'Roll back session 2' });
  await expect(rollBack).toHaveAttribute('title', /In session mode it would keep its server connection/);
  host.world.putEndpoints(host.world.endpoints.map((each) => (each.id === 'ep-a' ? { ...each, paused: true } : each)));
  await expect(page.getByText('ep-a is paused: its sessions are given no server connection until it is resumed.')).toBeVisible();
  await expectAccessible(page, 'the waits of a paused endpoint');
  await page.getByRole('button', { name: 'Resume ep-a' }).click();
  await expect(page.getByText('ep-a is paused: its sessions')).toBeHidden();
  expect(host.world.endpoints[0]?.paused).toBe(false);
});

test('nothing moves under the pointer; what has changed is shown when asked for', async ({ page, openStandin }) => {
  const host = await openStandin(scene, WAITS);
  const row = sessionIn(holders(page), 4);
  await row.hover();
  const before = await row.boundingBox();
  const two = host.world.sessions.get(2);
  const seven = host.world.sessions.get(7);
  if (!two || !seven) throw new Error('the scene is not what it was');
  // The first holder gives its server connection to the last in the queue, another comes to wait, and one that waits goes away.
  host.world.putSession({ ...two, state: 'idle', transaction: 'I', serverPid: null });
  host.world.putSession({ ...seven, state: 'active', serverPid: 4_002 });
  host.world.removeSession(6);
  const newcomer = host.world.sessions.get(8);
  if (newcomer) host.world.putSession({ ...newcomer, state: 'waiting', stateSince: Date.now() - 60_000 });
  const change = page.getByRole('button', { name: 'Show what has changed' });
  await expect(change).toBeVisible();
  await expect(sessionIn(holders(page), 2)).toContainText('has given it back');
  await expect(sessionIn(waiters(page), 6)).toContainText('has left');
  expect(await row.boundingBox()).toEqual(before);
  await expect.poll(() => ids(waiters(page))).toEqual([5, 6, 7]);
  await change.click();
  await expect.poll(() => ids(waiters(page))).toEqual([8, 5]);
  await expect.poll(() => ids(holders(page))).toEqual([4, 3, 7, 1]);
});

test('the keyboard alone frees the queue, and its row stays while it is there', async ({ page, openStandin }) => {
  const host = await openStandin(scene, WAITS);
  const rollBack = page.getByRole('button', { name: 'Roll back session 2' });
  await page.getByRole('navigation', { name: 'Parts of Pools' }).getByRole('link', { name: 'Observations' }).focus();
  for (let presses = 0; presses < 12 && !(await rollBack.evaluate((element) => element === document.activeElement)); presses += 1) {
    await page.keyboard.press('Tab');
  }
  await expect(rollBack).toBeFocused();
  await page.keyboard.press('Enter');
  await expect.poll(() => host.world.sessions.get(5)?.state).toBe('active');
  await expect(sessionIn(holders(page), 2)).toContainText('has given it back');
  await expect(rollBack).toBeFocused();
  await expect(rollBack).toHaveAttribute('aria-disabled', 'true');
});

test('hundreds wait and the document stays small; the queue scrolls to its end', async ({ page, openStandin }) => {
  await openStandin({ sessions: 500, endpoints: 2, pooling: { waiters: 400 } }, WAITS);
  await expect(page.getByText('400 sessions wait;')).toBeVisible();
  expect(await page.getByRole('listitem').count()).toBeLessThan(80);
  const last = sessionIn(waiters(page), 404);
  await expect(last).toHaveCount(0);
  await page.getByRole('list', { name: 'Sessions that wait' }).evaluate((list) => list.parentElement?.scrollTo(0, 1e6));
  await expect(last).toContainText('number 400');
  await expect(last.locator('xpath=..')).toHaveAttribute('aria-posinset', '400');
});
