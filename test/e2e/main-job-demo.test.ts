/** The demo and its workload as a new user meets them: without any configuration, switched in the window. */
import type { Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { endpointLine, goTo, openWindow } from './support/control-room.ts';
import { expect, test } from './support/host.ts';
import { LiveClient } from './support/live-client.ts';

/** How many server connections of each pool are active, as its bar says. */
async function activePerPool(page: Page): Promise<number[]> {
  const bars = page.getByRole('table').getByRole('img', { name: /^\d+ active/ });
  const labels = await bars.evaluateAll((elements) => elements.map((element) => element.getAttribute('aria-label') ?? ''));
  return labels.map((label) => Number.parseInt(label, 10));
}

/** What a chart says of now, for example `Active 12, Idle 0, Waiting 0`. */
async function chartNow(page: Page, title: string): Promise<string> {
  const label = await page.getByRole('img', { name: new RegExp(`^${title}`) }).getAttribute('aria-label');
  return label?.split('now: ').at(-1) ?? '';
}

test.describe('without any configuration', () => {
  test.use({ hostWords: [] });

  test('the demo runs by itself, and stops and starts from the page', async ({ page, host }) => {
    expect(host.endpoints.map(({ id }) => id)).toEqual(['ep-a', 'ep-b']);
    await openWindow(page, host);
    await goTo(page, 'Endpoints');
    for (const id of ['ep-a', 'ep-b']) await expect(endpointLine(page, id)).toContainText('up');
    const formerly = host.backendPort('ep-a');

    await page.getByRole('switch', { name: 'Workload of a dozen clients' }).click();
    await expect(endpointLine(page, 'ep-a')).toContainText('6 sessions');
    await expect(endpointLine(page, 'ep-b')).toContainText('6 sessions');
    host.watchProcesses();

    await page.getByRole('button', { name: 'Stop the demo' }).click();
    await expect(page.getByText('No endpoints yet')).toBeVisible();
    await expectAccessible(page, 'the endpoints of a first run');
    await goTo(page, 'Sessions');
    await expect(page.getByText('No endpoints yet')).toBeVisible();
    await expectAccessible(page, 'the sessions of a first run');

    await page.getByRole('button', { name: 'Start the demo' }).click();
    await expect(page.getByText('No sessions yet')).toBeVisible({ timeout: 60_000 });
    await goTo(page, 'Endpoints');
    for (const id of ['ep-a', 'ep-b']) await expect(endpointLine(page, id)).toContainText('PostgreSQL');
    const client = await LiveClient.connect({ port: host.proxy.port, endpoint: 'ep-a', application: 'newcomer' });
    expect(await client.query('select name from server_name')).toEqual([{ name: 'ep-a' }]);
    await expect(endpointLine(page, 'ep-a')).toContainText('1 session');
    await expect(endpointLine(page, 'ep-a'), 'another server than before').not.toContainText(`:${formerly}`);
    await client.close();
  });
});

test('the pools show the workload come, work and go', async ({ page, host }) => {
  await openWindow(page, host);
  await goTo(page, 'Pools');
  await expect(page.getByText('No pools yet')).toBeVisible();
  await expectAccessible(page, 'no pools');

  await goTo(page, 'Sessions');
  await page.getByRole('button', { name: 'Switch on the demo workload' }).click();
  await expect(page.getByRole('grid', { name: 'Sessions' })).toHaveAttribute('aria-rowcount', '13');
  await expectAccessible(page, 'the sessions of the workload');
  await goTo(page, 'Pools');
  await expect.poll(async () => await activePerPool(page)).toEqual([6, 6]);
  await expect.poll(async () => await chartNow(page, 'Server connections, all pools')).toMatch(/^Active 12,/);
  const rates = new Set<string>();
  await expect
    .poll(
      async () => {
        rates.add(await chartNow(page, 'Queries per second'));
        return rates.size;
      },
      { message: 'different rates, one after the other' },
    )
    .toBeGreaterThan(3);
  await expect(
    page
      .getByRole('img', { name: /^Server connections/ })
      .locator('.recharts-area-area')
      .first(),
  ).toBeVisible();
  await expectAccessible(page, 'the pools at work');

  await goTo(page, 'Endpoints');
  await page.getByRole('switch', { name: 'Workload of a dozen clients' }).click();
  await goTo(page, 'Pools');
  await expect.poll(async () => await activePerPool(page)).toEqual([0, 0]);
  await expect.poll(async () => await chartNow(page, 'Server connections, all pools')).toMatch(/^Active 0, Idle [1-9]/);
});
