/**
 * Every view of the window, in Chromium, on a scripted host (`support/standin-host.ts`).
 *
 * How to reach things, for this and other tests:
 * - a session's row: `page.locator('[role="row"][data-id="12"]')`; its cells are `gridcell`s in the order of the headers
 * - its tick box: `page.getByRole('checkbox', { name: /^Select session 12\b/ })`; its drawer: the button "Open details of session 12…"
 * - the bulk action: `page.getByRole('button', { name: 'Move to…' })` (in the group "Actions on the selection")
 * - the dialog: `page.getByRole('dialog')`; a target: `getByRole('radio', { name: /ep-b/ })` inside it; the deadline:
 *   `getByLabel(/Wait at most/)`; confirm: `getByRole('button', { name: /^Migrate \d/ })`, enabled once the preflight is known
 * - the result: `page.getByRole('region', { name: 'Migrations under way' })`; its pause: `getByTestId('operation-pause')`
 * - the counters on `#/migrations`: `getByTestId('counter-attempted' | 'counter-success' | 'counter-error_recoverable' |
 *   'counter-error_fatal' | 'counter-refused')`
 * - the feed's state in the header: `getByTestId('feed')` ("Live"); the banner: `getByTestId('lost-banner')`
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { startStandin } from './support/standin-host.ts';
import type { StandinHost } from './support/standin-host.ts';
import { TAKEN_PORT } from './support/standin-settings.ts';
import type { WorldOptions } from './support/standin-world.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const views = ['yard', 'sessions', 'endpoints', 'pools', 'migrations', 'events', 'settings'] as const;
const busy: WorldOptions = { sessions: 12, transfers: 14, trouble: true, endpoints: 3 };

let host: StandinHost;
let complaints: string[] = [];
/** Only a test that cuts the connection expects the browser to complain about it. */
let mayLoseConnection = false;

async function open(page: Page, options: WorldOptions): Promise<void> {
  host = await startStandin(options);
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  await go(page, 'sessions');
}

async function go(page: Page, view: (typeof views)[number]): Promise<void> {
  await page
    .getByRole('navigation', { name: 'Views' })
    .getByRole('link', { name: new RegExp(`^${view}$`, 'i') })
    .click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(new RegExp(view, 'i'));
}

/** The violations axe finds, as short lines. */
async function violations(page: Page): Promise<string[]> {
  // Through the debugger, as the page's CSP rightly refuses injected script elements.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: engine } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
    };
    const result = await engine.run();
    return result.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

function row(page: Page, id: number) {
  return page.locator(`[role="row"][data-id="${id}"]`);
}

test.beforeEach(({ page }) => {
  complaints = [];
  mayLoseConnection = false;
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (mayLoseConnection && message.text().startsWith('WebSocket connection to')) return;
    complaints.push(message.text());
  });
});

test.afterEach(async () => {
  await host.close();
  expect(complaints).toEqual([]);
});

