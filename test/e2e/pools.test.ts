/** Pools, their commands, pins and observations in the window, on a scripted host. The waits have a file of their own. */
import { readFile } from 'node:fs/promises';
import { expect, type Locator, type Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { show, test } from './support/standin-page.ts';
import type { StandinOptions } from './support/standin-host.ts';

const scene: StandinOptions = { sessions: 30, endpoints: 3, transfers: 4, pooling: { observations: 6, pinned: 5, pools: 3 } };

function pooling(page: Page, endpoint: string): Locator {
  return page.getByRole('listitem', { name: `Pooling of ${endpoint}`, exact: true });
}

async function choose(page: Page, endpoint: string, command: string): Promise<void> {
  await page.getByRole('button', { name: `Pause, reconnect or kill ${endpoint}`, exact: true }).click();
  await page.getByRole('menuitem', { name: new RegExp(`^${command}`) }).click();
}

for (const colorScheme of ['dark', 'light'] as const) {
  test(`no part of the pools has an accessibility violation in the ${colorScheme} theme`, async ({ page, openStandin }) => {
    await page.emulateMedia({ colorScheme });
    await openStandin({ ...scene, pooling: { ...scene.pooling, pauseWithinMs: 1_500 } }, '#/pools');
    await expect(page.locator('.recharts-surface').first()).toBeVisible();
    await expectAccessible(page, 'occupancy');
    await page.getByRole('button', { name: 'Pause, reconnect or kill ep-a' }).click();
    await expect(page.getByRole('menu')).toBeVisible();
    await expectAccessible(page, 'the menu');
    await page.getByRole('menuitem', { name: /^Pause/ }).click();
    await expect(pooling(page, 'ep-a')).toContainText('Pausing ep-a');
    await expectAccessible(page, 'a pause under way');
    await expect(pooling(page, 'ep-a').getByRole('alert')).toContainText('still holds a server connection');
    await expectAccessible(page, 'a pause refused');
    await choose(page, 'ep-a', 'Kill…');
    await expectAccessible(page, 'the question before a kill');
    await page.getByRole('button', { name: 'Cancel' }).click();
    for (const part of ['Waits', 'Pins', 'Observations']) {
      await page.getByRole('navigation', { name: 'Parts of Pools' }).getByRole('link', { name: part }).click();
      await expect(page.getByRole('region', { name: part, exact: true })).toBeVisible();
      await expectAccessible(page, part);
    }
    await show(page, '#/sessions');
    await page.getByRole('button', { name: /^Open details of session 3\b/ }).click();
    await expect(page.getByRole('list', { name: 'Pins' })).toBeVisible();
    await expectAccessible(page, 'a pinned session');
  });
}

test('a bar says in words what its colours show; reuse explains itself; failing logins are told', async ({ page, openStandin }) => {
  await openStandin(scene, '#/pools');
  const first = page.locator('tr[data-pool]').first();
  await expect(first.getByRole('img').first()).toHaveAttribute('aria-label', '4 active, 0 idle of at most 4; 3 waiting');
  await expect(first).toContainText('transaction mode');
  await expect(first).toContainText('1.0k9 opened');
  await expect(first.getByText('310 ms')).toBeVisible();
  await page.getByRole('button', { name: 'What is reuse?' }).focus();
  await expect(page.getByRole('tooltip')).toContainText('In transaction mode that is about one per transaction');
  await page.keyboard.press('Escape');
  await expect(page.getByText('Logins fail, and who asks is told at once: password authentication failed for user "app"')).toBeVisible();
  await expect(page.getByRole('list', { name: 'What the bars show' }).getByRole('listitem')).toHaveCount(7);
  await first.getByRole('link', { name: '3 waiting, see for whom' }).click();
  await expect(page.getByRole('region', { name: 'Waits', exact: true })).toBeVisible();
});

test('mode and profile are switched live, each explained', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/pools');
  const line = pooling(page, 'ep-b');
  await expect(line).toContainText('A client keeps its server connection until it leaves.');
  await line.getByRole('radio', { name: 'Transaction' }).click();
  await expect(line).toContainText('gives its server connection back after each transaction');
  await line.getByRole('radio', { name: 'Observe' }).click();
  await expect(line).toContainText('reports every statement that would have needed it');
  await expect.poll(() => host.world.endpoints[1]).toMatchObject({ poolMode: 'transaction', profile: 'observe' });
  await show(page, '#/endpoints');
  await expect(page.getByRole('listitem', { name: 'Endpoint ep-b' })).toContainText('transaction, observe');

  await page.getByRole('button', { name: 'Edit ep-b' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: 'Session' }).click();
  await expect(dialog.getByRole('radio', { name: 'Observe' })).toBeHidden();
  await dialog.getByRole('button', { name: 'Save endpoint' }).click();
  await expect.poll(() => host.world.endpoints[1]?.poolMode).toBe('session');
});

