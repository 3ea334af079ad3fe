/** Playwright's `test` with a stand-in host, and pages that fail the test by any console error, warning, page error or CSP violation. */
import { test as base, expect, type Page } from '@playwright/test';
import { axeSource } from './accessibility.ts';
import { startStandin, type StandinHost, type StandinOptions } from './standin-host.ts';

interface Fixtures {
  /** Starts a host, opens its window at a view and waits until it is fed; the host ends with the test. */
  openStandin: (options: StandinOptions, hash?: string) => Promise<StandinHost>;
  /** A complaint of the page that the test provokes on purpose. */
  mayComplain: (pattern: RegExp) => void;
}

/** See the head of this file. */
export const test = base.extend<Fixtures & { expected: RegExp[] }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright asks for a pattern
  expected: async ({}, use) => use([]),
  mayComplain: async ({ expected }, use) => use((pattern) => expected.push(pattern)),
  openStandin: async ({ page, expected }, use) => {
    const complaints: string[] = [];
    let host: StandinHost | null = null;
    page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console: ${message.text()}`);
    });
    await page.addInitScript(axeSource);
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await use(async (options, hash = '#/sessions') => {
      host = await startStandin(options);
      await page.goto(host.url);
      await expect(page.getByTestId('feed')).toHaveText('Live');
      await show(page, hash);
      return host;
    });
    await (host as StandinHost | null)?.close();
    const unexpected = complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    expect(unexpected, 'complaints of the page').toEqual([]);
  },
});

/** Goes to a view by its address, for example `#/pools?show=waits`. */
export async function show(page: Page, hash: string): Promise<void> {
  await page.evaluate((next) => {
    window.location.hash = next;
  }, hash);
}