for (const colorScheme of ['dark', 'light'] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('every view renders and has no accessibility violation', async ({ page }) => {
      await open(page, busy);
      await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme);
      for (const view of views) {
        await go(page, view);
        if (view === 'pools' || view === 'migrations') await expect(page.locator('.recharts-surface').first()).toBeVisible();
        expect(await violations(page), view).toEqual([]);
      }
    });

    test('drawer, dialogs and progress have no accessibility violation', async ({ page }) => {
      await open(page, busy);
      await page.getByRole('button', { name: /^Open details of session 3\b/ }).click();
      await expect(page.getByRole('complementary', { name: 'Details of session 3' })).toBeVisible();
      expect(await violations(page), 'drawer').toEqual([]);
      await page.getByRole('button', { name: 'Close details' }).click();

      await page.getByRole('checkbox', { name: /^Select all/ }).click();
      await page.getByRole('button', { name: 'Move to…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('radio', { name: /ep-b/ }).check();
      await expect(dialog.getByText('refused').first()).toBeVisible();
      expect(await violations(page), 'migrate dialog').toEqual([]);
      await dialog.getByRole('button', { name: /^Migrate \d/ }).click();
      await expect(page.getByTestId('operation-pause')).toBeVisible();
      expect(await violations(page), 'result').toEqual([]);

      await go(page, 'endpoints');
      await page.getByRole('button', { name: 'Edit ep-b' }).click();
      await page.getByRole('button', { name: 'Test connection' }).click();
      await expect(page.getByText('Logged in as postgres.')).toBeVisible();
      expect(await violations(page), 'endpoint dialog').toEqual([]);
    });

    test('first run and lost connection have no accessibility violation', async ({ page }) => {
      await open(page, { sessions: 0, endpoints: 0 });
      await expect(page.getByRole('heading', { name: 'No endpoints yet' })).toBeVisible();
      expect(await violations(page), 'first run').toEqual([]);
      await page.getByRole('button', { name: 'Start the demo' }).click();
      await expect(page.getByRole('heading', { name: 'No sessions yet' })).toBeVisible();
      expect(await violations(page), 'no sessions').toEqual([]);
      mayLoseConnection = true;
      host.disconnect();
      await expect(page.getByTestId('lost-banner')).toBeVisible();
      expect(await violations(page), 'lost').toEqual([]);
    });
  });
}

test('the keyboard alone selects, migrates and reads the result', async ({ page }) => {
  await open(page, { sessions: 12 });
  await page.keyboard.press('/');
  await expect(page.getByLabel('Filter sessions')).toBeFocused();
  await page.keyboard.type('endpoint:ep-a');
  await expect(page.getByText('6 of 12 sessions')).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await expect(row(page, 2)).toBeFocused();
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await expect(page.getByTestId('selected-count')).toHaveText('2 selected');
  await page.keyboard.press('m');
  const dialog = page.getByRole('dialog', { name: 'Migrate 2 sessions' });
  await expect(dialog.getByRole('radio', { name: /ep-b/ })).toBeFocused();
  await expect(dialog.getByRole('radio', { name: /ep-a/ })).toBeDisabled();
  await expect(dialog.getByRole('button', { name: 'Migrate 2 sessions' })).toBeEnabled();
  await page.keyboard.press('Enter');
  await expect(dialog).toBeHidden();
  const result = page.getByRole('region', { name: 'Migrations under way' });
  await expect(result).toContainText('2 of 2 moved to ep-b');
  await expect(page.getByTestId('operation-pause')).toHaveText(/^\d+(\.\d)? ms$/);
});

test('a moved session shows its new backend, and the counters add up', async ({ page }) => {
  await open(page, { sessions: 12 });
  await expect(row(page, 4)).toContainText('127.0.0.1:54329');
  await page.getByRole('checkbox', { name: /^Select session 4\b/ }).click();
  await page.getByRole('button', { name: 'Move to…' }).click();
  await page.getByRole('button', { name: 'Migrate 1 session', exact: true }).click();
  await expect(row(page, 4)).toContainText('127.0.0.1:54330');
  await go(page, 'migrations');
  const count = async (name: string): Promise<number> => Number(await page.getByTestId(`counter-${name}`).textContent());
  await expect(page.getByTestId('counter-attempted')).toHaveText('1');
  expect(await count('success')).toBe(1);
  expect((await count('success')) + (await count('error_recoverable')) + (await count('error_fatal'))).toBe(await count('attempted'));
  await expect(page.getByRole('row').filter({ hasText: 'ep-a → ep-b' })).toContainText('Success');
});

