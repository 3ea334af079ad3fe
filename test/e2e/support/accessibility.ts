/** axe-core, injected into every page under test. */
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';
import type axe from 'axe-core';

const require = createRequire(import.meta.url);

/** For `addInitScript`. */
export const axeSource = { path: require.resolve('axe-core/axe.min.js') };

/** Fails with rule, element and reason of each violation in what the page shows now. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  const violations = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: typeof axe };
    const results = await checker.run(document, { resultTypes: ['violations'] });
    return results.violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
    );
  });
  expect(violations, `accessibility of ${what}`).toEqual([]);
}
