/** A host that is gone, or that hangs: no view shows what is old as if it were live, and everything recovers by itself. */
import { expect, type Page } from '@playwright/test';
import { routes } from '../../renderer/src/app/routes.ts';
import { expectAccessible } from './support/accessibility.ts';
import { show, test } from './support/standin-page.ts';

const scene = { sessions: 12, transfers: 5, hz: 10 };

function isGrey(page: Page, landmark: 'main' | 'nav'): Promise<boolean> {
  return page
    .locator(landmark)
    .first()
    .evaluate((element) => getComputedStyle(element).filter.includes('grayscale'));
}

for (const route of routes) {
  test(`the view ${route} greys what it shows, stands still, and recovers`, async ({ page, openStandin, mayComplain }) => {
    mayComplain(/WebSocket connection to/);
    const host = await openStandin(scene, `#/${route}`);
    const main = page.getByRole('main');
    await expect(main.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await isGrey(page, 'main')).toBe(false);

    host.disconnect();
    const banner = page.getByTestId('lost-banner');
    await expect(banner).toContainText(/What you see is \d+ s old/);
    await expect(page.getByTestId('feed')).toHaveText('Connection lost');
    expect(await isGrey(page, 'main')).toBe(true);
    expect(await isGrey(page, 'nav')).toBe(true);
    await expectAccessible(page, `${route} without its host`);
    // The banner's age goes on; what is below it does not.
    const before = await main.innerText();
    const age = await banner.innerText();
    await expect.poll(() => banner.innerText()).not.toBe(age);
    expect(await main.innerText()).toBe(before);

    const seen = host.snapshots();
    host.reconnect();
    await expect(page.getByTestId('feed')).toHaveText('Live');
    await expect(banner).toBeHidden();
    expect(host.snapshots()).toBeGreaterThan(seen);
    expect(await isGrey(page, 'main')).toBe(false);
  });
}

test('a host that keeps its connection but says nothing more counts as lost', async ({ page, openStandin }) => {
  const host = await openStandin(scene, '#/sessions');
  host.hang(true);
  await expect(page.getByTestId('lost-banner')).toBeVisible({ timeout: 15_000 });
  expect(await isGrey(page, 'main')).toBe(true);
  host.hang(false);
  await expect(page.getByTestId('feed')).toHaveText('Live');
  expect(await isGrey(page, 'main')).toBe(false);
});

test('a view that is opened while the host is gone is grey from the start', async ({ page, openStandin, mayComplain }) => {
  mayComplain(/WebSocket connection to/);
  const host = await openStandin(scene, '#/sessions');
  host.disconnect();
  await expect(page.getByTestId('lost-banner')).toBeVisible();
  await show(page, '#/pools');
  await expect(page.getByRole('main').getByRole('heading', { name: 'Pools', level: 1 })).toBeVisible();
  expect(await isGrey(page, 'main')).toBe(true);
});
