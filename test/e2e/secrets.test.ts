/**
 * No secret of the host's is ever in the window: not in its page, not in what it stores, not in the strings of its heap; and what is
 * typed into a form is gone once the form is.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from '@playwright/test';
import pg from 'pg';
import { scramKeys } from '../../core/auth/scram-keys.ts';
import { makeVerifier, parseVerifier } from '../../core/auth/verifier.ts';
import { startCluster, type Cluster } from '../../main/demo/cluster.ts';
import { Plants } from '../support/secrets.ts';
import config from '../playwright.config.ts';
import { endpointLine, goTo, migrateDialog, newestPanel, openWindow, sessionRow, tickSessions, type View } from './support/control-room.ts';
import { expect, test as base } from './support/host.ts';

const planted = (what: string): string => `pl4nted-${what}-${randomBytes(6).toString('hex')}`;
const password = { first: planted('first'), second: planted('second'), client: planted('client'), wrong: planted('wrong') };
const typed = { endpoint: planted('typed-endpoint'), user: planted('typed-user') };
const plants = new Plants();
const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-e2e-secrets-'));
let first: Cluster;
let second: Cluster;

const url = (cluster: Cluster, secret: string): string =>
  `postgresql://postgres:${encodeURIComponent(secret)}@127.0.0.1:${cluster.port}/postgres`;

const test = base.extend({
  hostWords: async ({ browserName: _browserName }, use) => {
    const map = [`first=${url(first, password.first)}`, `second=${url(second, password.second)}`, `wrong=${url(second, password.wrong)}`];
    await use(['--endpoint-map', map.join(','), '--settings', path.join(folder, 'settings.json')]);
  },
});

// V8 keeps the first 1,024 characters of a string in a snapshot unless told otherwise.
const { launchOptions } = config.use ?? {};
test.use({
  launchOptions: { ...launchOptions, args: [...(launchOptions?.args ?? []), '--js-flags=--heap-snapshot-string-limit=536870912'] },
});

test.beforeAll(async () => {
  [first, second] = await Promise.all([
    startCluster({ auth: 'scram-sha-256', password: password.first }),
    startCluster({ auth: 'scram-sha-256', password: password.second }),
  ]);
  const text = await makeVerifier(password.client);
  const verifier = parseVerifier(text);
  if (verifier?.kind !== 'scram') throw new Error('no verifier was made');
  writeFileSync(
    path.join(folder, 'settings.json'),
    JSON.stringify({ authentication: { method: 'scram-sha-256', users: [{ name: 'carol', verifier: text }] } }),
    { mode: 0o600 },
  );
  for (const [name, value] of Object.entries({ ...password, ...typed })) plants.plant(`password ${name}`, value);
  plants.plant('verifier', text);
  plants.plant('stored key', verifier.storedKey);
  plants.plant('server key', verifier.serverKey);
  plants.plant('client key', (await scramKeys(password.client, verifier.salt, verifier.iterations)).clientKey);
});
test.afterAll(async () => {
  await Promise.all([first.stop('immediate'), second.stop('immediate')]);
  rmSync(folder, { recursive: true });
});

/** Every string that the page holds, by a snapshot of its heap after a collection. */
async function heapOf(page: Page): Promise<string> {
  const devtools = await page.context().newCDPSession(page);
  try {
    await devtools.send('HeapProfiler.enable');
    await devtools.send('HeapProfiler.collectGarbage');
    const chunks: string[] = [];
    devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(chunk));
    await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    const { strings } = JSON.parse(chunks.join('')) as { strings: string[] };
    return strings.join('\n');
  } finally {
    await devtools.detach();
  }
}

/** What else the page has: its document, its fields, what it stores. */
async function pageOf(page: Page): Promise<string> {
  const rest = await page.evaluate(() => [
    JSON.stringify(Object.entries(localStorage)),
    JSON.stringify(Object.entries(sessionStorage)),
    document.cookie,
    ...[...document.querySelectorAll('input')].map((input) => input.value),
  ]);
  return [await page.content(), page.url(), ...rest].join('\n');
}

async function login(port: number, secret: string, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'carol',
    password: secret,
    database,
    application_name: 'carols-application',
  });
  await client.connect();
  return client;
}

test('none is in the heap of the window, whatever it has been shown', async ({ page, host }) => {
  await openWindow(page, host);
  const client = await login(host.proxy.port, password.client, 'first/postgres');
  await expect(sessionRow(page, 'carols-application')).toBeVisible();
  await expect(login(host.proxy.port, password.wrong, 'first/postgres')).rejects.toThrow('password authentication failed');

  await tickSessions(page, ['carols-application']);
  await page.getByRole('button', { name: 'Move to…' }).first().click();
  await migrateDialog(page)
    .getByRole('radio', { name: /^wrong/ })
    .click();
  await expect(migrateDialog(page)).toContainText('password authentication failed');
  await migrateDialog(page)
    .getByRole('radio', { name: /^second/ })
    .click();
  await migrateDialog(page)
    .getByRole('button', { name: /^Migrate/ })
    .click();
  await expect(newestPanel(page)).toContainText(/moved|success/i);
  expect((await client.query('SELECT inet_server_port() AS port')).rows).toEqual([{ port: second.port }]);

  for (const view of ['Yard', 'Endpoints', 'Pools', 'Migrations', 'History', 'Events', 'Settings'] as View[]) await goTo(page, view);
  await page.getByRole('textbox', { name: 'User name' }).fill('dave');
  await page.getByLabel('User password').fill(typed.user);
  await page.getByRole('button', { name: 'Add user' }).click();
  await expect(page.getByText('dave was added.')).toBeVisible();

  await goTo(page, 'Endpoints');
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const form = page.getByRole('dialog', { name: 'Add an endpoint' });
  await form.getByRole('textbox', { name: 'Name' }).fill('third');
  await form.getByRole('textbox', { name: 'Server' }).fill(`postgresql://postgres@127.0.0.1:${second.port}/postgres`);
  await form.getByLabel('Password').fill(typed.endpoint);
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form.getByRole('alert')).toContainText('password authentication failed');
  await form.getByRole('button', { name: 'Add endpoint' }).click();
  await expect(form).toBeHidden();
  await expect(endpointLine(page, 'third')).toBeVisible();
  await goTo(page, 'Events');
  await goTo(page, 'Sessions');
  await client.end();

  // The snapshot shows what the page knows, to its last string.
  const control = planted('control');
  await page.evaluate((value) => Object.assign(window, { control: { text: value } }), `${'-'.repeat(8_192)}${control}`);
  const heap = await heapOf(page);
  for (const word of [control, 'carols-application', '127.0.0.1']) expect(heap.includes(word), `${word} is in the heap`).toBe(true);
  expect(plants.in(heap), 'in the heap').toEqual([]);
  expect(plants.in(await pageOf(page)), 'in the page').toEqual([]);
});
