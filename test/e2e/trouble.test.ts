/** Trouble: servers and clients are killed, rubbish is sent. The host lives, others notice nothing, the page tells what happened. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, migrateDialog, openWindow, sessionRow, verdictOf } from './support/control-room.ts';
import { expect, test, type RunningHost } from './support/host.ts';
import { LiveClient, outOfOrder } from './support/live-client.ts';
import { rubbish } from './support/rubbish.ts';
import { fields, startup, WireClient } from '../support/wire-client.ts';

const clients: LiveClient[] = [];

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close().catch(() => undefined)));
});

async function worker(host: RunningHost, application: string, endpoint: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint, application });
  clients.push(client);
  client.work();
  await expect.poll(() => client.answers.length).toBeGreaterThan(0);
  return client;
}

/** It goes on answering, and nothing went wrong so far. */
async function expectUnharmed(client: LiveClient): Promise<void> {
  const before = client.answers.length;
  await expect.poll(() => client.answers.length, `${client.application} goes on`).toBeGreaterThan(before + 20);
  expect(client.errors, client.application).toEqual([]);
  expect(outOfOrder(client.answers)).toEqual([]);
}

function event(page: Page, code: string): Locator {
  return page
    .getByRole('main')
    .getByRole('row')
    .filter({ has: page.getByText(code, { exact: true }) });
}

test('a server killed under load takes only its own sessions along, and the page tells', async ({ page, host }) => {
  await openWindow(page, host);
  const near = await worker(host, 'on the other server', 'ep-a');
  const hit = await worker(host, 'on the killed server', 'ep-b');
  await goTo(page, 'Endpoints');
  await page.getByRole('switch', { name: 'Workload of a dozen clients' }).click();
  await expect(endpointLine(page, 'ep-a')).toContainText('7 sessions');
  await expect(endpointLine(page, 'ep-b')).toContainText('7 sessions');
  host.watchProcesses();

  process.kill(host.postmaster('ep-b'), 'SIGKILL');

  const line = endpointLine(page, 'ep-b');
  await expect(line).toContainText('down', { timeout: 5_000 });
  await expect(line).toContainText(/refused/i);
  await expect(endpointLine(page, 'ep-a')).toContainText('up');
  await expect.poll(() => hit.errors.length, 'the client of the killed server is told').toBeGreaterThan(0);
  await expectUnharmed(near);
  await expect(endpointLine(page, 'ep-a'), 'the workload of the other server').toContainText('7 sessions');
  await expectAccessible(page, 'an endpoint that is down');

  await goTo(page, 'Events');
  await expect(event(page, 'backend_down')).toHaveCount(1);
  await expect(event(page, 'backend_down')).toContainText(`127.0.0.1:${host.backendPort('ep-b')} is down`);
  await expect(event(page, 'server_lost').first()).toContainText('lost its server connection');
  await expectAccessible(page, 'the events of a lost server');

  const late = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-b', application: 'too late' }).catch(
    (error: unknown) => error,
  );
  expect(late).toMatchObject({ code: '08001' });

  await goTo(page, 'Sessions');
  await sessionRow(page, 'on the other server').click();
  await page.getByRole('button', { name: 'Move to…' }).click();
  await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
  await expect(verdictOf(page, 'on the other server')).toContainText('refused');
  await expect(verdictOf(page, 'on the other server')).toContainText('nothing listens on');
  await expect(migrateDialog(page).getByRole('button', { name: 'None can move' })).toBeDisabled();
  await expectAccessible(page, 'a move that is refused');
  await expectUnharmed(near);
});

/** How many events of a kind there were: equal ones are one line that says how often. */
function timesSaid(page: Page, code: string): Promise<number> {
  return event(page, code).evaluateAll((lines) =>
    lines.reduce((sum, line) => sum + Number(/(\d+) times/.exec(line.textContent ?? '')?.[1] ?? 1), 0),
  );
}

