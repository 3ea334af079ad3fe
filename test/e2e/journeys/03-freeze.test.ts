/** Freeze: what is shown stands still, the button counts what is pending, and neither selection nor scroll jumps. */
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { cellOf, openWindow, sessionRow } from '../support/control-room.ts';
import { Crowd, tabTo } from '../support/crowd.ts';
import { expect, test } from '../support/host.ts';

const crowd = new Crowd();
test.afterEach(() => crowd.leave());

const resume = (page: Page) => page.getByRole('button', { name: /^Resume \([1-9]/ });

test('a paused view shows what it showed, says how much is pending, and goes on where it was', async ({ page, host }) => {
  await page.setViewportSize({ width: 1440, height: 640 });
  const names = Array.from({ length: 24 }, (_, i) => `client ${String(i + 1).padStart(2, '0')}`);
  await crowd.joinAll(host, names);
  const worker = await crowd.join(host, 'worker');
  worker.work();
  await openWindow(page, host);
  await expect(page.getByText('25 sessions')).toBeVisible();
  const scroller = page.getByRole('grid', { name: 'Sessions' }).locator('..');
  await scroller.evaluate((element) => element.scrollTo(0, 400));
  await sessionRow(page, 'worker').click();
  const scrolled = await scroller.evaluate((element) => element.scrollTop);
  expect(scrolled).toBeGreaterThan(0);

  await page.getByRole('button', { name: 'Pause view' }).click();
  await expect(page.getByRole('button', { name: /^Resume/ })).toHaveAttribute('aria-pressed', 'true');
  const queries = await cellOf(page, sessionRow(page, 'worker'), 'Queries');
  const shown = await queries.innerText();
  const answered = worker.answers.length;
  await expect.poll(() => worker.answers.length).toBeGreaterThan(answered + 200);
  await crowd.join(host, 'late comer');
  await expect(page.getByText('26 sessions')).toBeVisible();
  await expect(page.getByRole('button', { name: /^Resume \(([2-9]|\d\d)/ }), 'the worker and the late comer').toBeVisible();
  await expect(queries).toHaveText(shown);
  await expect(sessionRow(page, 'late comer')).toHaveCount(0);
  await expectAccessible(page, 'a paused view');

  await resume(page).click();
  await expect(sessionRow(page, 'late comer')).toHaveCount(1);
  await expect(queries).not.toHaveText(shown);
  await expect(sessionRow(page, 'worker')).toHaveAttribute('aria-selected', 'true');
  expect(await scroller.evaluate((element) => element.scrollTop)).toBe(scrolled);
});

test('the same by keyboard alone', async ({ page, host }) => {
  await crowd.joinAll(host, ['first', 'second']);
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }));
  await page.keyboard.press('Enter');
  await expect(sessionRow(page, 'first')).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.press('ArrowDown');
  await expect(sessionRow(page, 'first')).toBeFocused();
  await page.keyboard.press('Space');
  await page.keyboard.press('p');
  await expect(page.getByRole('button', { name: /^Resume/ })).toBeVisible();
  await crowd.join(host, 'late comer');
  await expect(resume(page)).toBeVisible();
  await expect(sessionRow(page, 'late comer')).toHaveCount(0);
  await expect(sessionRow(page, 'first')).toBeFocused();
  await page.keyboard.press('p');
  await expect(sessionRow(page, 'late comer')).toBeVisible();
  await expect(sessionRow(page, 'first')).toBeFocused();
  await expect(sessionRow(page, 'first')).toHaveAttribute('aria-selected', 'true');
});
