/** The filter language: chips, suggestions, readable errors, apply-as-filter, saved views, and all of it in the address. */
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { cellOf, openWindow, sessionRow } from '../support/control-room.ts';
import { Crowd, tabTo } from '../support/crowd.ts';
import { expect, test } from '../support/host.ts';

const crowd = new Crowd();
test.afterEach(() => crowd.leave());

const field = (page: Page) => page.getByRole('combobox', { name: 'Filter sessions' });
const chips = (page: Page) => page.getByRole('list', { name: 'Terms of the filter' }).getByRole('listitem');
const query = (page: Page): string | null => new URLSearchParams(new URL(page.url()).hash.split('?')[1] ?? '').get('q');

test('sessions are found by chips, by cells and by addresses', async ({ page, host }) => {
  await crowd.joinAll(host, ['checkout', 'billing', 'reports'], 'ep-a');
  const other = await crowd.join(host, 'elsewhere', 'ep-b');
  await other.query('begin');
  await openWindow(page, host);
  await expect(page.getByText('4 sessions')).toBeVisible();

  await field(page).pressSequentially('endp');
  await page.getByRole('option', { name: /^endpoint:/ }).click();
  await expect(page.getByRole('option', { name: /^endpoint:ep-a 3 sessions/ })).toBeVisible();
  await expectAccessible(page, 'suggestions');
  await page.getByRole('option', { name: /^endpoint:ep-a/ }).click();
  await expect(chips(page)).toHaveText(['endpoint:ep-a']);
  await expect(page.getByText('3 of 4 sessions')).toBeVisible();
  await expect.poll(() => query(page)).toBe('endpoint:ep-a');

  await field(page).pressSequentially('since>soon ');
  await expect(page.getByText('since wants a time, such as since>5s, 200ms, 2m or 1h.')).toBeVisible();
  await expect(page.getByText('0 of 4 sessions'), 'a term that is wrong finds nothing').toBeVisible();
  await expectAccessible(page, 'a filter with an error');
  await page.getByRole('button', { name: 'Remove since>soon' }).click();

  await (await cellOf(page, sessionRow(page, 'billing'), 'Application')).click({ modifiers: ['Alt', 'Shift'] });
  await expect(chips(page)).toHaveText(['endpoint:ep-a', 'notapp=billing']);
  await expect(page.getByText('2 of 4 sessions')).toBeVisible();
  await (await cellOf(page, sessionRow(page, 'checkout'), 'Application')).click({ modifiers: ['Alt'] });
  await expect(page.getByText('1 of 4 sessions')).toBeVisible();
  await expect.poll(() => query(page)).toBe('endpoint:ep-a -app=billing app=checkout');

  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('textbox', { name: /^Name for what is shown now/ }).fill('The shop');
  await expectAccessible(page, 'the saved views');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(page.getByText('4 sessions', { exact: true })).toBeVisible();
  await expect.poll(() => query(page)).toBe(null);
  const idle = page.getByRole('group', { name: 'Quick filters' }).getByRole('button', { name: /^Idle in transaction/ });
  await expect(idle).toContainText('1');
  await idle.click();
  await expect(idle).toHaveAttribute('aria-pressed', 'true');
  await expect(sessionRow(page, 'elsewhere')).toBeVisible();
  await expect(page.getByText('1 of 4 sessions')).toBeVisible();
  await expect.poll(() => query(page)).toBe('state:"idle in transaction"');

  await page.getByRole('button', { name: 'Application', exact: true }).click();
  await expect.poll(() => page.url()).toContain('sort=application');
  await page.goBack();
  await expect(page.getByRole('columnheader', { name: 'Id' })).toHaveAttribute('aria-sort', 'ascending');
  await page.goForward();
  await expect(page.getByRole('columnheader', { name: 'Application' })).toHaveAttribute('aria-sort', 'ascending');
  await page.reload();
  await expect(chips(page), 'the address brings the view back').toHaveText(['state:idle in transaction']);
  await expect(page.getByRole('columnheader', { name: 'Application' })).toHaveAttribute('aria-sort', 'ascending');
  await page.getByRole('button', { name: 'Saved views' }).click();
  await page.getByRole('button', { name: /^The shop/ }).click();
  await expect(chips(page)).toHaveCount(3);
  await expect(page.getByText('1 of 4 sessions')).toBeVisible();
});

test('the same by keyboard alone', async ({ page, host }) => {
  await crowd.joinAll(host, ['checkout', 'billing', 'reports'], 'ep-a');
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }));
  await press('Enter');
  await expect(sessionRow(page, 'reports')).toBeVisible();
  await press('/');
  await expect(field(page)).toBeFocused();
  await page.keyboard.type('ap');
  await press('ArrowDown', 'Enter');
  await expect(field(page)).toHaveValue('app:');
  await page.keyboard.type('bil');
  await press('ArrowDown', 'Enter');
  await expect(chips(page)).toHaveText(['app:billing']);
  await expect(page.getByText('1 of 3 sessions')).toBeVisible();
  await press('ArrowLeft', '-');
  await expect(chips(page)).toHaveText(['notapp:billing']);
  await expect(page.getByText('2 of 3 sessions')).toBeVisible();
  await press('Enter');
  await expect(field(page)).toHaveValue('-app:billing');
  await press('Escape');
  await expect(field(page)).toHaveValue('');
  await expect(page.getByText('3 sessions', { exact: true })).toBeVisible();

  await press('ArrowDown', 'ArrowDown', 'f');
  await expect(page.getByRole('menuitem', { name: 'Show only app=billing' })).toBeVisible();
  await page.keyboard.type('leave out app');
  await press('Enter');
  await expect(chips(page)).toHaveText(['notapp=billing']);
  await expect(sessionRow(page, 'billing')).toHaveCount(0);
  await expect.poll(() => query(page)).toBe('-app=billing');
  await tabTo(page, page.getByRole('button', { name: 'Saved views' }), 'Shift+Tab');
  await press('Enter');
  await tabTo(page, page.getByRole('textbox', { name: /^Name for what is shown now/ }));
  await page.keyboard.type('Not billing');
  await press('Enter');
  await press('/', 'Backspace', 'Delete');
  await expect(chips(page)).toHaveCount(0);
  await expect(page.getByText('3 sessions', { exact: true })).toBeVisible();
  await expect.poll(() => query(page)).toBe(null);
  // The browser's own key for it does nothing without its frame.
  await page.goBack();
  await expect(chips(page), 'a step back').toHaveText(['notapp=billing']);
});