test('a session that cannot move is refused by name and is not sent', async ({ page }) => {
  await open(page, { sessions: 12 });
  await page.getByRole('checkbox', { name: /^Select session 11\b/ }).click();
  await page.getByRole('button', { name: 'Move to…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('The session owns the temporary table "basket".');
  await expect(dialog).toContainText('DROP TABLE basket lets it move.');
  await expect(dialog.getByRole('button', { name: 'None can move' })).toBeDisabled();
});

test('live data steals neither selection nor focus, and rows keep their places under the pointer', async ({ page }) => {
  await open(page, { sessions: 40 });
  await page.getByRole('button', { name: 'Queries' }).click();
  const [, , third] = [...host.world.sessions.values()].sort((a, b) => a.queries - b.queries);
  if (!third) throw new Error('the world is too small');
  const chosen = row(page, third.id);
  await expect(chosen).toHaveAttribute('aria-rowindex', '4');
  await chosen.click();
  const shown = host.world.seq;
  // Reverses the order by queries, were it sorted again.
  for (const session of host.world.sessions.values()) host.world.putSession({ ...session, queries: 300_000 - session.queries });
  host.world.addSession(41);
  await expect(page.getByText('41 sessions')).toBeVisible();
  await expect.poll(() => host.world.seq).toBeGreaterThan(shown + 8);
  await expect(chosen).toHaveAttribute('aria-selected', 'true');
  await expect(chosen).toBeFocused();
  await expect(chosen).toHaveAttribute('aria-rowindex', '4');
  await expect(page.getByTestId('selected-count')).toHaveText('1 selected');
});

test('Shift, Ctrl and select all choose by identity, and closing a session leaves its row struck through for a moment', async ({
  page,
}) => {
  await open(page, { sessions: 12 });
  await row(page, 2).click();
  await row(page, 5).click({ modifiers: ['Shift'] });
  await expect(page.getByTestId('selected-count')).toHaveText('4 selected');
  await row(page, 3).click({ modifiers: ['ControlOrMeta'] });
  await expect(page.getByTestId('selected-count')).toHaveText('3 selected');
  await row(page, 5).press('ControlOrMeta+a');
  await expect(page.getByTestId('selected-count')).toHaveText('12 selected');
  host.world.removeSession(5);
  await expect(row(page, 5)).toHaveCSS('text-decoration-line', 'line-through');
  await expect(page.getByTestId('selected-count')).toHaveText('11 selected');
  await page.getByRole('heading', { level: 1 }).click();
  await page.getByLabel('Filter sessions').focus();
  await expect(row(page, 5)).toHaveCount(0);
});

test('Space pauses the view and shows what is pending', async ({ page }) => {
  await open(page, { sessions: 12 });
  await page.keyboard.press('Space');
  await expect(page.getByRole('button', { name: /^Resume \([1-9]/ })).toBeVisible();
  host.world.addSession(77);
  await expect(page.getByText('13 sessions')).toBeVisible();
  await expect(row(page, 77)).toHaveCount(0);
  await page.keyboard.press('Space');
  await expect(row(page, 77)).toBeVisible();
});

test('a lost connection keeps the rows, says how old they are, and heals', async ({ page }) => {
  await open(page, { sessions: 12 });
  mayLoseConnection = true;
  host.disconnect();
  await expect(page.getByTestId('lost-banner')).toContainText(/\d s old/);
  await expect(row(page, 3)).toBeVisible();
  host.world.addSession(88);
  host.reconnect();
  await expect(page.getByTestId('lost-banner')).toBeHidden();
  await expect(row(page, 88)).toBeVisible();
});

test('a gap in the deltas brings a snapshot', async ({ page }) => {
  await open(page, { sessions: 12 });
  const before = host.snapshots();
  host.world.addSession(99);
  host.skipDelta();
  await expect(row(page, 99)).toBeVisible();
  expect(host.snapshots()).toBeGreaterThan(before);
});

test('a remap offers to move the sessions it left behind', async ({ page }) => {
  await open(page, { sessions: 12 });
  await go(page, 'endpoints');
  await page.getByRole('button', { name: 'Edit ep-b' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Password')).toHaveValue('');
  await dialog.getByLabel('Server').fill('postgresql://postgres:s3cret@127.0.0.1:54340/postgres');
  await expect(dialog.getByLabel('Server')).toHaveValue('postgresql://postgres@127.0.0.1:54340/postgres');
  await expect(dialog.getByLabel('Password')).toHaveValue('s3cret');
  await dialog.getByRole('button', { name: 'Save endpoint' }).click();
  await page.getByRole('button', { name: 'Move 6 sessions' }).click();
  const migrate = page.getByRole('dialog', { name: 'Migrate 6 sessions' });
  await expect(migrate.getByRole('radio', { name: /ep-b/ })).toBeChecked();
  await migrate.getByRole('button', { name: /^Migrate 5 of 6/ }).click();
  await expect(page.getByRole('region', { name: 'Migrations under way' })).toContainText('5 of 5 moved to ep-b');
});

test('a thousand sessions keep a small document, and the table scrolls to its end', async ({ page }) => {
  await open(page, { sessions: 1000 });
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', '1001');
  expect(await page.getByRole('row').count()).toBeLessThan(60);
  await row(page, 1).click();
  await page.keyboard.press('End');
  await expect(row(page, 1000)).toBeFocused();
  await expect(row(page, 1000)).toHaveAttribute('aria-rowindex', '1001');
});

test('the page holds at 960 px and at 200 % zoom, without scrolling sideways', async ({ page }) => {
  await open(page, { ...busy, longNames: true });
  for (const width of [960, 640]) {
    await page.setViewportSize({ width, height: 800 });
    for (const view of views) {
      await go(page, view);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow, `${view} at ${width} px`).toBe(0);
    }
  }
});

test('a page without a token says what to do', async ({ page }) => {
  host = await startStandin({ sessions: 1 });
  await page.goto(new URL('/', host.url).href);
  await expect(page.getByRole('alert')).toContainText('This page has no access token.');
});

test('the token leaves the address and survives a reload', async ({ page }) => {
  await open(page, { sessions: 1 });
  expect(page.url()).not.toContain('token');
  await page.reload();
  await expect(page.getByTestId('feed')).toHaveText('Live');
});

test.describe('settings', () => {
  test('edits are staged, named, discarded, and applied together', async ({ page }) => {
    await open(page, { sessions: 3 });
    await go(page, 'settings');
    const staged = page.getByTestId('staged');
    const apply = page.getByRole('button', { name: 'Apply' });
    await expect(staged).toHaveText('Nothing to apply');
    await expect(apply).toBeDisabled();
    await page.getByLabel('In total').fill('5');
    await page.getByRole('radio', { name: 'Is refused' }).click();
    await expect(staged).toHaveText('Not applied yet: limits, routing');

    // A look elsewhere keeps them.
    await go(page, 'sessions');
    await go(page, 'settings');
    await expect(page.getByLabel('In total')).toHaveValue('5');
    await page.getByRole('button', { name: 'Discard' }).click();
    await expect(page.getByLabel('In total')).toHaveValue('2000');
    expect(host.settings().settings.limits.clients).toBe(2_000);

    await page.getByLabel('In total').fill('7');
    await page.getByLabel('Idle client').fill('600');
    await page.getByLabel('Idle client').press('Enter');
    await expect(staged).toHaveText('Nothing to apply');
    expect(host.settings().settings).toMatchObject({ limits: { clients: 7 }, times: { idleClient: 600, login: 60 } });
  });

  test('what does not fit is said at its field, has the focus and is not sent; what the host refuses is said in its words', async ({
    page,
  }) => {
    await open(page, { sessions: 3 });
    await go(page, 'settings');
    await page.getByLabel('Login').fill('soon');
    await expect(page.getByLabel('Login')).toHaveAccessibleDescription(/Give a whole number/);
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByLabel('Login')).toBeFocused();
    await expect(page.getByTestId('staged')).toContainText('one field does not fit');
    expect(host.settings().settings.times.login).toBe(60);
    await page.getByLabel('Login').fill('30');

    await page.getByRole('radio', { name: 'Require' }).click();
    await expect(page.getByText('Encryption needs a certificate')).toBeVisible();
    await page.getByRole('radio', { name: 'Files' }).click();
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByLabel('Certificate file')).toBeFocused();
    await page.getByLabel('Certificate file').fill('/missing.pem');
    await page.getByLabel('Key file').fill('/key.pem');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByRole('alert')).toHaveText('/missing.pem cannot be read.Is the path right?');
    await expect(page.getByTestId('staged')).toHaveText('Not applied yet: TLS, times');
    await expect(page.getByLabel('Certificate file')).toHaveAccessibleDescription(/cannot be read/);
    await page.getByLabel('Certificate file').fill('/other.pem');
    await expect(page.getByLabel('Certificate file')).not.toHaveAccessibleDescription(/cannot be read/);
  });

  test('one click makes a certificate and shows what clients need; other edits stay staged', async ({ page }) => {
    await open(page, { sessions: 3 });
    await go(page, 'settings');
    await page.getByLabel('In total').fill('9');
    await page.getByRole('button', { name: 'Make a local certificate' }).click();
    const made = page.getByRole('region', { name: 'Local authority' });
    await expect(made).toContainText('/home/me/.config/Switchyard/authority/authority.pem');
    await expect(made).toContainText(/host=localhost port=6432 .* sslmode=verify-full sslrootcert=\/home\/me/);
    await expect(page.getByRole('radio', { name: 'Allow' })).toBeChecked();
    await expect(page.getByTestId('staged')).toHaveText('Not applied yet: limits');
    expect(host.settings().settings.limits.clients).toBe(2_000);
  });

  test('users come and go at once, and a password is nowhere but in its field until it is sent', async ({ page }) => {
    await open(page, { sessions: 3 });
    await go(page, 'settings');
    const password = page.getByLabel('User password');
    await page.getByRole('radio', { name: 'SCRAM-SHA-256' }).click();
    await expect(page.getByText('Nobody could log in')).toBeVisible();
    await page.getByLabel('User name').fill('alice');
    await page.getByRole('button', { name: 'Add user' }).click();
    await expect(password).toHaveAccessibleDescription('Give a password.');
    await password.fill('planted-5a1e');
    expect(await page.content()).not.toContain('planted-5a1e');
    await password.press('Enter');
    await expect(page.getByText('alice was added.')).toBeVisible();
    await expect(password).toHaveValue('');
    await expect(page.getByText('Nobody could log in')).toBeHidden();
    expect(await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]))).not.toContain(
      'planted-5a1e',
    );

    await page.getByRole('button', { name: 'Set a new password for alice' }).click();
    await expect(password).toBeFocused();
    await expect(password).toHaveValue('');
    await expect(page.getByRole('button', { name: 'Set password' })).toBeVisible();
    await page.getByRole('button', { name: 'Remove user alice' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove alice' }).click();
    await expect(page.getByRole('list', { name: 'Users' })).toBeHidden();
    expect(host.settings().settings.authentication.users).toEqual([]);
    await expect(page.getByTestId('staged')).toHaveText('Not applied yet: authentication');
  });

  test('a port of its own shows the port it got, or why it has none', async ({ page }) => {
    await open(page, { sessions: 3 });
    await go(page, 'settings');
    const ports = page.getByRole('list', { name: 'Ports of their own' });
    await page.getByRole('button', { name: 'Add a port' }).click();
    await expect(ports).toContainText('not applied yet');
    await page.getByRole('button', { name: 'Add a port' }).click();
    await page.getByLabel('Endpoint of port 2').selectOption('ep-b');
    await page.getByLabel('Port 2', { exact: true }).fill('6432');
    await expect(ports).toContainText('This is the port of the proxy itself.');
    await page.getByLabel('Port 2', { exact: true }).fill(String(TAKEN_PORT));
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(ports).toContainText('listens on 40000');
    await expect(ports).toContainText('is taken by another program');
    await expect(page.getByRole('status').filter({ hasText: `ep-b: Port ${TAKEN_PORT} is taken` })).toBeVisible();
  });

  for (const colorScheme of ['dark', 'light'] as const) {
    test(`full of content and errors, it has no accessibility violation in the ${colorScheme} theme`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      await open(page, { sessions: 3 });
      await go(page, 'settings');
      await page.getByRole('button', { name: 'Make a local certificate' }).click();
      await page.getByLabel('User name').fill('alice');
      await page.getByLabel('User password').fill('x');
      await page.getByRole('button', { name: 'Add user' }).click();
      await page.getByRole('button', { name: 'Add a port' }).click();
      await page.getByLabel('Port 1', { exact: true }).fill('x');
      await page.getByLabel('In total').fill('many');
      await page.getByRole('radio', { name: 'Files' }).click();
      await page.getByRole('button', { name: 'Apply' }).click();
      await expect(page.getByLabel('Certificate file')).toBeFocused();
      expect(await violations(page)).toEqual([]);
    });
  }
});

