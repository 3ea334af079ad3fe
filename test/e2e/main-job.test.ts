/** The main job: real clients, a real page, a real session moved by a click while its client keeps querying. */
import { expectAccessible } from './support/accessibility.ts';
import {
  cellOf,
  goTo,
  migrateDialog,
  milliseconds,
  newestPanel,
  openWindow,
  readCounters,
  sessionRow,
  stepOf,
  tickSessions,
  verdictOf,
} from './support/control-room.ts';
import { expect, test, type RunningHost } from './support/host.ts';
import { LiveClient, outOfOrder } from './support/live-client.ts';

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function through(host: RunningHost, application: string, endpoint = 'ep-a'): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint, application });
  clients.push(client);
  return client;
}

/** Straight to a demo server, past the proxy. */
async function direct(host: RunningHost, endpoint: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.backendPort(endpoint), endpoint: null, application: 'bystander' });
  clients.push(client);
  return client;
}

/** A client that has put everything into its session that a move must carry, and that keeps asking. */
async function traveller(host: RunningHost): Promise<LiveClient> {
  const client = await through(host, 'traveller');
  await client.query("set timezone = 'Asia/Kathmandu'");
  await client.query("set app.user_id = '42'");
  await client.query('listen yard');
  client.work();
  await expect.poll(() => client.answers.length).toBeGreaterThan(20);
  expect(client.lastPort).toBe(host.backendPort('ep-a'));
  return client;
}

/** What must be true of a client that was moved to ep-b and noticed nothing. */
async function expectArrived(host: RunningHost, client: LiveClient): Promise<void> {
  const [a, b] = [host.backendPort('ep-a'), host.backendPort('ep-b')];
  const moved = client.answers.findIndex(({ port }) => port === b);
  expect(moved, 'an answer of the new server').toBeGreaterThan(0);
  await expect.poll(() => client.answers.length, 'answers after the move').toBeGreaterThan(moved + 50);
  expect(client.answers.slice(0, moved).every(({ port }) => port === a)).toBe(true);
  expect(client.answers.slice(moved).every(({ port }) => port === b)).toBe(true);
  expect(outOfOrder(client.answers), 'every answer once and in order').toEqual([]);
  expect(client.answers.filter(({ zone, userId }) => zone !== 'Asia/Kathmandu' || userId !== '42')).toEqual([]);

  const other = await direct(host, 'ep-b');
  await other.query("notify yard, 'hello from the new server'");
  await expect.poll(() => client.notifications).toContain('yard: hello from the new server');

  await client.rest();
  const statements = await client.query("select name, from_sql from pg_prepared_statements where name = 'which server answers'");
  expect(statements).toEqual([{ name: 'which server answers', from_sql: false }]);

  const nap = client.query('select pg_sleep(60)').then(
    () => null,
    (error: unknown) => error,
  );
  const naps = "select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'";
  await expect.poll(async () => (await other.query(naps)).length, 'the long statement on the new server').toBe(1);
  await client.cancel();
  expect(await nap).toMatchObject({ code: '57014' });
  expect(await client.query('select inet_server_port() as port')).toEqual([{ port: b }]);
  expect(client.errors, 'errors the client has seen').toEqual([]);
}

