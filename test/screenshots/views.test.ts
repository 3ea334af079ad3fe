/**
 * Every view in every width, theme and state that a picky user would look at. The pictures are for eyes; what a machine can see is
 * asserted: the page never scrolls sideways, and nothing in it complains.
 */
import path from 'node:path';
import { expect } from '@playwright/test';
import { routes } from '../../renderer/src/app/routes.ts';
import { show, test } from '../e2e/support/standin-page.ts';
import type { StandinOptions } from '../e2e/support/standin-host.ts';

const folder = path.join(import.meta.dirname, '../../test-results/screenshots');
const widths = [960, 1280, 1920] as const;
const scenes: Readonly<Record<string, StandinOptions>> = {
  empty: { sessions: 0, endpoints: 0 },
  two: { sessions: 2, transfers: 2 },
  many: { sessions: 500, transfers: 60, endpoints: 3 },
  long: { sessions: 40, transfers: 20, longNames: true },
  trouble: { sessions: 40, transfers: 20, endpoints: 3, trouble: true },
};

for (const scheme of ['light', 'dark'] as const)
  for (const [scene, options] of Object.entries(scenes))
    test.describe(`${scheme}, ${scene}`, () => {
      test.use({ colorScheme: scheme });
      test('every view', async ({ page, openStandin, mayComplain }) => {
        const host = await openStandin(options);
        const picture = async (name: string, width: number): Promise<void> => {
          await page.screenshot({ path: path.join(folder, `${name}-${width}-${scheme}-${scene}.png`) });
        };
        for (const width of widths) {
          await page.setViewportSize({ width, height: Math.round(width * 0.625) });
          for (const route of routes) {
            await show(page, `#/${route}`);
            await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
            // Charts and tracks are drawn with the first deltas.
            await page.waitForTimeout(600);
            await picture(route, width);
            const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            expect(overhang, `${route} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
          }
        }
        mayComplain(/WebSocket connection to/);
        host.disconnect();
        await expect(page.getByTestId('lost-banner')).toBeVisible();
        await show(page, '#/sessions');
        await page.waitForTimeout(600);
        await picture('lost', 1280);
      });
    });
