/** The endpoint map by its form: a third real server is tested, added, remapped with its session, and removed. */
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Locator, Page } from '@playwright/test';
import { startCluster, type Cluster } from '../../main/demo/cluster.ts';
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, migrateDialog, newestPanel, openWindow, verdictOf } from './support/control-room.ts';
import { expect, test } from './support/host.ts';
import { LiveClient, outOfOrder } from './support/live-client.ts';

let third: Cluster;
const clients: LiveClient[] = [];

test.beforeAll(async () => {
  third = await startCluster();
});

test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

test.afterAll(async () => {
  await third.stop('immediate');
});

async function through(port: number, endpoint: string): Promise<LiveClient> {
  const client = await LiveClient.connect({ port, endpoint, application: 'commuter' });
  clients.push(client);
  client.work();
  await expect.poll(() => client.answers.length).toBeGreaterThan(0);
  return client;
}

/** A port of this machine on which nothing listens. */
async function deafPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function addThird(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const form = page.getByRole('dialog', { name: 'Add an endpoint' });
  await form.getByRole('textbox', { name: 'Name' }).fill('ep-c');
  await form.getByRole('textbox', { name: 'Server' }).fill(third.url());
  await form.getByRole('button', { name: 'Add endpoint' }).click();
  await expect(form).toBeHidden();
  const line = endpointLine(page, 'ep-c');
  await expect(line).toContainText(`PostgreSQL ${third.version}`);
  return line;
}

test('an endpoint is tested, with readable reasons, and added', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  await expect(endpointLine(page, 'ep-a')).toContainText('up');
  await expect(endpointLine(page, 'ep-b')).toContainText('up');
  await expectAccessible(page, 'the endpoints');

  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const form = page.getByRole('dialog', { name: 'Add an endpoint' });
  await form.getByRole('button', { name: 'Add endpoint' }).click();
  await expect(form).toContainText('Give it a name');
  await form.getByRole('textbox', { name: 'Name' }).fill('ep-c');

  const nowhere = await deafPort();
  await form.getByRole('textbox', { name: 'Server' }).fill(`postgresql://postgres@127.0.0.1:${nowhere}/postgres`);
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form.getByRole('alert')).toContainText(`127.0.0.1:${nowhere}`);
  await expect(form.getByRole('alert')).toContainText(/refused/i);
  await expectAccessible(page, 'a failed test of a connection');

  await form.getByRole('textbox', { name: 'Server' }).fill(third.url('no_such_database'));
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form.getByRole('alert')).toContainText('database "no_such_database" does not exist');

  await form.getByRole('textbox', { name: 'Server' }).fill(third.url());
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form).toContainText(`PostgreSQL ${third.version} answers`);
  await form.getByRole('button', { name: 'Add endpoint' }).click();
  await expect(form).toBeHidden();
  await expect(endpointLine(page, 'ep-c')).toContainText(`127.0.0.1:${third.port}`);
  await expect(endpointLine(page, 'ep-c')).toContainText('up');

  const client = await through(host.proxy.port, 'ep-c');
  expect(client.lastPort).toBe(third.port);
  await expect(endpointLine(page, 'ep-c')).toContainText('1 session');
});

test('a remap offers to move its sessions, and moves them', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  await addThird(page);
  const client = await through(host.proxy.port, 'ep-c');

  await page.getByRole('button', { name: 'Edit ep-c' }).click();
  const form = page.getByRole('dialog', { name: 'Edit endpoint ep-c' });
  await form.getByRole('textbox', { name: 'Server' }).fill(`postgresql://postgres@127.0.0.1:${host.backendPort('ep-b')}/postgres`);
  await form.getByRole('button', { name: 'Save endpoint' }).click();
  await expect(endpointLine(page, 'ep-c')).toContainText(`127.0.0.1:${host.backendPort('ep-b')}`);
  await expect(page.getByRole('main')).toContainText('1 session of ep-c is still on the former backend.');
  await expectAccessible(page, 'the offer to move sessions');
  const before = client.answers.length;
  await expect.poll(() => client.answers.length, 'it keeps working where it is').toBeGreaterThan(before + 20);
  expect(client.lastPort).toBe(third.port);

  await page.getByRole('button', { name: 'Move 1 session' }).click();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-c/ })).toBeChecked();
  await expect(verdictOf(page, 'commuter')).toContainText(/ready|waits/);
  await migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-c');
  await expect.poll(() => client.lastPort).toBe(host.backendPort('ep-b'));
  await client.rest();
  expect(client.errors).toEqual([]);
  expect(outOfOrder(client.answers)).toEqual([]);
});

test('an endpoint in use cannot be removed; unused it can', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  const line = await addThird(page);
  const client = await through(host.proxy.port, 'ep-c');
  await expect(line).toContainText('1 session');

  const pending = page.getByRole('region', { name: '1 pending change' });
  const change = pending.getByRole('listitem', { name: 'Remove ep-c' });
  const apply = pending.getByRole('button', { name: 'Apply 1 change' });
  await page.getByRole('button', { name: 'Remove ep-c' }).click();
  await expect(change).toContainText('Endpoint ep-c cannot be removed: sessions belong to it.');
  await expect(change.getByRole('button', { name: 'Move 1 session…' })).toBeVisible();
  await expect(apply).toBeDisabled();
  await expect(line).toContainText('removal pending');
  await expectAccessible(page, 'a refusal');

  // The preview follows the sessions.
  await client.close();
  await expect(line).toContainText('0 sessions');
  await expect(change).toContainText('ep-c is removed: clients that ask for it get the default');
  await expect(change).toContainText('the server itself is not touched');
  await apply.click();
  await expect(line).toHaveCount(0);
  await goTo(page, 'Events');
  await expect(page.getByRole('row').filter({ hasText: 'Endpoint ep-c was removed.' })).toBeVisible();
  await expectAccessible(page, 'the events');
});