test('a session moves by a click while its client keeps querying', async ({ page, host }) => {
  const client = await traveller(host);
  await openWindow(page, host);

  const row = sessionRow(page, 'traveller');
  await expect(await cellOf(page, row, 'Endpoint')).toHaveText('ep-a');
  await expectAccessible(page, 'the sessions');
  await row.click();
  await expect(row).toHaveAttribute('aria-selected', 'true');
  await page.getByRole('button', { name: 'Move to…' }).click();

  await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
  await expect(verdictOf(page, 'traveller')).toContainText(/ready|waits/);
  await expectAccessible(page, 'the migrate dialog');
  await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();

  const panel = newestPanel(page);
  await expect(panel.getByRole('status')).toContainText('1 of 1 moved to ep-b');
  await expect(stepOf(panel, 'traveller')).toContainText('Success');
  expect(milliseconds(await panel.getByTestId('operation-pause').innerText())).toBeGreaterThan(0);
  await expect(await cellOf(page, row, 'Endpoint')).toHaveText('ep-b');
  await expect(await cellOf(page, row, 'Backend')).toHaveText(`127.0.0.1:${host.backendPort('ep-b')}`);
  await expect(await cellOf(page, row, 'Moves')).toHaveText('1');
  await expectAccessible(page, 'the sessions with a settled migration');

  await expectArrived(host, client);

  await goTo(page, 'Migrations');
  const line = page.getByRole('row').filter({ hasText: 'traveller' });
  await expect(line).toHaveCount(1);
  await expect(line).toContainText('ep-a → ep-b');
  await expect(line).toContainText('Success');
  const times = page.getByRole('row', { name: /^Pause/ });
  expect(milliseconds(await times.getByRole('cell').first().innerText())).toBeGreaterThan(0);
  expect(await readCounters(page)).toEqual({ attempted: 1, success: 1, recoverable: 0, fatal: 0, refused: 0 });
  await expect(page.getByRole('img', { name: /^Pause of moved sessions over/ }).locator('svg.recharts-surface')).toBeVisible();
  await expect(page.getByRole('img', { name: /^Settled per second over/ }).locator('svg.recharts-surface')).toBeVisible();
  await expectAccessible(page, 'the migrations');
});

test('the same by keyboard alone', async ({ page, host }) => {
  const client = await traveller(host);
  await openWindow(page, host);
  await expect(sessionRow(page, 'traveller')).toBeVisible();

  const press = async (key: string): Promise<void> => await page.keyboard.press(key);
  await press('/');
  await expect(page.getByRole('combobox', { name: 'Filter sessions' })).toBeFocused();
  await page.keyboard.type('travel');
  await press('ArrowDown');
  await expect(sessionRow(page, 'traveller')).toBeFocused();
  await press('Space');
  await expect(sessionRow(page, 'traveller')).toHaveAttribute('aria-selected', 'true');
  await press('m');
  const dialog = migrateDialog(page);
  const target = dialog.getByRole('radio', { name: /^ep-b/ });
  await expect(target).toBeFocused();
  await press('Space');
  await expect(target).toBeChecked();
  await expect(verdictOf(page, 'traveller')).toContainText(/ready|waits/);
  const confirm = dialog.getByRole('button', { name: 'Migrate 1 session' });
  for (let steps = 0; steps < 12 && !(await confirm.evaluate((button) => button === document.activeElement)); steps++) await press('Tab');
  await expect(confirm).toBeFocused();
  await press('Enter');

  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  await expect(dialog).toBeHidden();
  await expect(sessionRow(page, 'traveller'), 'focus returns to where the dialog was opened from').toBeFocused();
  await expectArrived(host, client);
});

test('several at once: one is refused by name, one waits for its COMMIT, the others move', async ({ page, host }) => {
  const plain = ['plain one', 'plain two', 'plain three'];
  const movers = await Promise.all(plain.map((name) => through(host, name)));
  for (const mover of movers) mover.work();
  const keeper = await through(host, 'keeper');
  await keeper.query('create temporary table shunting_list (id int)');
  const busy = await through(host, 'busy');
  await busy.query('begin');
  await busy.query('select 1');
  const [a, b] = [host.backendPort('ep-a'), host.backendPort('ep-b')];

  await openWindow(page, host);
  await tickSessions(page, [...plain, 'keeper', 'busy']);
  await page.getByRole('button', { name: 'Move to…' }).click();
  await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
  await expect(verdictOf(page, 'keeper')).toContainText('refused');
  await expect(verdictOf(page, 'keeper')).toContainText('shunting_list');
  await expect(verdictOf(page, 'busy')).toContainText('waits');
  await expect(verdictOf(page, 'busy')).toContainText('in transaction');
  await expectAccessible(page, 'the preflight of five sessions');
  await migrateDialog(page).getByRole('button', { name: 'Migrate 4 of 5 sessions' }).click();

  const panel = newestPanel(page);
  await expect(panel).toContainText('3 of 4 settled');
  await expect(stepOf(panel, 'busy')).toContainText('Waiting for a safe point');
  await expect(stepOf(panel, 'busy')).toContainText('in transaction');
  await expectAccessible(page, 'a migration under way');
  await expect.poll(() => movers.map(({ lastPort }) => lastPort)).toEqual([b, b, b]);
  expect(await busy.query('select inet_server_port() as port')).toEqual([{ port: a }]);
  await expect(stepOf(panel, 'busy')).toContainText('Waiting for a safe point');

  await busy.query('commit');
  await expect(panel.getByRole('status')).toContainText('4 of 4 moved to ep-b');
  expect(await busy.query('select inet_server_port() as port')).toEqual([{ port: b }]);

  expect(await keeper.query('select count(*)::int as rows, inet_server_port() as port from shunting_list')).toEqual([{ rows: 0, port: a }]);
  await expect(await cellOf(page, sessionRow(page, 'keeper'), 'Endpoint')).toHaveText('ep-a');
  for (const client of [...movers, keeper, busy]) {
    await client.rest();
    expect(client.errors, client.application).toEqual([]);
    expect(outOfOrder(client.answers)).toEqual([]);
  }
  await goTo(page, 'Migrations');
  expect(await readCounters(page)).toEqual({ attempted: 4, success: 4, recoverable: 0, fatal: 0, refused: 0 });
});

