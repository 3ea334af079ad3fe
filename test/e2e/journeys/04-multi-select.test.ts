/** Many sessions, one action: ranges, everything that matches, by identity; and a bar that covers nothing. */
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { migrateDialog, openWindow, sessionRow } from '../support/control-room.ts';
import { Crowd, tabTo } from '../support/crowd.ts';
import { expect, test } from '../support/host.ts';

const crowd = new Crowd();
test.afterEach(() => crowd.leave());

const names = ['worker 1', 'worker 2', 'worker 3', 'worker 4', 'reader 1', 'reader 2'];
const count = (page: Page) => page.getByTestId('selected-count');
const bar = (page: Page) => page.getByRole('group', { name: 'Actions on the selection' });

test('a selection is of sessions, not of rows, and its bar covers none of them', async ({ page, host }) => {
  const clients = await crowd.joinAll(host, names);
  await openWindow(page, host);
  await sessionRow(page, 'worker 1').click();
  await sessionRow(page, 'worker 3').click({ modifiers: ['Shift'] });
  await expect(count(page)).toHaveText('3 selected');
  await sessionRow(page, 'worker 2').click({ modifiers: ['ControlOrMeta'] });
  await expect(count(page)).toHaveText('2 selected');
  await page.getByRole('button', { name: 'Application', exact: true }).click();
  await expect(sessionRow(page, 'reader 1')).toHaveAttribute('aria-rowindex', '2');
  for (const [name, selected] of [
    ['worker 1', true],
    ['worker 2', false],
    ['worker 3', true],
  ] as const) {
    await expect(sessionRow(page, name)).toHaveAttribute('aria-selected', String(selected));
  }

  await page.getByRole('combobox', { name: 'Filter sessions' }).fill('app:worker');
  await expect(page.getByText('4 of 6 sessions')).toBeVisible();
  await bar(page).getByRole('button', { name: 'Select all 4 matches' }).click();
  await expect(count(page)).toHaveText('4 selected');
  const [below, above] = [await bar(page).boundingBox(), await page.getByRole('grid', { name: 'Sessions' }).locator('..').boundingBox()];
  if (!below || !above) throw new Error('the bar or the table is not shown');
  expect(below.y, 'the bar stands below the table').toBeGreaterThanOrEqual(above.y + above.height);
  expect(below.y + below.height, 'and in the window').toBeLessThanOrEqual(900);
  await expectAccessible(page, 'a selection');

  await page.getByRole('combobox', { name: 'Filter sessions' }).fill('app:reader');
  await expect(bar(page)).toContainText('4 of them not in sight of the filter');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await bar(page).getByRole('button', { name: 'Clear', exact: true }).click();
  await expect(bar(page)).toBeHidden();

  await sessionRow(page, 'worker 4').click();
  await bar(page).getByRole('button', { name: 'Keep on top' }).click();
  await expect(sessionRow(page, 'worker 4').getByRole('img', { name: 'kept on top' })).toBeVisible();
  await page.getByRole('heading', { level: 1 }).click();
  await expect(sessionRow(page, 'worker 4')).toHaveAttribute('aria-rowindex', '2');

  await sessionRow(page, 'worker 3').click({ modifiers: ['ControlOrMeta'] });
  await expect(count(page)).toHaveText('2 selected');
  const struck = expect(sessionRow(page, 'worker 3')).toHaveCSS('text-decoration-line', 'line-through');
  await clients[2]?.close();
  await struck;
  await expect(count(page)).toHaveText('1 selected');
  await page.getByRole('heading', { level: 1 }).click();
  await expect(sessionRow(page, 'worker 3')).toHaveCount(0);
});

test('the same by keyboard alone', async ({ page, host }) => {
  await crowd.joinAll(host, names);
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }));
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press('Enter');
  await expect(sessionRow(page, 'reader 2')).toBeVisible();
  await press('/', 'ArrowDown');
  await expect(sessionRow(page, 'worker 1')).toBeFocused();
  await press('Space', 'Shift+ArrowDown', 'Shift+ArrowDown');
  await expect(count(page)).toHaveText('3 selected');
  await press('ArrowDown', 'ArrowDown', 'Space');
  await expect(count(page)).toHaveText('4 selected');
  await expect(sessionRow(page, 'reader 1')).toHaveAttribute('aria-selected', 'true');
  await press('t', 'g');
  await expect(sessionRow(page, 'reader 1').getByRole('img', { name: 'flagged' })).toBeVisible();
  await press('n');
  await expect(page.getByRole('dialog', { name: /^Note on session/ }).getByRole('textbox')).toBeFocused();
  await page.keyboard.type('ask Eve first');
  await press('Enter');
  await expect(sessionRow(page, 'reader 1').getByRole('img', { name: 'note: ask Eve first' })).toBeVisible();
  await press('ControlOrMeta+a');
  await expect(count(page)).toHaveText('6 selected');
  await tabTo(page, bar(page).getByRole('button', { name: 'Move to…' }));
  await press('Enter');
  await expect(migrateDialog(page)).toBeVisible();
  await press('Escape');
  await expect(migrateDialog(page)).toBeHidden();
  await tabTo(page, bar(page).getByRole('button', { name: 'End…' }));
  await press('Enter');
  const asked = page.getByRole('alertdialog', { name: 'End 6 sessions?' });
  await expect(asked).toContainText('57P01');
  await expect(asked.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await press('Enter');
  await expect(asked).toBeHidden();
  await tabTo(page, bar(page).getByRole('button', { name: 'Clear', exact: true }));
  await press('Enter');
  await expect(bar(page)).toBeHidden();
});