test('the endpoint form writes encryption into the URL, and a failed test says what would help, line by line', async ({ page }) => {
  await open(page, { sessions: 3 });
  await go(page, 'endpoints');
  await page.getByRole('button', { name: 'Edit ep-b' }).click();
  const dialog = page.getByRole('dialog');
  const url = 'postgresql://postgres@127.0.0.1:54330/postgres';
  await expect(dialog.getByLabel('Server', { exact: true })).toHaveValue(url);
  await dialog.getByLabel('Encryption (sslmode)').selectOption('verify-full');
  await expect(dialog.getByLabel('Server', { exact: true })).toHaveValue(`${url}?sslmode=verify-full`);
  await dialog.getByRole('button', { name: 'Test connection' }).click();
  const answer = dialog.getByRole('alert');
  await expect(answer).toContainText('self-signed certificate');
  const last = answer.getByText('sslmode=require, which encrypts');
  expect((await last.innerText()).split('\n')).toHaveLength(3);
  await dialog.getByLabel('Root certificate (sslrootcert)').fill('/ca.pem');
  await expect(answer).toBeHidden();
  await dialog.getByRole('button', { name: 'Save endpoint' }).click();
  await expect(page.getByRole('listitem', { name: 'Endpoint ep-b' })).toContainText('verify-full');
  await page.getByRole('button', { name: 'Edit ep-b' }).click();
  await expect(dialog.getByLabel('Root certificate (sslrootcert)')).toHaveValue('/ca.pem');
});

