/** A move while it runs and afterwards: steps, cancel while it can be, a summary, what stayed, and Undo. */
import { expectAccessible } from '../support/accessibility.ts';
import { cellOf, goTo, migrateDialog, newestPanel, openWindow, sessionRow, stepOf, tickSessions } from '../support/control-room.ts';
import { Crowd, portOf, tabTo } from '../support/crowd.ts';
import { expect, test } from '../support/host.ts';

const crowd = new Crowd();
test.afterEach(() => crowd.leave());

test('a move is followed, stopped where it can be, and undone; meanwhile the window is free', async ({ page, host }) => {
  const [one, two] = [await crowd.join(host, 'one'), await crowd.join(host, 'two')];
  const busy = await crowd.join(host, 'busy');
  await busy.query('begin');
  one.work();
  const [a, b] = [host.backendPort('ep-a'), host.backendPort('ep-b')];
  await openWindow(page, host);
  await tickSessions(page, ['one', 'two', 'busy']);
  await page.getByRole('button', { name: 'Move to…' }).click();
  await migrateDialog(page).getByRole('radio', { name: /^ep-b/ }).click();
  await migrateDialog(page).getByRole('button', { name: 'Migrate 3 sessions' }).click();

  const panel = newestPanel(page);
  await expect(panel).toContainText('2 of 3 settled');
  await expect(panel).toContainText('1 waits for a safe point');
  await expect(panel).toContainText('0 clients held');
  await expect(stepOf(panel, 'busy')).toContainText('Waiting for a safe point');
  await expect(page.getByTestId('announced')).toContainText('Migrate 3 sessions to ep-b: ');
  await expectAccessible(page, 'a move under way');
  await page.getByRole('combobox', { name: 'Filter sessions' }).fill('is:migrating');
  await expect(page.getByText('1 of 3 sessions'), 'nothing is modal').toBeVisible();
  await page.getByRole('button', { name: 'Clear the filter' }).click();

  await panel.getByRole('button', { name: 'Cancel those that wait' }).click();
  await expect(panel.getByRole('status')).toContainText('2 of 3 moved to ep-b');
  await expect(page.getByTestId('announced')).toHaveText('Migrate 3 sessions to ep-b: 2 of 3 moved, 1 stayed.');
  await busy.query('commit');
  expect(await portOf(busy), 'what was cancelled does not happen later').toBe(a);
  expect(await portOf(two)).toBe(b);
  await expectAccessible(page, 'a settled move');
  await panel.getByRole('button', { name: 'Show those that stayed' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'busy' })).toContainText('cancelled by the operator');

  await goTo(page, 'Sessions');
  await panel.getByRole('button', { name: 'Undo…' }).click();
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-a/ })).toBeChecked();
  await expect(migrateDialog(page).getByRole('region', { name: 'Verdict per session' }).getByRole('listitem').first()).toContainText(
    /ready|waits/,
  );
  await migrateDialog(page).getByRole('button', { name: 'Migrate 2 sessions' }).click();
  await expect(newestPanel(page).getByRole('status')).toContainText('2 of 2 moved to ep-a');
  expect(await portOf(two)).toBe(a);
  await one.rest();
  expect(await portOf(one)).toBe(a);
  expect([...one.errors, ...two.errors, ...busy.errors]).toEqual([]);
});

test('the same by keyboard alone', async ({ page, host }) => {
  const mover = await crowd.join(host, 'mover');
  const busy = await crowd.join(host, 'busy');
  await busy.query('begin');
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Sessions', exact: true }));
  await press('Enter');
  await expect(sessionRow(page, 'busy')).toBeVisible();
  await press('/', 'ArrowDown', 'ControlOrMeta+a', 'm');
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-b/ })).toBeFocused();
  await press('Space');
  await tabTo(page, migrateDialog(page).getByRole('button', { name: 'Migrate 2 sessions' }));
  await press('Enter');
  const panel = newestPanel(page);
  await expect(panel).toContainText('1 of 2 settled');
  await tabTo(page, panel.getByRole('button', { name: 'Cancel those that wait' }));
  await press('Enter');
  await expect(panel.getByRole('status')).toContainText('1 of 2 moved to ep-b');
  expect(await portOf(mover)).toBe(host.backendPort('ep-b'));
  await tabTo(page, panel.getByRole('button', { name: 'Undo…' }));
  await press('Enter');
  await expect(migrateDialog(page).getByRole('radio', { name: /^ep-a/ })).toBeChecked();
  await tabTo(page, migrateDialog(page).getByRole('button', { name: 'Migrate 1 session' }));
  await press('Enter');
  await expect(newestPanel(page).getByRole('status')).toContainText('1 of 1 moved to ep-a');
  expect(await portOf(mover)).toBe(host.backendPort('ep-a'));
  await expect(await cellOf(page, sessionRow(page, 'mover'), 'Moves')).toHaveText('2');
});
