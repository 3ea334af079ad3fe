/** The window as its user knows it: views, rows, dialogs and panels by their roles and names. */
import { expect, type Locator, type Page } from '@playwright/test';
import type { RunningHost } from './host.ts';

export type View = 'Yard' | 'Sessions' | 'Endpoints' | 'Pools' | 'Migrations' | 'History' | 'Events' | 'Settings';

/** Opens the window, waits until it is fed, and goes to a view: to the sessions, unless told otherwise. */
export async function openWindow(page: Page, host: RunningHost, view: View = 'Sessions'): Promise<void> {
  await page.goto(host.url);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  await goTo(page, view);
}

/** Goes to a view by the rail. */
export async function goTo(page: Page, view: View): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view, exact: true }).click();
  await expect(page.getByRole('main').getByRole('heading', { name: view, level: 1 })).toBeVisible();
}

/** A row of the sessions table, by the application name of its client. */
export function sessionRow(page: Page, application: string): Locator {
  const own = page.getByRole('button', { name: new RegExp(`^Open details of session \\d+, ${application}$`) });
  return page.getByRole('grid', { name: 'Sessions' }).getByRole('row').filter({ has: own });
}

/** A cell of such a row, by the title of its column. */
export async function cellOf(page: Page, row: Locator, column: string): Promise<Locator> {
  const titles = await page.getByRole('grid', { name: 'Sessions' }).getByRole('columnheader').allInnerTexts();
  const place = titles.findIndex((title) => title.trim() === column);
  if (place < 0) throw new Error(`the sessions table has no column ${column}, only ${titles.join(', ')}`);
  return row.getByRole('gridcell').nth(place);
}

/** Ticks several sessions, and no others. */
export async function tickSessions(page: Page, applications: readonly string[]): Promise<void> {
  for (const application of applications) {
    await sessionRow(page, application)
      .getByRole('checkbox', { name: new RegExp(`, ${application}$`) })
      .click();
  }
  await expect(page.getByTestId('selected-count')).toHaveText(`${applications.length} selected`);
}

/** The dialog that asks where to. */
export function migrateDialog(page: Page): Locator {
  return page.getByRole('dialog', { name: /^Migrate / });
}

/** The verdict of one session in that dialog. */
export function verdictOf(page: Page, application: string): Locator {
  return migrateDialog(page)
    .getByRole('region', { name: 'Verdict per session' })
    .getByRole('listitem')
    .filter({ hasText: new RegExp(`Session \\d+, ${application}`) });
}

/** The panel of the newest operation that was started in this window. */
export function newestPanel(page: Page): Locator {
  return page.getByRole('region', { name: 'Migrations under way' }).getByRole('article').last();
}

/** One session's step in a panel. */
export function stepOf(panel: Locator, application: string): Locator {
  return panel.getByRole('listitem').filter({ hasText: new RegExp(`Session \\d+, ${application}`) });
}

/** A node of the yard: an application or a session, an endpoint, or a backend, by how its name begins. */
export function yardNode(page: Page, name: string): Locator {
  return page.getByRole('treeitem', { name: new RegExp(`^${name.replaceAll('.', '\\.')}(,|$)`) });
}

/** The dialog that points an endpoint at another server. */
export function remapDialog(page: Page, endpoint: string): Locator {
  return page.getByRole('dialog', { name: `Point ${endpoint} elsewhere` });
}

/** Takes something by the pointer and holds it over a target, in steps as a hand does; it is let go with `page.mouse.up()`. */
export async function dragOver(page: Page, what: Locator, target: Locator): Promise<void> {
  await what.hover();
  await page.mouse.down();
  const from = await what.boundingBox();
  if (!from) throw new Error('what is to be dragged is not in sight');
  // The first steps begin the drag; only then are there targets everywhere.
  await page.mouse.move(from.x + from.width / 2 + 12, from.y + from.height / 2 + 6, { steps: 4 });
  await target.waitFor();
  const to = await target.boundingBox();
  if (!to) throw new Error('the target is not in sight');
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 8 });
}

/** The line of the endpoint map. */
export function endpointLine(page: Page, id: string): Locator {
  return page.getByRole('region', { name: 'Endpoint map' }).getByRole('listitem', { name: `Endpoint ${id}`, exact: true });
}

/** The counters of the migrations view. */
export interface Counters {
  attempted: number;
  success: number;
  recoverable: number;
  fatal: number;
  refused: number;
}

/** Reads them as they are shown; attempted must be the sum of the three beside it. */
export async function readCounters(page: Page): Promise<Counters> {
  const read = async (name: string): Promise<number> => {
    const text = await page.getByTestId(`counter-${name}`).innerText();
    if (!/^[\d,]+$/.test(text)) throw new Error(`the counter ${name} shows ${JSON.stringify(text)}`);
    return Number(text.replaceAll(',', ''));
  };
  return {
    attempted: await read('attempted'),
    success: await read('success'),
    recoverable: await read('error_recoverable'),
    fatal: await read('error_fatal'),
    refused: await read('refused'),
  };
}

/** A duration as the window writes it (`0.4 ms`, `1.8 s`), in milliseconds. */
export function milliseconds(text: string): number {
  const match = /^([\d.]+) (ms|s)$/.exec(text);
  if (match === null) throw new Error(`${JSON.stringify(text)} is no duration`);
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
}

/** Events, newest first, as `level message code`. */
export function eventLines(page: Page): Locator {
  return page
    .getByRole('main')
    .getByRole('row')
    .filter({ has: page.getByRole('cell') });
}
