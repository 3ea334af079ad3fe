/** Commands on the page: palette, keys, context menus and what is copied, over a scripted host. */
import { expect, type Locator, type Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { show, test } from './support/standin-page.ts';

test.use({ permissions: ['clipboard-read', 'clipboard-write'] });

function palette(page: Page): Locator {
  return page.getByRole('dialog', { name: 'Find a command' });
}

test('the palette finds commands and places, and gives the focus back', async ({ page, openStandin }) => {
  await openStandin({ sessions: 30 }, '#/sessions');
  const row = page.getByRole('grid', { name: 'Sessions' }).getByRole('row').nth(3);
  await row.focus();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(palette(page)).toBeVisible();
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await expectAccessible(page, 'the palette');
  await page.keyboard.type('go to poo');
  await expect(page.getByRole('option', { selected: true })).toContainText('Go to pools');
  await page.keyboard.press('Escape');
  await expect(palette(page)).toBeHidden();
  await expect(row).toBeFocused();

  await page.keyboard.press(':');
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await page.keyboard.type('go to pools');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main').getByRole('heading', { name: 'Pools', level: 1 })).toBeVisible();
  await expect(palette(page)).toBeHidden();

  await page.keyboard.press('ControlOrMeta+k');
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await page.keyboard.type('session 17');
  await page.getByRole('option', { name: /^Session 17\b/ }).click();
  await expect(page.getByRole('complementary', { name: 'Details of session 17' })).toBeVisible();
  await expect(page).toHaveURL(/session=17/);
});

test('a command that needs an endpoint asks for one', async ({ page, openStandin }) => {
  await openStandin({ sessions: 3 }, '#/pools');
  await page.keyboard.press('ControlOrMeta+k');
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await page.keyboard.type('reconnect');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Reconnect pools: which one?' });
  await expect(dialog.getByRole('option').first()).toBeVisible();
  await expectAccessible(page, 'the palette that asks for an endpoint');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('status', { name: 'Messages' })).toContainText('gets new server connections');
});

test('the list of keys shows them, and switches single ones off', async ({ page, openStandin }) => {
  await openStandin({ sessions: 3 }, '#/sessions');
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog', { name: 'Commands and keys' });
  await expect(dialog.getByText('Move to…')).toBeVisible();
  await expectAccessible(page, 'the list of keys');
  await dialog.getByRole('switch').click();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await page.keyboard.press('3');
  await page.keyboard.press('ControlOrMeta+k');
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await expect(page).toHaveURL(/#\/sessions$/);
  await page.keyboard.type('single keys on');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('status', { name: 'Messages' })).toContainText('Single keys give commands again');
  await page.keyboard.press('3');
  await expect(page).toHaveURL(/#\/endpoints$/);
});

test('a right click opens the menu of the row under it, the menu key that of the row with the focus', async ({ page, openStandin }) => {
  await openStandin({ sessions: 30 }, '#/sessions');
  const rows = page.getByRole('grid', { name: 'Sessions' }).getByRole('row');
  await rows.nth(4).click({ button: 'right' });
  const menu = page.getByRole('menu').first();
  await expect(menu).toContainText('Session ');
  await expectAccessible(page, 'a context menu');
  await page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await rows.nth(2).focus();
  await page.keyboard.press('Shift+F10');
  await menu.getByRole('menuitem', { name: 'Copy as' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('menuitem', { name: 'URL' }).press('Enter');
  await expect(page.getByRole('status', { name: 'Messages' })).toContainText(/Copied session \d+ as a URL\./);
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^postgresql:\/\//);
  await expect(rows.nth(2)).toBeFocused();
  await show(page, '#/endpoints');
  await page
    .getByRole('listitem', { name: /^Endpoint / })
    .first()
    .click({ button: 'right' });
  await expect(page.getByRole('menuitem', { name: 'Drain server…' })).toBeVisible();
});
