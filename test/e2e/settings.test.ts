/** How clients may come in, set in the window of a real host and tried with psql. */
import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, openWindow } from './support/control-room.ts';
import { CONFIG_FOLDER, expect, test, type RunningHost } from './support/host.ts';
import { LiveClient } from './support/live-client.ts';

/** What psql came to: its output, or what it said instead. */
function psql(words: string, sql: string): Promise<string> {
  return new Promise((resolve) => {
    const env = { ...process.env, PGCONNECT_TIMEOUT: '20', PGAPPNAME: 'psql' };
    execFile('psql', ['-X', '-At', '-c', sql, words], { env, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve((error === null ? stdout : stderr).trim()),
    );
  });
}

const at = (host: RunningHost, words = ''): string => `host=127.0.0.1 port=${host.proxy.port} user=postgres dbname=postgres ${words}`;

async function apply(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByTestId('staged')).toHaveText('Nothing to apply');
}

async function openSettings(page: Page, host: RunningHost): Promise<void> {
  await openWindow(page, host);
  await goTo(page, 'Settings');
}

test.skip(spawnSync('psql', ['--version']).status !== 0, 'psql is missing (Debian: apt-get install postgresql-client)');
test.use({ hostWords: ['--demo', '--settings', `${CONFIG_FOLDER}/settings.json`] });

test('one click, and psql verifies whom it talks to; then nobody comes in without encryption', async ({ page, host }) => {
  await openSettings(page, host);
  expect(await psql(at(host, 'sslmode=require'), 'select 1')).toContain('server does not support SSL');
  await page.getByRole('button', { name: 'Make a local certificate' }).click();
  const made = page.getByRole('region', { name: 'Local authority' });
  await expect(made).toContainText('sslmode=verify-full');
  const line = /psql "([^"]+)"/.exec(await made.innerText())?.[1] ?? '';
  expect(await psql(line, '\\conninfo')).toMatch(/SSL connection \(protocol: TLSv1\.3/);

  await page.getByRole('radio', { name: 'Require' }).click();
  await apply(page);
  expect(await psql(at(host, 'sslmode=disable'), 'select 1')).toContain('connections without encryption are not accepted here');
  expect(await psql(line, 'select 1')).toBe('1');
  await goTo(page, 'Events');
  await expect(page.getByText('connections without encryption are not accepted here').first()).toBeVisible();
});

test('a user is added, everybody has to prove who they are, and the settings are kept without the password', async ({ page, host }) => {
  await openSettings(page, host);
  await page.getByLabel('User name').fill('alice');
  await page.getByLabel('User password').fill('planted-77c3');
  await page.getByLabel('User password').press('Enter');
  await expect(page.getByText('alice was added.')).toBeVisible();
  await page.getByRole('radio', { name: 'SCRAM-SHA-256' }).click();
  await apply(page);
  expect(await psql(at(host, 'user=alice password=planted-77c3'), 'select 1')).toBe('1');
  expect(await psql(at(host, 'user=alice password=wrong'), 'select 1')).toContain('password authentication failed for user "alice"');
  expect(await psql(at(host, 'user=bob password=planted-77c3'), 'select 1')).toContain('password authentication failed for user "bob"');

  const shown = await page.getByText('Kept in', { exact: false }).locator('code').innerText();
  const kept = await readFile(shown, 'utf8');
  expect(JSON.parse(kept)).toMatchObject({ authentication: { method: 'scram-sha-256', users: [{ name: 'alice' }] } });
  expect(kept).not.toContain('planted-77c3');
  expect(await page.content()).not.toContain('planted-77c3');
});

test('a limit refuses with its number and who holds the place, and the window tells', async ({ page, host }) => {
  await openSettings(page, host);
  const holder = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application: 'billing' });
  await page.getByLabel('In total').fill('1');
  await apply(page);
  const refusal = await psql(at(host), 'select 1');
  expect(refusal).toContain('too many clients already: 1 are connected, at most 1 may be');
  expect(refusal).toContain('Held by billing (1).');
  await goTo(page, 'Events');
  await expect(page.getByText(/was refused: sorry, too many clients already/).first()).toBeVisible();
  await holder.close();
  await expect.poll(() => psql(at(host), 'select 1')).toBe('1');
});

test('an endpoint has a port of its own; an unknown one is refused', async ({ page, host }) => {
  await openSettings(page, host);
  await page.getByRole('button', { name: 'Add a port' }).click();
  await page.getByLabel('Endpoint of port 1').selectOption('ep-b');
  await page.getByRole('radio', { name: 'Is refused' }).click();
  await apply(page);
  const ports = page.getByRole('list', { name: 'Ports of their own' });
  await expect(ports).toContainText(/listens on \d+/);
  const port = /listens on (\d+)/.exec(await ports.innerText())?.[1] ?? '';
  expect(await psql(`host=127.0.0.1 port=${port} user=postgres dbname=postgres`, 'select inet_server_port()')).toBe(
    String(host.backendPort('ep-b')),
  );
  expect(await psql(at(host, 'options=endpoint=nowhere'), 'select 1')).toContain('endpoint "nowhere" does not exist');
});