test('what the host refuses is said in its words, and can be put away', async ({ page, openStandin }) => {
  const host = await openStandin({ ...scene, pooling: { refused: 'ep-b' } }, '#/pools');
  const line = pooling(page, 'ep-b');
  await line.getByRole('radio', { name: 'Transaction' }).click();
  await expect(line.getByRole('alert')).toContainText('ep-b has replication clients, which need session mode.');
  await expect(line.getByRole('radio', { name: 'Session' })).toBeChecked();
  await line.getByRole('button', { name: 'Dismiss what was said about ep-b' }).click();
  await expect(line.getByRole('alert')).toBeHidden();
  expect(host.world.endpoints[1]?.poolMode).toBe('session');
});

test('a pause waits in sight, is cancelled by keyboard, and is seen wherever the endpoint stands', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/pools');
  const menu = page.getByRole('button', { name: 'Pause, reconnect or kill ep-a' });
  await menu.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: /^Pause/ })).toBeFocused();
  await page.keyboard.press('Enter');
  const line = pooling(page, 'ep-a');
  await expect(line.getByRole('status').filter({ hasText: 'Pausing' })).toContainText(
    'Pausing ep-a: 4 sessions still hold a server connection.',
  );
  await expect(line).toContainText('Gives up after 30 s.');
  await expect(menu).toBeFocused();
  // A look elsewhere does not lose it.
  await show(page, '#/endpoints');
  await expect(page.getByRole('listitem', { name: 'Endpoint ep-a' })).toContainText('paused');
  await show(page, '#/sessions');
  await expect(page.locator('[role="row"][data-id="2"]').getByRole('img', { name: 'paused' })).toBeVisible();
  await show(page, '#/pools?show=waits');
  await expect(page.getByRole('button', { name: 'Resume ep-a' })).toBeVisible();
  await show(page, '#/pools');
  await line.getByRole('button', { name: 'Cancel the pause' }).click();
  await expect(line.getByText('Pausing')).toBeHidden();
  await expect(line.getByText('paused', { exact: true })).toBeHidden();
  expect(host.world.endpoints[0]?.paused).toBe(false);
  await expect(line.getByRole('alert')).toHaveCount(0);
});

test('a pause ends well once all is given back, and ends in words when it is not', async ({ page, openStandin }) => {
  const host = await openStandin({ ...scene, pooling: { pauseWithinMs: 800 } }, '#/pools');
  const line = pooling(page, 'ep-a');
  await choose(page, 'ep-a', 'Pause');
  await expect(line.getByRole('alert')).toContainText('Session 1 still holds a server connection.');
  await line.getByRole('button', { name: 'Dismiss what was said about ep-a' }).click();
  await expect(line.getByRole('alert')).toBeHidden();

  await choose(page, 'ep-upgrade-18', 'Pause');
  const other = pooling(page, 'ep-upgrade-18');
  await expect(other.getByRole('status').filter({ hasText: 'Paused:' })).toContainText('its server connections are all given back');
  await expect(other.getByText('paused', { exact: true })).toBeVisible();
  await other.getByRole('button', { name: 'Resume ep-upgrade-18' }).click();
  await expect(other.getByText('paused', { exact: true })).toBeHidden();
  expect(host.world.endpoints[2]?.paused).toBe(false);
  await choose(page, 'ep-upgrade-18', 'Reconnect');
  await expect(other.getByText('replaced as they are given back')).toBeVisible();
});

