/** A server is emptied, and filled again, by its operator: who holds it up is named, new clients go elsewhere, and one click undoes it. */
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, newestPanel, openWindow, sessionRow } from './support/control-room.ts';
import { expect, test, type RunningHost } from './support/host.ts';
import { LiveClient, outOfOrder } from './support/live-client.ts';

test.use({ hostWords: ['--demo'] });

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function through(host: RunningHost, application: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application });
  clients.push(client);
  return client;
}

const port = 'select inet_server_port() as port';

test('a drain names whom it waits for, takes new clients elsewhere, and is undone', async ({ page, host }) => {
  const busy = await through(host, 'busy');
  busy.work();
  const lingering = await through(host, 'lingering');
  await lingering.query('begin');
  const [before] = await lingering.query(port);
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  const line = endpointLine(page, 'ep-a');
  await line.getByRole('button', { name: 'Server of ep-a' }).click();
  await page.getByRole('menuitem', { name: 'Drain this server…' }).click();
  const dialog = page.getByRole('dialog', { name: /^Drain / });
  await expect(dialog.getByRole('radio', { name: /ep-b/ })).toBeChecked();
  await expect(dialog).toContainText('clients that ask for ep-a are served by ep-b');
  await expectAccessible(page, 'the drain dialog');
  await dialog.getByRole('button', { name: /^Drain \d+ sessions$/ }).click();

  const panel = newestPanel(page);
  const waits = panel.getByRole('list', { name: 'Sessions it waits for' });
  await expect(waits.getByRole('listitem')).toHaveCount(1);
  await expect(waits).toContainText('lingering');
  await expect(waits).toContainText('transaction');
  await expect(line).toContainText('drained, new clients go to ep-b');
  await expectAccessible(page, 'a drain under way');
  // Who comes now is served elsewhere.
  const newcomer = await through(host, 'newcomer');
  const [there] = await newcomer.query(port);
  expect(there).not.toEqual(before);

  await lingering.query('commit');
  await expect(panel.getByRole('status')).toContainText('moved to ep-b');
  expect((await lingering.query(port))[0]).toEqual(there);
  await panel.getByRole('button', { name: 'Undo' }).click();
  await expect(line).not.toContainText('drained');
  await expect.poll(async () => (await lingering.query(port))[0]).toEqual(before);
  await expect.poll(() => busy.answers.at(-1)?.port).toBe((before as { port: number }).port);
  expect(outOfOrder(busy.answers)).toEqual([]);
  expect([busy, lingering, newcomer].flatMap(({ errors }) => errors)).toEqual([]);
});

test('what refuses a session can be taken along, and its timeline tells of it', async ({ page, host }) => {
  const locker = await through(host, 'locker');
  await locker.query('select pg_advisory_lock(4711)');
  await openWindow(page, host);
  await sessionRow(page, 'locker')
    .getByRole('button', { name: /^Open details of session/ })
    .click();
  const drawer = page.getByRole('complementary', { name: /^Details of session/ });
  await drawer.getByRole('button', { name: 'Move to…' }).click();
  const dialog = page.getByRole('dialog', { name: /^Migrate / });
  await dialog.getByRole('radio', { name: /ep-b/ }).check();
  await expect(dialog.getByRole('button', { name: 'None can move' })).toBeDisabled();
  await dialog.getByRole('checkbox', { name: 'advisory locks' }).check();
  await expectAccessible(page, 'the migrate dialog with something to take along');
  await dialog.getByRole('button', { name: 'Migrate 1 session' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  expect(await locker.query("select count(*)::int as held from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()")).toEqual([
    { held: 1 },
  ]);
  const timeline = drawer.getByRole('list', { name: /^Timeline of session/ });
  await expect(timeline.getByRole('listitem').first()).toContainText('migrated');
  await expect(timeline.getByRole('listitem').last()).toContainText('connected');
  await expectAccessible(page, 'a session with its timeline');
});
