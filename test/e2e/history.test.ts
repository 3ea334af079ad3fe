/** The last minutes on a scripted host: one moment compared in all charts, by pointer and by keyboard, as charts and as tables. */
import { expect } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { show, test } from './support/standin-page.ts';

test('charts of a quarter of an hour share one moment, and are read as tables', async ({ page, openStandin }) => {
  const host = await openStandin({ sessions: 60, transfers: 40, trouble: true }, '#/history');
  host.world.note('error', 'backend_down', '127.0.0.1:54330 is down: nothing listens there.');
  const sessions = page.getByRole('slider', { name: 'Sessions, moment', exact: true });
  const queries = page.getByRole('slider', { name: 'Queries per second, moment' });
  await expect(sessions).toHaveAttribute('aria-valuetext', /^\d\d:\d\d:\d\d: Sessions 60, Active \d+/);
  const what = page.getByRole('region', { name: 'What happened' });
  await expect(what.getByRole('link', { name: /127\.0\.0\.1:54330 is down/ })).toBeVisible();
  await expect(page.getByRole('img', { name: /^Distribution of \d+ pauses: p50 [\d.]+ ms/ })).toBeVisible();
  await expectAccessible(page, 'the charts');

  await page.mouse.move(5, 5);
  await sessions.hover();
  const moment = page.getByTestId('history-moment');
  await expect(moment).toHaveText(/^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d/);
  const at = await moment.innerText();
  const clock = at.slice(0, 8);
  await expect.poll(async () => (await queries.getAttribute('aria-valuetext'))?.slice(0, 8)).toBe(clock);
  await page.mouse.move(5, 5);
  await expect(moment).toHaveCount(0);

  await page.getByRole('radio', { name: '5 minutes', exact: true }).click();
  await expect(page).toHaveURL(/#\/history\?minutes=5$/);
  await expect(queries).toHaveAttribute('aria-valuemax', /^1[45]\d$/);
  await page.getByRole('radio', { name: 'Tables' }).click();
  const table = page.getByRole('table').filter({ hasText: 'Largest value in each 10.0 s' });
  // The head, 30 stretches, or one less while none of the newest second is there, or one more for the one that is being filled.
  await expect.poll(async () => Math.abs((await table.getByRole('row').count()) - 31)).toBeLessThanOrEqual(1);
  await expect(page.getByRole('table').filter({ hasText: 'What happened' })).toContainText('127.0.0.1:54330 is down');
  await expectAccessible(page, 'the tables');
});

test('the keyboard alone moves through time, chooses the range and leads to the events', async ({ page, openStandin }) => {
  const host = await openStandin({ sessions: 12, transfers: 12 }, '#/history');
  host.world.note('warn', 'endpoint_paused', 'Endpoint ep-a is paused.');
  const sign = page.getByRole('link', { name: /Endpoint ep-a is paused/ });
  await expect(sign).toBeVisible();
  const sessions = page.getByRole('slider', { name: 'Sessions, moment', exact: true });
  for (let presses = 0; presses < 40 && !(await sessions.evaluate((element) => element === document.activeElement)); presses += 1) {
    await page.keyboard.press('Tab');
  }
  await expect(sessions).toBeFocused();
  const moment = page.getByTestId('history-moment');
  await expect(moment).toBeVisible();
  await page.keyboard.press('Home');
  const first = await moment.innerText();
  await page.keyboard.press('PageUp');
  await expect.poll(() => moment.innerText()).not.toBe(first);
  await page.keyboard.press('Escape');
  await expect(moment).toHaveCount(0);
  await sign.focus();
  await expect(moment).toContainText('Endpoint ep-a is paused.');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/#\/events\?q=from/);
});

test('a pool of its own is chosen; one that nothing is kept of says so; nothing is drawn while the page is hidden', async ({
  page,
  openStandin,
}) => {
  const asked: string[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      if (payload.includes('"history"')) asked.push(payload.toString());
    }),
  );
  const host = await openStandin({ sessions: 20 }, '#/history');
  const key = host.world.pools()[0]?.key ?? '';
  await page.getByLabel('Pool', { exact: true }).selectOption(key);
  await expect(page.getByRole('heading', { name: `Server connections, ${key}` })).toBeVisible();
  await show(page, '#/history?pool=nobody');
  await expect(page.getByText('Nothing is kept of the pool nobody')).toBeVisible();

  await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, get: () => true }));
  asked.length = 0;
  await show(page, '#/history?minutes=5');
  await expect(page.getByRole('radio', { name: '5 minutes', exact: true })).toBeChecked();
  expect(asked).toEqual([]);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => false });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await expect.poll(() => asked.length).toBeGreaterThan(0);
});