test('a session that fell through is marked, says what it asked for, and can be filtered', async ({ page }) => {
  await open(page, { sessions: 12, trouble: true });
  await expect(row(page, 4).getByRole('img', { name: 'fallback' })).toBeVisible();
  await expect(row(page, 4).getByTitle('asked for "ep-staging", which is not in the map')).toBeVisible();
  await expect(row(page, 3).getByRole('img', { name: 'fallback' })).toHaveCount(0);
  await page.getByLabel('Filter sessions').fill('route:sni');
  await expect(page.getByText('1 of 12 sessions')).toBeVisible();
  await page.getByRole('button', { name: /^Open details of session 5\b/ }).click();
  const drawer = page.getByRole('complementary');
  await expect(drawer).toContainText('in the server name of its TLS greeting');
  await expect(drawer).toContainText('TLSv1.3');
  await page.getByLabel('Filter sessions').fill('tls:v1.3');
  await expect(page.getByText('5 of 12 sessions')).toBeVisible();
});

test('clients refused for one reason are one event with a count', async ({ page }) => {
  await open(page, { sessions: 1 });
  await go(page, 'events');
  const refuse = (port: number): void =>
    host.world.note('warn', 'client_refused', `A client at 127.0.0.1:${port} (user "bob") was refused: too many clients.`);
  refuse(50_001);
  refuse(50_001);
  refuse(50_002);
  const line = page.getByRole('row').filter({ hasText: 'too many clients' });
  await expect(line).toContainText('3 times');
  await expect(line).toHaveCount(1);
  await page.getByRole('radio', { name: 'Refused clients' }).click();
  await expect(page.getByText('1 event', { exact: true })).toBeVisible();
});
