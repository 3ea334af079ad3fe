/** Journey 9: every command from one palette, with a key and in a menu; and what is seen can be copied in the form that is wanted. */
import pg from 'pg';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { migrateDialog, newestPanel, openWindow, sessionRow, tickSessions } from '../support/control-room.ts';
import { expect, test, type RunningHost } from '../support/host.ts';
import { LiveClient } from '../support/live-client.ts';

test.use({ permissions: ['clipboard-read', 'clipboard-write'] });

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function through(host: RunningHost, application: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application });
  clients.push(client);
  return client;
}

function copied(page: Page): Promise<string> {
  return page.evaluate(() => navigator.clipboard.readText());
}

/** Opens the palette by its key and types, once it has the focus. */
async function find(page: Page, words: string): Promise<void> {
  await page.keyboard.press('ControlOrMeta+k');
  await expect(page.getByRole('dialog', { name: 'Find a command' }).getByRole('combobox')).toBeFocused();
  await page.keyboard.type(words);
}

test('the palette moves a selection, and a session is copied as a URL that a client can use', async ({ page, host }) => {
  const movers = await Promise.all([through(host, 'porter'), through(host, 'signalman')]);
  await openWindow(page, host);
  await tickSessions(page, ['porter', 'signalman']);

  await find(page, 'move ep-b');
  await expect(page.getByRole('option', { selected: true })).toContainText('Move 2 sessions to ep-b…');
  await expectAccessible(page, 'the palette');
  await page.getByRole('option', { name: /^Move 2 sessions to ep-b/ }).click();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-b/ })).toBeChecked();
  await migrateDialog(page).getByRole('button', { name: 'Migrate 2 sessions' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('2 of 2 moved to ep-b');
  const port = host.backendPort('ep-b');
  for (const mover of movers) expect(await mover.query('select inet_server_port() as port')).toEqual([{ port }]);

  const messages = page.getByRole('status', { name: 'Messages' });
  await sessionRow(page, 'porter').click({ button: 'right' });
  const menu = page.getByRole('menu').first();
  await expect(menu).toContainText('2 selected sessions');
  await menu.getByRole('menuitem', { name: 'Copy as' }).click();
  await expectAccessible(page, 'a context menu');
  await page.getByRole('menuitem', { name: 'JSON' }).click();
  await expect(messages).toContainText('Copied 2 sessions as JSON.');
  expect(JSON.parse(await copied(page))).toMatchObject([{ application: 'porter', endpoint: 'ep-b' }, { application: 'signalman' }]);

  await find(page, 'copy as url');
  await page.getByRole('option', { name: /^Copy as: URL/ }).click();
  await expect(messages).toContainText('Copied 2 sessions as 2 URLs.');
  const [url] = (await copied(page)).split('\n');
  const visitor = new pg.Client({ connectionString: url ?? '', application_name: 'visitor' });
  await visitor.connect();
  expect((await visitor.query('select inet_server_port() as port')).rows).toEqual([{ port }]);
  await visitor.end();
});

test('by keys alone: the list of keys, the menu of a row, a pool that pauses, a session that ends after it was asked', async ({
  page,
  host,
}) => {
  await through(host, 'porter');
  const leaver = await through(host, 'leaver');
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  const messages = page.getByRole('status', { name: 'Messages' });

  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Commands and keys' }).getByText('Find a command…')).toBeVisible();
  await expectAccessible(page, 'the list of keys');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();

  await page.keyboard.press('2');
  await expect(page.getByRole('main').getByRole('heading', { name: 'Sessions', level: 1 })).toBeVisible();
  await expect(sessionRow(page, 'leaver')).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByRole('combobox', { name: 'Filter sessions' })).toBeFocused();
  await page.keyboard.type('leaver');
  await expect(sessionRow(page, 'porter')).toBeHidden();
  await page.keyboard.press('Escape');
  await page.keyboard.type('leaver');
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  await expect(sessionRow(page, 'leaver')).toBeFocused();

  await page.keyboard.press('Shift+F10');
  await expect(page.getByRole('menu')).toContainText(/Session \d+/);
  await page.keyboard.type('cop');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('menuitem', { name: 'psql command' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(messages).toContainText(/Copied session \d+ as a psql command\./);
  expect(await copied(page)).toBe(`psql "host=127.0.0.1 port=${host.proxy.port} user=postgres dbname=postgres options='endpoint=ep-a'"`);
  await expect(sessionRow(page, 'leaver')).toBeFocused();

  await find(page, 'pause pools');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Pause pools: which one?' }).getByRole('combobox')).toBeFocused();
  await page.keyboard.type('ep-b');
  await page.keyboard.press('Enter');
  await expect(messages).toContainText('Paused ep-b.');
  await expect(sessionRow(page, 'leaver'), 'the focus is where it was').toBeFocused();

  await page.keyboard.press('Delete');
  const question = page.getByRole('alertdialog', { name: /^End session \d+, leaver\?$/ });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await expectAccessible(page, 'the question before a session ends');
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  expect(leaver.errors).toEqual([]);
  await page.keyboard.press('Delete');
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(messages).toContainText('Ended 1 session.');
  await expect.poll(() => leaver.errors.length, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(leaver.errors[0]?.message).toMatch(/terminat|clos|end/i);
});