test('moves, lost servers and balancing are set, kept, and put back to their defaults; edits wait while one looks elsewhere', async ({
  page,
  host,
}) => {
  await openSettings(page, host);
  const kept = async (): Promise<unknown> =>
    JSON.parse(await readFile(await page.getByText('Kept in', { exact: false }).locator('code').innerText(), 'utf8'));
  const index = page.getByRole('navigation', { name: 'Groups of settings' });
  await index.getByRole('link', { name: 'Balancing' }).click();
  await expect(page.getByRole('heading', { name: 'Balancing' })).toBeFocused();
  await page.getByRole('button', { name: 'Add a group' }).click();
  await page.getByRole('textbox', { name: 'Group 1' }).fill('shop');
  const members = page.getByRole('group', { name: 'Endpoints of group 1' });
  await members.getByRole('checkbox', { name: 'ep-a' }).check();
  await expect(members).toContainText('Choose at least two endpoints.');
  await expect(index.getByRole('link', { name: /^Balancing/ })).toContainText('1 wrong');
  await members.getByRole('checkbox', { name: 'ep-b' }).check();
  await page.getByLabel('Share moved per round').fill('25');
  await page.getByRole('checkbox', { name: /^Advisory locks/ }).check();
  await page.getByRole('checkbox', { name: 'Sessions outlive a restart of their server' }).uncheck();
  await expect(index.getByRole('link', { name: /^Migration/ })).toContainText('edited');

  await goTo(page, 'Sessions');
  const waiting = page.getByTestId('unapplied-banner');
  await expect(waiting).toContainText('Settings were edited and not applied: migration, lost servers, balancing.');
  await waiting.getByRole('link', { name: 'Back to them' }).click();
  await expect(waiting).toBeHidden();
  await apply(page);
  expect(await kept()).toMatchObject({
    migration: { carry: { advisoryLocks: true, temporaryTables: false } },
    resurrection: { enabled: false },
    balancing: { groups: [{ name: 'shop', endpoints: ['ep-a', 'ep-b'] }], rate: 0.25 },
  });

  await page.getByRole('button', { name: 'Restore 50' }).click();
  await expect(page.getByLabel('Share moved per round')).toHaveValue('50');
  await page.getByRole('button', { name: 'Remove group 1' }).click();
  await apply(page);
  expect(await kept()).toMatchObject({ balancing: { groups: [], rate: 0.5 } });
  await expectAccessible(page, 'settings that were put back');
});

test('new clients are refused from the window, those that are in go on, and every view says so until they are let in', async ({
  page,
  host,
}) => {
  await openSettings(page, host);
  const there = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application: 'billing' });
  await page.getByRole('switch', { name: 'Let new clients in' }).click();
  const banner = page.getByTestId('admission-banner');
  await expect(banner).toBeVisible();
  expect(await psql(at(host), 'select 1')).toContain('new clients are refused at the moment');
  expect(await there.query('select 1 as one')).toEqual([{ one: 1 }]);
  await goTo(page, 'Sessions');
  await expectAccessible(page, 'the banner over a view');
  await banner.getByRole('button', { name: 'Let new clients in' }).click();
  await expect(banner).toBeHidden();
  expect(await psql(at(host), 'select 1')).toBe('1');
  await there.close();
});

test('how the window looks and moves is chosen by keyboard, at once, and kept for the next time', async ({ page, host }) => {
  await openSettings(page, host);
  const root = page.locator('html');
  await expect(root).toHaveAttribute('data-density', 'comfortable');
  for (const [choice, steps] of [
    ['Colours', 1],
    ['Motion', 2],
    ['Rows of tables', 1],
  ] as const) {
    const group = page.getByRole('radiogroup', { name: choice, exact: true }).or(page.getByRole('group', { name: choice, exact: true }));
    await group.locator('[aria-checked="true"]').focus();
    for (let step = 0; step < steps; step++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
  }
  const chosen = async (): Promise<void> => {
    await expect(root).toHaveAttribute('data-theme', 'light');
    await expect(root).toHaveAttribute('data-motion', 'off');
    await expect(root).toHaveAttribute('data-density', 'compact');
  };
  await chosen();
  await expectAccessible(page, 'settings in compact rows by day');
  await page.reload();
  await chosen();
  await expect(page.getByText('This host runs without a desktop.')).toBeVisible();
});

test.describe('without the demo being asked for', () => {
  test.use({ hostWords: ['--settings', `${CONFIG_FOLDER}/settings.json`] });

  test('an endpoint that is added is kept, the demo is not; what cannot be kept is said', async ({ page, host }) => {
    await openWindow(page, host);
    await goTo(page, 'Endpoints');
    await expect(endpointLine(page, 'ep-a')).toContainText('up');
    const add = async (name: string): Promise<void> => {
      await page.getByRole('button', { name: 'Add endpoint' }).click();
      const form = page.getByRole('dialog', { name: 'Add an endpoint' });
      await form.getByRole('textbox', { name: 'Name' }).fill(name);
      await form.getByRole('textbox', { name: 'Server' }).fill('postgresql://me:planted-31d9@127.0.0.1:1/app');
      await expect(form).toContainText('Kept until Switchyard ends: only the desktop application uses the keychain.');
      await form.getByRole('button', { name: 'Add endpoint' }).click();
      await expect(form).toBeHidden();
    };
    await add('mine');
    const file = await page.getByText('Your endpoints are kept in').locator('code').innerText();
    expect(path.basename(file)).toBe('endpoints.json');
    await expect.poll(() => readFile(file, 'utf8')).toContain('"mine"');
    const kept = await readFile(file, 'utf8');
    expect(JSON.parse(kept)).toMatchObject({ endpoints: [{ id: 'mine', url: 'postgresql://me@127.0.0.1:1/app' }] });
    expect(kept).not.toMatch(/planted|ep-a/);

    await writeFile(file, '{}');
    await add('other');
    await expect(page.getByText(/are not kept for the next start: .* has been changed since it was read/)).toBeVisible();
    await expect(endpointLine(page, 'other')).toBeVisible();
    expect(await readFile(file, 'utf8')).toBe('{}');
    // The host says it in its own terminal, too.
    expect(host.complaints().join('\n')).toContain('has been changed since it was read');
    host.forgive(/has been changed since it was read|^\s+at |CallError/);
  });
});
