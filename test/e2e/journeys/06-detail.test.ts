/** Journey 6: one session in detail, from the program behind it to the statements it runs, beside the table and without a mouse. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, type Locator, type Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { newestPanel, openWindow, sessionRow } from '../support/control-room.ts';
import { test, type RunningHost } from '../support/host.ts';

/** A program of its own, so that the window must find a process that is not the host's. It runs what is written to it, line by line. */
const program = `
const pg = require('pg');
const lines = require('node:readline').createInterface({ input: process.stdin });
const client = new pg.Client(process.argv[1]);
client.on('error', () => {});
(async () => {
  await client.connect();
  console.log('ready');
  for await (const line of lines) {
    const answer = await client.query(JSON.parse(line)).then(() => 'done', (error) => error.message);
    console.log(answer);
  }
  await client.end();
})();
`;

interface Program {
  readonly pid: number;
  /** Runs a statement and returns 'done' or the error's message. */
  run(statement: string | { name: string; text: string; values?: unknown[] }): Promise<string>;
  end(): Promise<void>;
}

async function start(host: RunningHost, application: string): Promise<Program> {
  const url = `postgresql://postgres@127.0.0.1:${host.proxy.port}/ep-a/postgres?application_name=${application}`;
  const child = spawn(process.execPath, ['-e', program, url], {
    cwd: path.join(import.meta.dirname, '../../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  expect(await line()).toBe('ready');
  return {
    pid: child.pid ?? 0,
    run: async (statement) => {
      child.stdin.write(`${JSON.stringify(statement)}\n`);
      return await line();
    },
    end: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

function drawerOf(page: Page): Locator {
  return page.getByRole('complementary', { name: /^Details of session/ });
}

/** A fact in the drawer by its name. */
function fact(drawer: Locator, name: string): Locator {
  return drawer.locator('dt', { hasText: new RegExp(`^${name}$`) }).locator('xpath=following-sibling::dd[1]');
}

test('everything about one session stands beside the table, and its statements only when asked for', async ({ page, host }) => {
  const shop = await start(host, 'shop');
  try {
    await shop.run(`SET TimeZone = 'Asia/Tokyo'`);
    await shop.run(`SET app.api_token = 'hunter2'`);
    await shop.run({ name: 'next job', text: 'select $1::int as n', values: [1] });
    await openWindow(page, host);
    await page.goto(`${host.url.split('#')[0]}#/sessions`);
    await sessionRow(page, 'shop')
      .getByRole('button', { name: /^Open details of session/ })
      .click();
    const drawer = drawerOf(page);
    // The table is still there.
    await expect(sessionRow(page, 'shop')).toBeVisible();

    await expect(fact(drawer, 'Program')).toHaveText(path.basename(process.execPath), { timeout: 20_000 });
    await expect(fact(drawer, 'Process')).toHaveText(String(shop.pid));
    await expect(drawer.getByRole('list', { name: 'How it came there' })).toContainText(
      'Its client named ep-a in front of the database name',
    );
    await expect(fact(drawer, 'Server process')).toHaveText(/^\d+$/);
    await expect(drawer.getByText('It stands at a safe point')).toBeVisible();
    await expect(drawer.getByRole('table', { name: 'Both processors' })).toContainText('ReadyForQuery');
    const settings = drawer.getByRole('list', { name: 'Settings that differ from the default' });
    await expect(settings).toContainText('Asia/Tokyo', { timeout: 20_000 });
    await expect(settings).toContainText('SET in the session');
    await expect(settings.getByRole('listitem').filter({ hasText: 'app.api_token' })).toContainText('not shown');
    const prepared = drawer.getByRole('list', { name: 'Prepared statements' });
    await expect(prepared).toContainText('next job');
    // No text of a statement, and no secret, before it is asked for.
    await expect(drawer).not.toContainText('select $1::int');
    await expect(drawer).not.toContainText('hunter2');
    await expect(page.getByTestId('capture-strip')).toHaveCount(0);
    await expectAccessible(page, 'one session in detail');

    // It follows what the session does.
    expect(await shop.run('BEGIN')).toBe('done');
    await expect(drawer.getByText(/^Busy in transaction since/)).toBeVisible();
    await expect(drawer.getByText(/not asked while it is at work/).first()).toBeVisible();
    await expect(settings).toContainText('Asia/Tokyo');
    expect(await shop.run('COMMIT')).toBe('done');
    await expect(drawer.getByText('It stands at a safe point')).toBeVisible();

    await drawer.getByRole('button', { name: 'Capture statements' }).click();
    await expect(page.getByTestId('capture-strip')).toContainText(/Capturing statements of session \d+/);
    await shop.run(`select 'what the shop asks'`);
    await shop.run('CREATE ROLE clerk');
    await shop.run(`ALTER ROLE clerk PASSWORD 'hunter2'`);
    await shop.run('DROP ROLE clerk');
    expect(await shop.run('select * from nowhere')).toContain('nowhere');
    const captured = drawer.getByRole('region', { name: 'Captured statements' });
    await expect(captured).toContainText(`select 'what the shop asks'`);
    await expect(captured).toContainText('ALTER ROLE clerk PASSWORD ?');
    await expect(captured).toContainText('42P01');
    await expect(prepared).toContainText('select $1::int as n');
    await expect(drawer).not.toContainText('hunter2');
    await expectAccessible(page, 'a capture that runs');
    // Every view says that it runs, and can end it.
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Settings', exact: true }).click();
    await expect(page.getByTestId('capture-strip')).toBeVisible();
    await page.getByTestId('capture-strip').getByRole('button', { name: 'Stop' }).click();
    await expect(page.getByTestId('capture-strip')).toHaveCount(0);
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }).click();
    await expect(captured).toContainText(`select 'what the shop asks'`);
    await expect(prepared).not.toContainText('select $1::int as n');
    await drawer.getByRole('button', { name: 'Clear' }).click();
    await expect(captured).toHaveCount(0);
  } finally {
    await shop.end();
  }
});

test('without a mouse: opened, read, captured, moved and closed', async ({ page, host }) => {
  const shop = await start(host, 'shop');
  try {
    await openWindow(page, host);
    await page.goto(`${host.url.split('#')[0]}#/sessions`);
    await expect(sessionRow(page, 'shop')).toBeVisible();
    await sessionRow(page, 'shop').focus();
    await page.keyboard.press('Enter');
    const drawer = drawerOf(page);
    await expect(drawer).toBeVisible();
    await tabTo(page, drawer.getByRole('button', { name: 'Close details' }));
    const settings = drawer.locator('summary', { hasText: 'Settings' });
    await tabTo(page, settings);
    await page.keyboard.press('Enter');
    await expect(settings.locator('xpath=..')).not.toHaveAttribute('open');
    await page.keyboard.press('Enter');
    await expect(settings.locator('xpath=..')).toHaveAttribute('open');
    await tabTo(page, drawer.getByRole('button', { name: 'Capture statements' }));
    await page.keyboard.press('Enter');
    await expect(page.getByTestId('capture-strip')).toBeVisible();
    await shop.run(`select 'by keys'`);
    const captured = drawer.getByRole('region', { name: 'Captured statements' });
    await expect(captured).toContainText('by keys');
    await tabTo(page, drawer.getByRole('button', { name: 'Stop capturing' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await expect(page.getByTestId('capture-strip')).toHaveCount(0);
    await tabTo(page, drawer.getByRole('button', { name: 'Move to…' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: /^Migrate / });
    await tabTo(page, dialog.getByRole('radio', { name: /ep-b/ }));
    await page.keyboard.press('Space');
    await tabTo(page, dialog.getByRole('button', { name: 'Migrate 1 session' }));
    await page.keyboard.press('Enter');
    await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b', { timeout: 20_000 });
    await expect(drawer.getByRole('list', { name: 'How it came there' })).toContainText('Moved once since', { timeout: 20_000 });
    await expect(drawer.getByRole('list', { name: /^Timeline of session/ })).toContainText('migrated');
    await tabTo(page, drawer.getByRole('button', { name: 'Close details' }), 'Shift+Tab');
    await page.keyboard.press('Escape');
    await expect(drawer).toHaveCount(0);
    await expect(sessionRow(page, 'shop')).toBeFocused();
  } finally {
    await shop.end();
  }
});

/** Presses Tab until that element has the focus. */
async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await expect(target).toBeVisible();
  const goal = await target.elementHandle();
  for (let presses = 0; presses < 120; presses++) {
    if ((await goal?.evaluate((element) => element === document.activeElement)) === true) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} never came to ${String(target)}`);
}