test('a kill asks first, with the focus on Cancel, and says what it did', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/pools');
  await choose(page, 'ep-a', 'Kill…');
  const question = page.getByRole('alertdialog', { name: 'Kill ep-a?' });
  await expect(question).toContainText('19 sessions of ep-a will be ended');
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(page.getByRole('button', { name: 'Pause, reconnect or kill ep-a' })).toBeFocused();
  expect(host.world.sessions.has(1)).toBe(true);

  await choose(page, 'ep-a', 'Kill…');
  await question.getByRole('button', { name: 'Kill ep-a' }).click();
  await expect(pooling(page, 'ep-a')).toContainText('Its sessions are ended and its server connections closed. It stays paused.');
  await expect(pooling(page, 'ep-a')).toContainText('0 sessions');
  expect(host.world.sessions.has(1)).toBe(false);
});

test('pins stand by kind, say why and what ends them, and lead to their session', async ({ page, openStandin }) => {
  await openStandin(scene, '#/pools?show=pins');
  const list = page.getByRole('list', { name: 'Pins by kind' });
  await expect(list.getByRole('heading')).toHaveText(['Temporary objects', 'Advisory locks']);
  const pin = list.locator('[data-session="3"]');
  await expect(pin).toContainText('It holds advisory locks: 4711.');
  await expect(pin).toContainText('What ends it: pg_advisory_unlock of each, or pg_advisory_unlock_all.');
  await expect(pin).toContainText('SELECT pg_advisory_lock($1)');
  await expect(pin).toContainText('for 10 min');
  await pin.getByRole('link', { name: '3, etl nightly' }).click();
  const drawer = page.getByRole('complementary', { name: 'Details of session 3' });
  await expect(drawer.getByRole('list', { name: 'Pins' })).toContainText('It holds advisory locks: 4711. advisory_lock');
  await expect(drawer).toContainText('61 times');
  await expect(page.locator('[role="row"][data-id="3"]').getByRole('img', { name: '1 pin: It holds advisory locks: 4711.' })).toBeVisible();
  await page.getByLabel('Filter sessions').fill('pin:temp_object');
  await expect(page.getByText('3 of 30 sessions')).toBeVisible();
});

