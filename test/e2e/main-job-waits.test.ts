/** A pool exhausted by forgotten transactions: the waits name who holds the server connections, and one click frees the queue. */
import { expectAccessible } from './support/accessibility.ts';
import { goTo, openWindow } from './support/control-room.ts';
import { expect, test, type RunningHost } from './support/host.ts';
import { LiveClient } from './support/live-client.ts';

test.use({ hostWords: ['--demo', '--tcp-pool-mode', 'transaction', '--pool-size', '2'] });

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

async function through(host: RunningHost, application: string, endpoint = 'ep-a'): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint, application });
  clients.push(client);
  return client;
}

test('two forgotten transactions hold a pool of two; Roll back on one serves who waits, and hurts nobody else', async ({ page, host }) => {
  const forgotten = await through(host, 'forgotten');
  const other = await through(host, 'other');
  const bystander = await through(host, 'bystander');
  const elsewhere = await through(host, 'elsewhere', 'ep-b');
  elsewhere.work();
  // Detached, with something set that has to be there afterwards.
  await bystander.query("set timezone = 'Asia/Kathmandu'");
  await forgotten.query('begin');
  await forgotten.query('create table left_behind (n int)');
  await other.query('begin');
  expect(await other.query('select 1 as n')).toEqual([{ n: 1 }]);

  const third = await through(host, 'third');
  const answer = third.query('select 42 as n');
  await openWindow(page, host);
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: '1 session waits for a server connection' }).click();

  const holders = page.getByRole('list', { name: 'Sessions that hold a server connection' }).getByRole('listitem');
  await expect(holders).toHaveCount(2);
  await expect(holders.nth(0)).toContainText('forgotten');
  await expect(holders.nth(0)).toContainText(/idle in transaction for \d+ s/);
  await expect(holders.nth(1)).toContainText('other');
  const waiting = page.getByRole('list', { name: 'Sessions that wait' }).getByRole('listitem');
  await expect(waiting).toHaveCount(1);
  await expect(waiting).toContainText('third');
  await expect(waiting).toContainText(/number 1, waits for \d+ s/);
  await expectAccessible(page, 'the waits');

  await holders
    .nth(0)
    .getByRole('button', { name: /^Roll back session \d+$/ })
    .click();
  expect(await answer, 'who waited').toEqual([{ n: 42 }]);
  await expect(page.getByRole('status').filter({ hasText: 'Its transaction was rolled back.' })).toBeVisible();
  await page.mouse.move(5, 5);
  await expect(page.getByRole('heading', { name: 'Nobody waits' })).toBeVisible();
  await expect(page.getByRole('link', { name: /for a server connection$/ })).toHaveCount(0);

  // The one that was rolled back is told, as in a failed transaction, and goes on after it.
  await expect(forgotten.query('select 1')).rejects.toMatchObject({ code: '25P02' });
  await forgotten.query('rollback');
  expect(await forgotten.query("select to_regclass('left_behind') as it")).toEqual([{ it: null }]);
  // The others noticed nothing: the transaction that was left alone commits, what was set is there, the other endpoint never stopped.
  expect(await other.query('select 2 as n')).toEqual([{ n: 2 }]);
  await other.query('commit');
  expect(await bystander.query("select current_setting('TimeZone') as zone")).toEqual([{ zone: 'Asia/Kathmandu' }]);
  const before = elsewhere.answers.length;
  await expect.poll(() => elsewhere.answers.length).toBeGreaterThan(before + 20);
  expect([forgotten, other, bystander, third, elsewhere].flatMap(({ errors }) => errors)).toEqual([]);
});

test('a pin is shown with its reason, and an endpoint is paused and resumed while a client asks', async ({ page, host }) => {
  const locker = await through(host, 'locker');
  await locker.query('select pg_advisory_lock(4711)');
  const worker = await through(host, 'worker');
  await openWindow(page, host);
  await goTo(page, 'Pools');
  await page.getByRole('navigation', { name: 'Parts of Pools' }).getByRole('link', { name: 'Pins' }).click();
  const pins = page.getByRole('list', { name: 'Pins by kind' });
  await expect(pins.getByRole('heading')).toHaveText(['Advisory locks']);
  await expect(pins).toContainText('locker');
  await expect(pins).toContainText('4711');
  await expectAccessible(page, 'the pins');
  await locker.query('select pg_advisory_unlock(4711)');
  await expect(page.getByRole('heading', { name: 'No pins' })).toBeVisible();

  await page.getByRole('navigation', { name: 'Parts of Pools' }).getByRole('link', { name: 'Occupancy' }).click();
  const line = page.getByRole('listitem', { name: 'Pooling of ep-a', exact: true });
  await line.getByRole('button', { name: 'Pause, reconnect or kill ep-a' }).click();
  await page.getByRole('menuitem', { name: /^Pause/ }).click();
  await expect(line.getByRole('status').filter({ hasText: 'Paused:' })).toBeVisible();
  const answer = worker.query('select 7 as n');
  await page
    .getByRole('navigation', { name: 'Views' })
    .getByRole('link', { name: /waits for a server connection$/ })
    .click();
  await expect(page.getByText('ep-a is paused: its sessions are given no server connection until it is resumed.')).toBeVisible();
  await page.getByRole('button', { name: 'Resume ep-a' }).click();
  expect(await answer).toEqual([{ n: 7 }]);
  expect([locker, worker].flatMap(({ errors }) => errors)).toEqual([]);
});
