/** Preflight before action: a verdict per session with its reason and what would unblock it; the button carries the count. */
import { expectAccessible } from '../support/accessibility.ts';
import { migrateDialog, newestPanel, openWindow, sessionRow, tickSessions, verdictOf } from '../support/control-room.ts';
import { Crowd, portOf, tabTo } from '../support/crowd.ts';
import { expect, test, type RunningHost } from '../support/host.ts';
import type { LiveClient } from '../support/live-client.ts';

const crowd = new Crowd();
test.afterEach(() => crowd.leave());

/** One that can move, one in a transaction, one that owns what cannot be moved. */
async function three(host: RunningHost): Promise<{ plain: LiveClient; busy: LiveClient; keeper: LiveClient }> {
  const [plain, busy, keeper] = [await crowd.join(host, 'plain'), await crowd.join(host, 'busy'), await crowd.join(host, 'keeper')];
  await busy.query('begin');
  await keeper.query('create temporary table shunting_list (id int)');
  return { plain, busy, keeper };
}

test('who can move is known before anything moves', async ({ page, host }) => {
  const { plain, busy, keeper } = await three(host);
  const [a, b] = [host.backendPort('ep-a'), host.backendPort('ep-b')];
  await openWindow(page, host);
  await tickSessions(page, ['plain', 'busy', 'keeper']);
  await page.getByRole('button', { name: 'Move to…' }).click();
  const dialog = migrateDialog(page);
  await dialog.getByRole('radio', { name: /^ep-b/ }).click();

  await expect(verdictOf(page, 'plain')).toContainText('ready');
  await expect(verdictOf(page, 'busy')).toContainText(/waits.*in transaction/s);
  await expect(verdictOf(page, 'keeper')).toContainText(/refused.*shunting_list/s);
  await expect(dialog.getByRole('button', { name: '1 ready' })).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Migrate 2 of 3 sessions' })).toBeEnabled();
  await expectAccessible(page, 'the preflight of three sessions');

  await dialog.getByRole('button', { name: '1 refused' }).click();
  await expect(verdictOf(page, 'plain')).toBeHidden();
  await expect(verdictOf(page, 'keeper')).toBeVisible();
  await dialog.getByRole('button', { name: '1 refused' }).click();
  await dialog.getByRole('searchbox', { name: 'Look for in the preflight' }).fill('app:busy');
  await expect(verdictOf(page, 'busy')).toBeVisible();
  await expect(verdictOf(page, 'keeper')).toBeHidden();
  await expect(dialog.getByRole('button', { name: 'Migrate 2 of 3 sessions' }), 'what is read does not change who is moved').toBeEnabled();
  await dialog.getByRole('searchbox', { name: 'Look for in the preflight' }).fill('');

  await dialog.getByRole('checkbox', { name: 'Group by reason' }).check();
  const refused = dialog.getByRole('button', { name: /^1 session refused/ });
  await expect(refused).toContainText('shunting_list');
  await refused.click();
  await expect(dialog.getByRole('region', { name: 'Verdict per session' })).toContainText(/Session \d+, keeper/);
  await expectAccessible(page, 'the preflight grouped by reason');

  await dialog.getByRole('checkbox', { name: /^Only those that are ready now/ }).check();
  await dialog.getByRole('button', { name: 'Migrate 1 of 3 sessions' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  expect(await portOf(plain)).toBe(b);
  expect(await portOf(busy)).toBe(a);
  expect(await portOf(keeper)).toBe(a);
});

test('the same by keyboard alone', async ({ page, host }) => {
  const { plain, keeper } = await three(host);
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }));
  await page.keyboard.press('Enter');
  await expect(sessionRow(page, 'keeper')).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ControlOrMeta+a');
  await expect(page.getByTestId('selected-count')).toHaveText('3 selected');
  await page.keyboard.press('m');
  const dialog = migrateDialog(page);
  await expect(dialog.getByRole('radio', { name: /^ep-b/ })).toBeFocused();
  await page.keyboard.press('Space');
  await expect(verdictOf(page, 'keeper')).toContainText('refused');
  await tabTo(page, dialog.getByRole('checkbox', { name: /^Only those that are ready now/ }));
  await page.keyboard.press('Space');
  await tabTo(page, dialog.getByRole('button', { name: 'Migrate 1 of 3 sessions' }));
  await page.keyboard.press('Enter');
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-b');
  expect(await portOf(plain)).toBe(host.backendPort('ep-b'));
  expect(await portOf(keeper)).toBe(host.backendPort('ep-a'));
});