test('rubbish on the port of the proxy is an event and nothing else', async ({ page, host }) => {
  await openWindow(page, host);
  const client = await worker(host, 'bystander', 'ep-a');
  await goTo(page, 'Events');

  for (const [what, bytes] of rubbish) {
    const wire = await WireClient.open(host.proxy.port);
    wire.write(bytes);
    const answer = await wire.next();
    expect(answer.type, what).toBe('E');
    expect(fields(answer), what).toMatchObject({ S: 'FATAL' });
    await wire.closed();
    wire.destroy();
  }
  await expect.poll(() => timesSaid(page, 'protocol_violation')).toBe(rubbish.length);

  // Past the login, where the server would be the one to be confused.
  const { client: wire } = await WireClient.start(host.proxy.port, { options: 'endpoint=ep-a', application_name: 'babbler' });
  wire.write(Buffer.from('\u0001\u0002rubbish in the middle of a session, long enough to hold a length'));
  const answer = (await wire.until('E')).find(({ type }) => type === 'E');
  expect(answer && fields(answer)).toMatchObject({ S: 'FATAL', C: '08P01' });
  await wire.closed();
  wire.destroy();
  await expect.poll(() => timesSaid(page, 'protocol_violation')).toBe(rubbish.length + 1);

  // Half a packet, then gone: nothing to tell.
  const half = await WireClient.open(host.proxy.port);
  half.write(startup({ user: 'postgres', database: 'postgres' }).subarray(0, 20));
  half.destroy();

  await expectUnharmed(client);
  await goTo(page, 'Sessions');
  await expect(page.getByRole('grid', { name: 'Sessions' })).toHaveAttribute('aria-rowcount', '2');
});

/** Clients as processes of their own, to be killed: what each does once it is connected. */
const habits = {
  'idle victim': '',
  'busy victim': "for (;;) await client.query('select 1');",
  'victim in a transaction': "await client.query('begin'); await client.query('lock table depot');",
  'sleeping victim': "await client.query('select pg_sleep(600)');",
};

function startVictim(host: RunningHost, name: string, habit: string): ChildProcess {
  const program = `
    import pg from 'pg';
    const client = new pg.Client({ host: '127.0.0.1', port: ${host.proxy.port}, user: 'postgres', database: 'postgres',
      options: 'endpoint=ep-a', application_name: ${JSON.stringify(name)} });
    await client.connect();
    ${habit}
    setInterval(() => {}, 60_000);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'ignore', 'inherit'] });
}

test('clients that are killed are seen to go, and hold nothing on the server', async ({ page, host }) => {
  await openWindow(page, host);
  const other = await worker(host, 'survivor', 'ep-a');
  const watcher = await LiveClient.connect({ port: host.backendPort('ep-a'), endpoint: null, application: 'watcher' });
  clients.push(watcher);
  const children = Object.entries(habits).map(([name, habit]) => startVictim(host, name, habit));
  const sleeper = sessionRow(page, 'sleeping victim');
  try {
    await expect(sessionRow(page, 'idle victim')).toContainText('idle');
    await expect(sessionRow(page, 'busy victim')).toContainText('SELECT');
    await expect(sessionRow(page, 'victim in a transaction')).toContainText('LOCK');
    await expect(sleeper).toContainText('active');
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }

  for (const name of ['idle victim', 'busy victim', 'victim in a transaction']) await expect(sessionRow(page, name)).toHaveCount(0);
  await watcher.query("set lock_timeout = '5s'; select count(*) from depot");
  // Its client may only have closed its half and still read: the answer is owed until the operator says otherwise.
  await expect(sleeper).toContainText('closing');
  await sleeper.click();
  await page.getByRole('button', { name: 'End…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'End 1 session' }).click();
  await expect(sleeper.getByRole('checkbox')).toBeDisabled();
  // Rows keep their places under the pointer.
  await page.getByRole('heading', { name: 'Sessions' }).hover();
  await expect(sleeper).toHaveCount(0);
  const naps = "select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(600)'";
  await expect.poll(async () => (await watcher.query(naps)).length, 'its statement on the server').toBe(0);
  await expectUnharmed(other);

  await goTo(page, 'Events');
  await expect(event(page, 'client_lost')).toHaveCount(3);
  await expect(event(page, 'client_lost').filter({ hasText: 'victim in a transaction' })).toHaveCount(1);
  await expect(event(page, 'session_closed')).toHaveCount(1);
});

test('SIGTERM under load: the page says so, and nothing is left', async ({ page, host, faults }) => {
  faults.expect(/WebSocket connection to/);
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  await page.getByRole('switch', { name: 'Workload of a dozen clients' }).click();
  await expect(endpointLine(page, 'ep-a')).toContainText('6 sessions');
  const client = await worker(host, 'last one', 'ep-a');
  await host.stop();
  expect(client.errors[0]).toMatchObject({ code: '57P01' });
  await expect(page.getByTestId('lost-banner')).toContainText('Connection to the host lost');
  await expectAccessible(page, 'a window without its host');
});

test('SIGTERM after a server was killed leaves nothing either', async ({ host }) => {
  host.watchProcesses();
  process.kill(host.postmaster('ep-a'), 'SIGKILL');
  await host.stop();
});
