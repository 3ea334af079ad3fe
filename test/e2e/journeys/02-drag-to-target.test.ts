/** Drag to target: sessions and endpoints are moved by dropping them on a server, in the yard and from the table; and by keys alone. */
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import {
  dragOver,
  migrateDialog,
  newestPanel,
  openWindow,
  remapDialog,
  sessionRow,
  tickSessions,
  verdictOf,
  yardNode,
} from '../support/control-room.ts';
import { expect, test, type RunningHost } from '../support/host.ts';
import { LiveClient, outOfOrder } from '../support/live-client.ts';

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

/** A client that keeps asking, all through the test. */
async function working(host: RunningHost, application: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application });
  clients.push(client);
  client.work();
  return client;
}

/** Nobody noticed anything: no error, every answer once and in order, and the newest from where they were moved to. */
async function expectServedBy(host: RunningHost, endpoint: string, ...moved: LiveClient[]): Promise<void> {
  const port = host.backendPort(endpoint);
  for (const client of moved) await expect.poll(() => client.lastPort, { message: `${client.application} is served there` }).toBe(port);
  for (const client of moved) expect(outOfOrder(client.answers), client.application).toEqual([]);
  for (const client of clients) expect(client.errors, client.application).toEqual([]);
}

function backendName(host: RunningHost, endpoint: string): string {
  return `127.0.0.1:${host.backendPort(endpoint)}`;
}

test('an application, then an endpoint with the rest, dropped on a server in the yard', async ({ page, host }) => {
  const traveller = await working(host, 'traveller');
  const baggage = await working(host, 'baggage');
  await openWindow(page, host, 'Yard');
  const b = backendName(host, 'ep-b');
  await expect(yardNode(page, 'traveller')).toBeVisible();
  await expect(yardNode(page, 'baggage')).toBeVisible();
  await expectAccessible(page, 'the yard');

  await dragOver(page, yardNode(page, 'traveller'), yardNode(page, `Backend ${b}`));
  const main = page.getByRole('main');
  await expect(main.getByText('Move 1 session here').first()).toBeVisible();
  await expect(main.getByText('It is here already').first()).toBeVisible();
  await page.mouse.up();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await expect(verdictOf(page, 'traveller')).toContainText(/ready|waits/);
  await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  await expectServedBy(host, 'ep-b', traveller);
  expect(baggage.lastPort).toBe(host.backendPort('ep-a'));
  await newestPanel(page).getByRole('button', { name: 'Dismiss' }).click();

  await dragOver(page, yardNode(page, 'Endpoint ep-a'), yardNode(page, `Backend ${b}`));
  await expect(main.getByText('Point ep-a here')).toBeVisible();
  await expect(main.getByText('ep-a leads here already')).toBeVisible();
  await page.mouse.up();
  const dialog = remapDialog(page, 'ep-a');
  await expect(dialog.getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await expect(dialog.getByRole('region', { name: 'Verdict per session' })).toContainText('baggage');
  await expectAccessible(page, 'the dialog that points an endpoint elsewhere');
  await dialog.getByRole('button', { name: /^Point ep-a there/ }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved');
  await expectServedBy(host, 'ep-b', traveller, baggage);
  await expect(page.getByRole('treeitem', { name: `Endpoint ep-a, leads to ${b}` })).toBeVisible();
  await expectAccessible(page, 'the yard after both moves');
});

test('a selection dragged from the table onto the dock of servers', async ({ page, host }) => {
  const movers = [await working(host, 'one'), await working(host, 'two')];
  const other = await working(host, 'other');
  await openWindow(page, host);
  await tickSessions(page, ['one', 'two']);
  const dock = page.getByRole('region', { name: 'Drop on a server' });
  await expect(dock).toBeHidden();
  await dragOver(page, sessionRow(page, 'one'), dock.getByRole('listitem').filter({ hasText: backendName(host, 'ep-b') }));
  await expect(dock).toContainText('2 sessions');
  await expect(dock.getByRole('listitem').filter({ hasText: 'Move 2 sessions here' })).toHaveCount(1);
  await expect(dock.getByRole('listitem').filter({ hasText: 'They are here already' })).toHaveCount(1);
  await page.mouse.up();
  await expect(dock).toBeHidden();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await expect(verdictOf(page, 'two')).toContainText(/ready|waits/);
  await migrateDialog(page).getByRole('button', { name: 'Migrate 2 sessions' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('2 of 2 moved to ep-b');
  await expectServedBy(host, 'ep-b', ...movers);
  expect(other.lastPort).toBe(host.backendPort('ep-a'));
});

test('the same by keyboard alone', async ({ page, host }) => {
  const traveller = await working(host, 'traveller');
  const baggage = await working(host, 'baggage');
  await openWindow(page, host, 'Yard');
  const b = backendName(host, 'ep-b');
  const press = async (key: string): Promise<void> => await page.keyboard.press(key);
  await expect(yardNode(page, 'traveller')).toBeVisible();

  await tabTo(page, '[role="tree"] [role="treeitem"]');
  await press('End');
  await expect(yardNode(page, 'traveller')).toBeFocused();
  await press('Enter');
  await chooseByKeys(page, `Move 1 session to ${b}…`);
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await confirmByKeys(page, 'Migrate 1 session');
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  await expect(yardNode(page, 'traveller'), 'the focus is back where the menu was opened').toBeFocused();
  await expectServedBy(host, 'ep-b', traveller);

  // Opens the group, goes to its session, and back; then over to the endpoints.
  await press('ArrowRight');
  await press('ArrowDown');
  await expect(page.getByRole('treeitem', { name: /^Session \d+/ })).toBeFocused();
  await expectAccessible(page, 'the yard with an open group');
  await press('ArrowLeft');
  await press('ArrowLeft');
  await press('ArrowUp');
  await expect(yardNode(page, 'baggage')).toBeFocused();
  await tabTo(page, '[role="tree"][aria-label="Endpoints"] [role="treeitem"]');
  await press('Home');
  await expect(yardNode(page, 'Endpoint ep-a')).toBeFocused();
  await press('m');
  await expect(remapDialog(page, 'ep-a').getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await expect(remapDialog(page, 'ep-a').getByRole('region', { name: 'Verdict per session' })).toContainText('baggage');
  await confirmByKeys(page, /^Point ep-a there/);
  await expectServedBy(host, 'ep-b', traveller, baggage);
});

/** Presses Tab until the focus is on an element that fits. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let steps = 0; steps < 40; steps += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((fits) => document.activeElement?.matches(fits) === true, selector)) return;
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

async function chooseByKeys(page: Page, label: string): Promise<void> {
  const item = page.getByRole('menuitem', { name: label });
  await expect(item).toBeVisible();
  for (let steps = 0; steps < 20 && !(await item.evaluate((each) => each === document.activeElement)); steps += 1) {
    await page.keyboard.press('ArrowDown');
  }
  await expect(item).toBeFocused();
  await page.keyboard.press('Enter');
}

async function confirmByKeys(page: Page, name: string | RegExp): Promise<void> {
  const button = page.getByRole('dialog').getByRole('button', { name });
  await expect(button).toBeEnabled();
  for (let steps = 0; steps < 14 && !(await button.evaluate((each) => each === document.activeElement)); steps += 1) {
    await page.keyboard.press('Tab');
  }
  await expect(button).toBeFocused();
  await page.keyboard.press('Enter');
}
