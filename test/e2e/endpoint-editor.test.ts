/** The endpoint map edited as a whole: staged, looked at, applied or dropped; and drafts read from what there is. */
import type { Locator, Page } from '@playwright/test';
import { startCluster, type Cluster } from '../../main/demo/cluster.ts';
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, openWindow } from './support/control-room.ts';
import { expect, test } from './support/host.ts';
import { LiveClient } from './support/live-client.ts';

let third: Cluster;
test.beforeAll(async () => {
  third = await startCluster();
});
test.afterAll(async () => {
  await third.stop('immediate');
});

const pendingChange = (page: Page, title: string): Locator => page.getByRole('listitem', { name: title, exact: true });

test('edits wait with what they would do, survive a look elsewhere, and are applied together', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application: 'commuter' });
  await expect(endpointLine(page, 'ep-a')).toContainText('1 session');

  await page.getByRole('button', { name: 'Add endpoint' }).click();
  const adding = page.getByRole('dialog', { name: 'Add an endpoint' });
  await adding.getByRole('textbox', { name: 'Name' }).fill('ep-c');
  // Tested as it is typed, and only the answer to what stands there is shown.
  await adding.getByRole('textbox', { name: 'Server' }).fill(third.url('no_such_database'));
  await expect(adding.getByRole('alert')).toContainText('database "no_such_database" does not exist');
  await adding.getByRole('textbox', { name: 'Server' }).fill(third.url());
  await expect(adding.getByRole('status')).toContainText(`PostgreSQL ${third.version} answers`);
  await adding.getByRole('checkbox', { name: /^Default/ }).check();
  await adding.getByRole('radio', { name: 'Colour F' }).click();
  await adding.getByRole('button', { name: 'Stage' }).click();
  await expect(adding).toBeHidden();

  await page.getByRole('button', { name: 'Edit ep-b' }).click();
  const renaming = page.getByRole('dialog', { name: 'Edit endpoint ep-b' });
  await renaming.getByRole('textbox', { name: 'Name' }).fill('ep-branch');
  await renaming.getByRole('radio', { name: 'Transaction' }).click();
  await renaming.getByRole('button', { name: 'Stage' }).click();

  await page.getByRole('button', { name: 'Edit ep-a' }).click();
  const moving = page.getByRole('dialog', { name: 'Edit endpoint ep-a' });
  await moving.getByRole('textbox', { name: 'Server' }).fill(third.url());
  await moving.getByRole('button', { name: 'Stage' }).click();

  await goTo(page, 'Pools');
  await goTo(page, 'Endpoints');
  await expect(pendingChange(page, 'Add ep-c')).toContainText(`ep-c is added: it leads to 127.0.0.1:${third.port}`);
  await expect(pendingChange(page, 'Add ep-c')).toContainText('ep-c is the default');
  await expect(pendingChange(page, 'Add ep-c')).toContainText(`PostgreSQL ${third.version} answers`);
  await expect(pendingChange(page, 'Rename ep-b to ep-branch')).toContainText('Its sessions are pooled in transaction mode');
  await expect(pendingChange(page, 'Change ep-a')).toContainText('1 session stays on the former backend until you move it');
  await expect(endpointLine(page, 'ep-c')).toHaveCount(0);
  await expectAccessible(page, 'pending changes');

  await page.getByRole('button', { name: 'Apply 3 changes' }).click();
  await expect(endpointLine(page, 'ep-c')).toContainText('default');
  await expect(endpointLine(page, 'ep-branch')).toContainText('transaction');
  await expect(endpointLine(page, 'ep-b')).toHaveCount(0);
  await expect(endpointLine(page, 'ep-a')).toContainText(`127.0.0.1:${third.port}`);
  await expect(page.getByRole('region', { name: /pending change/ })).toHaveCount(0);
  // Who stays behind can be brought along; it goes on meanwhile.
  await expect(page.getByRole('main')).toContainText('1 session of ep-a is still on the former backend.');
  expect(await client.query('select inet_server_port() as port')).toEqual([{ port: host.backendPort('ep-a') }]);
  await client.close();

  await page.getByRole('button', { name: 'Remove ep-branch' }).click();
  await page.getByRole('button', { name: 'Remove ep-a' }).click();
  await expect(page.getByRole('button', { name: 'Apply 2 changes' })).toBeEnabled();
  await page.getByRole('button', { name: 'Drop: Remove ep-a' }).click();
  await expect(page.getByRole('button', { name: 'Apply 1 change' })).toBeEnabled();
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(page.getByRole('region', { name: /pending change/ })).toHaveCount(0);
  await expect(endpointLine(page, 'ep-branch')).toBeVisible();
});

test('endpoints are read from a password file, chosen, and their password never shows', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Import endpoints' });
  await dialog.getByRole('radio', { name: 'Password file' }).click();
  const text = [`127.0.0.1:${third.port}:postgres:postgres:sesame\\:open`, `other.invalid:5432:ep-a:me:hunter2`, '*:*:*:me:hunter2'].join(
    '\n',
  );
  await dialog.locator('input[type="file"]').setInputFiles({ name: '.pgpass', mimeType: 'text/plain', buffer: Buffer.from(text) });
  const drafts = dialog.getByRole('list', { name: 'Drafts' });
  await expect(drafts.getByRole('listitem')).toHaveCount(2);
  await expect(dialog).toContainText('Line 3: It stands for every host');
  // A name that is taken is proposed with a number.
  await expect(drafts.getByRole('textbox', { name: 'Name of ep-a-2' })).toHaveValue('ep-a-2');
  await expectAccessible(page, 'drafts');
  await drafts.getByRole('checkbox', { name: 'Take ep-a-2' }).uncheck();
  await drafts.getByRole('textbox', { name: 'Name of postgres' }).fill('imported');
  await dialog.getByRole('button', { name: 'Stage 1 endpoint' }).click();

  await expect(pendingChange(page, 'Add imported')).toContainText(`PostgreSQL ${third.version} answers`);
  await page.getByRole('button', { name: 'Apply 1 change' }).click();
  await expect(endpointLine(page, 'imported')).toContainText('password set');
  expect(await page.content()).not.toMatch(/sesame|hunter2/);
});