test('observations are filtered, exported as what is shown, and cleared after a question', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/pools?show=observations');
  const list = page.getByRole('list', { name: 'Statements that would break' });
  await expect(list.getByRole('listitem')).toHaveCount(6);
  await expect(list.getByRole('listitem').first()).toContainText(
    'A custom setting is lost to this client, and stays behind for others. custom_setting',
  );
  await expect(list).toContainText('Instead: pg_advisory_xact_lock');
  await page.getByLabel('Application').selectOption('reports');
  await expect(page.getByText('2 of 6 observations')).toBeVisible();

  const save = async (name: string): Promise<string> => {
    await page.getByRole('button', { name: 'Export observations' }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
    expect(file.suggestedFilename()).toMatch(/^observations-[\dT-]+Z\.(csv|json)$/);
    return await readFile(await file.path(), 'utf8');
  };
  const csv = await save('Shown as CSV');
  expect(csv.split('\r\n')).toHaveLength(4);
  expect(csv).toContain('ep-upgrade-18,reports,custom_setting,"a custom setting is lost to this client, and stays behind for others"');
  expect(JSON.parse(await save('Shown as JSON'))).toMatchObject([
    { application: 'reports', count: 112 },
    { application: 'reports', count: 1 },
  ]);
  expect(JSON.parse(await save('All as JSON'))).toHaveLength(6);

  await page.getByLabel('Endpoint').selectOption('ep-upgrade-18');
  await page.getByRole('button', { name: 'Clear…' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Clear observations' }).click();
  await expect(page.getByRole('heading', { name: 'Nothing observed yet' })).toBeVisible();
  expect(host.world.observations).toEqual([]);
});

test('what is empty says why, and what to do', async ({ page, openStandin }) => {
  await openStandin({ sessions: 4 }, '#/pools?show=observations');
  await expect(page.getByRole('heading', { name: 'Nothing is observed' })).toBeVisible();
  await expectAccessible(page, 'no observations');
  await page.getByRole('link', { name: 'Choose an endpoint' }).click();
  await expect(page.getByRole('heading', { name: 'How endpoints are pooled' })).toBeVisible();
  await show(page, '#/pools?show=pins');
  await expect(page.getByRole('heading', { name: 'No pins' })).toBeVisible();
  await expectAccessible(page, 'no pins');
  await show(page, '#/pools?show=waits');
  await expect(page.getByRole('heading', { name: 'Nobody waits' })).toBeVisible();
  await expectAccessible(page, 'no waits');
});

test('fifty pools, hundreds of pins and long names fit from 640 to 1920 px', async ({ page, openStandin }) => {
  const host = await openStandin({
    sessions: 500,
    longNames: true,
    endpoints: 3,
    pooling: { waiters: 150, pinned: 200, pools: 50, observations: 300 },
  });
  for (const width of [640, 960, 1280, 1920]) {
    await page.setViewportSize({ width, height: 900 });
    for (const part of ['', '?show=waits', '?show=pins', '?show=observations']) {
      await show(page, `#/pools${part}`);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Pools');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow, `${part} at ${width} px`).toBe(0);
    }
  }
  await expect(page.getByRole('list', { name: 'Statements that would break' }).getByRole('listitem').first()).toBeVisible();
  expect(await page.getByRole('listitem').count()).toBeLessThan(80);
  await show(page, '#/pools?show=pins');
  const pins = [...host.world.sessions.values()].flatMap((session) => session.pins);
  expect(pins.length).toBeGreaterThan(90);
  const first = page.getByRole('list', { name: 'Pins by kind' }).getByRole('listitem').first();
  await expect(first).toHaveAttribute('aria-setsize', String(pins.length + new Set(pins.map(({ code }) => code)).size));
  expect(await page.getByRole('listitem').count()).toBeLessThan(80);
});

test('the settings of the pools are explained, checked and applied', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/settings');
  const card = page.getByRole('region', { name: 'Pools' });
  await card.getByLabel('Pool size').fill('20');
  await card.getByLabel('Pool minimum').fill('30');
  await expect(card.getByLabel('Pool minimum')).toHaveAccessibleDescription(/More than the pool may hold/);
  await card.getByLabel('Pool minimum').fill('2');
  await card.getByRole('radio', { name: 'Closes the connection' }).click();
  await card.getByRole('button', { name: 'Add an endpoint' }).click();
  await card.getByLabel('Mode 1').selectOption('transaction');
  await card.getByLabel('Profile 1').selectOption('observe');
  await page.getByLabel('Metrics port').fill('9127');
  await expect(page.getByTestId('staged')).toHaveText('Not applied yet: pools, metrics');
  await expectAccessible(page, 'the settings of the pools');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByTestId('staged')).toHaveText('Nothing to apply');
  expect(host.settings().settings).toMatchObject({
    pooling: { size: 20, min: 2, abandoned: 'close', endpoints: [{ endpoint: 'ep-a', mode: 'transaction', profile: 'observe' }] },
    metrics: { port: 9127 },
  });
});
