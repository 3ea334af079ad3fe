/**
 * A new user with two servers of his own: found by the window, added by a click each, a client connected with what the window gives to
 * paste, and moved from one to the other as the window says.
 */
import pg from 'pg';
import type { Locator, Page } from '@playwright/test';
import { startCluster, type Cluster } from '../../../main/demo/cluster.ts';
import { expectAccessible } from '../support/accessibility.ts';
import { goTo, migrateDialog, newestPanel, openWindow } from '../support/control-room.ts';
import { expect, test, type RunningHost } from '../support/host.ts';

test.use({ hostWords: ['--settings', '{config}/settings.json'] });

let own: Cluster[] = [];
const clients: pg.Client[] = [];

test.beforeAll(async () => {
  own = [await startCluster(), await startCluster()];
});
test.afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});
test.afterAll(async () => {
  await Promise.all(own.map((cluster) => cluster.stop('immediate')));
});

/** The default run starts the demo; who has servers of his own switches it off. */
async function withoutDemo(page: Page, host: RunningHost, press: (button: Locator) => Promise<void>): Promise<void> {
  await openWindow(page, host);
  await goTo(page, 'Endpoints');
  host.watchProcesses();
  await press(page.getByRole('button', { name: 'Stop the demo' }));
  await expect(page.getByRole('heading', { name: 'No endpoints yet' })).toBeVisible({ timeout: 30_000 });
}

async function addFound(page: Page, cluster: Cluster, press: (button: Locator) => Promise<void>): Promise<void> {
  const server = page.getByRole('listitem', { name: `Server 127.0.0.1:${cluster.port}` });
  const add = server.getByRole('button', { name: `Add to the map: 127.0.0.1:${cluster.port}` });
  await expect(async () => {
    // A machine with every core busy may not have answered in time.
    const again = page.getByRole('button', { name: 'Look again' });
    await expect(again).toBeEnabled({ timeout: 15_000 });
    if (!(await add.isVisible())) await press(again);
    await expect(add).toBeVisible({ timeout: 15_000 });
  }).toPass({ timeout: 60_000 });
  await expect(server).toContainText(`PostgreSQL ${cluster.version}`);
  await press(add);
  await expect(server).toContainText(`in the map as local-${cluster.port}`);
}

/** What is shown to be pasted, used as it stands. */
async function connectAsShown(page: Page): Promise<pg.Client> {
  const shown = await page.getByText(/^postgresql:\/\//).textContent();
  const client = new pg.Client({ connectionString: shown ?? '', application_name: 'first-app', connectionTimeoutMillis: 20_000 });
  await client.connect();
  clients.push(client);
  return client;
}

async function portOf(client: pg.Client): Promise<unknown> {
  return (await client.query<{ port: number }>('select inet_server_port() as port')).rows[0]?.port;
}

async function journey(page: Page, host: RunningHost, press: (target: Locator) => Promise<void>): Promise<void> {
  const [one, other] = own as [Cluster, Cluster];
  const started = Date.now();
  await withoutDemo(page, host, press);
  await expectAccessible(page, 'the first steps');

  await press(page.getByRole('button', { name: 'Find my servers' }));
  const servers = page.getByRole('dialog', { name: 'Servers on this machine' });
  await addFound(page, one, press);
  await addFound(page, other, press);
  await expectAccessible(page, 'the servers of this machine');
  await press(servers.getByRole('button', { name: 'Close', exact: true }));
  await press(page.getByRole('link', { name: 'Sessions', exact: true }));
  await expect(page.getByRole('heading', { name: 'No sessions yet' })).toBeVisible();
  await expect(page.getByText('Waiting for the first session…')).toBeVisible();
  await expectAccessible(page, 'the wait for the first session');

  await press(page.getByRole('radio', { name: 'URL' }));
  const client = await connectAsShown(page);
  await client.query(`set app.user_id = 'kept'`);
  expect(await portOf(client)).toBe(one.port);
  await expect(page.getByText(/first-app \(session \d+\) has come in: it is on/)).toBeVisible();
  await expectAccessible(page, 'the first session');

  await press(page.getByRole('button', { name: `Now move it to local-${other.port}` }));
  await expect(migrateDialog(page).getByRole('radio', { name: new RegExp(`^local-${other.port}`) })).toBeChecked();
  await press(migrateDialog(page).getByRole('button', { name: /^Migrate 1 session/ }));
  await expect(newestPanel(page).getByRole('status')).toContainText(`1 of 1 moved to local-${other.port}`);
  expect(await portOf(client)).toBe(other.port);
  expect((await client.query(`select current_setting('app.user_id') as id`)).rows).toEqual([{ id: 'kept' }]);
  await expect(page.getByText(new RegExp(`first-app \\(session \\d+\\) moved to 127.0.0.1:${other.port}\\.`))).toBeVisible();
  await expectAccessible(page, 'the first move');
  const seconds = (Date.now() - started) / 1_000;
  console.log(`from the empty window to the first moved client: ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(180);

  await press(page.getByRole('button', { name: 'Done', exact: true }));
  await expect(page.getByText(/first-app \(session \d+\) moved to/)).toBeHidden();
}

test('from an empty window to the first client moved between two own servers', async ({ page, host }) => {
  test.setTimeout(240_000);
  await journey(page, host, (target) => target.click());
});

test('the same by the keyboard alone', async ({ page, host }) => {
  test.setTimeout(300_000);
  await journey(page, host, (target) => reachAndPress(page, target));
});

/** Tab until it has the focus, then the key that works it; within a group of choices, the arrow keys. */
async function reachAndPress(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  const isChoice = (await target.getAttribute('role')) === 'radio';
  const isFocused = (): Promise<boolean> => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; presses < 150; presses++) {
    if (await isFocused()) {
      await page.keyboard.press(isChoice ? 'Space' : 'Enter');
      return;
    }
    const beside = isChoice && (await target.evaluate((element) => element.parentElement?.contains(document.activeElement) === true));
    await page.keyboard.press(beside ? 'ArrowRight' : 'Tab');
  }
  throw new Error(`the keyboard does not reach ${target.toString()}`);
}