test('a session that loses its right to move after the preflight is refused with its name', async ({ page, host }) => {
  const client = await through(host, 'late keeper');
  await client.query('begin');
  await openWindow(page, host);
  await tickSessions(page, ['late keeper']);
  await page.getByRole('button', { name: 'Move to…' }).click();
  await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
  await expect(verdictOf(page, 'late keeper')).toContainText('waits');
  await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();
  const step = stepOf(newestPanel(page), 'late keeper');
  await expect(step).toContainText('Waiting for a safe point');
  await client.query('create temporary table late_list (id int)');
  await client.query('commit');
  await expect(step).toContainText('Refused');
  await expect(step).toContainText('late_list');
  await newestPanel(page).getByRole('button', { name: 'Show refused' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'late keeper' })).toContainText('late_list');
  expect(await readCounters(page)).toEqual({ attempted: 0, success: 0, recoverable: 0, fatal: 0, refused: 1 });
  expect(client.errors).toEqual([]);
});

test('a deadline passes, a wait is cancelled, a move is undone: the counters add up all the while', async ({ page, host }) => {
  const client = await through(host, 'undecided');
  await client.query('begin');
  const [a, b] = [host.backendPort('ep-a'), host.backendPort('ep-b')];
  const where = async (): Promise<unknown> => (await client.query('select inet_server_port() as port'))[0]?.['port'];
  await openWindow(page, host);
  await tickSessions(page, ['undecided']);

  const migrate = async (seconds: number): Promise<void> => {
    await page.getByRole('button', { name: 'Move to…' }).click();
    await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
    await migrateDialog(page)
      .getByRole('spinbutton', { name: /^Wait at most/ })
      .fill(String(seconds));
    await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();
    await expect(migrateDialog(page)).toBeHidden();
  };
  await migrate(1);
  await expect(newestPanel(page).getByRole('status')).toContainText('0 of 1 moved to ep-b');
  const step = stepOf(newestPanel(page), 'undecided');
  await expect(step).toContainText('Recoverable');
  await expect(step).toContainText('busy in transaction since');
  expect(await where()).toBe(a);
  await newestPanel(page).getByRole('button', { name: 'Dismiss' }).click();

  await migrate(60);
  await newestPanel(page).getByRole('button', { name: 'Cancel those that wait' }).click();
  await expect(step).toContainText('Recoverable');
  await expect(step).toContainText('cancelled by the operator');
  await newestPanel(page).getByRole('button', { name: 'Dismiss' }).click();
  await client.query('commit');
  expect(await where(), 'a cancelled move does not happen later').toBe(a);

  await migrate(30);
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  expect(await where()).toBe(b);
  await newestPanel(page).getByRole('button', { name: 'Undo…' }).click();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-a/ })).toBeChecked();
  await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-a');
  expect(await where()).toBe(a);

  await goTo(page, 'Migrations');
  expect(await readCounters(page)).toEqual({ attempted: 4, success: 2, recoverable: 2, fatal: 0, refused: 0 });
  await page.getByRole('radio', { name: 'Recoverable' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'undecided' })).toHaveCount(2);
  expect(client.errors).toEqual([]);
});
