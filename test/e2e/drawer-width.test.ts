/** The drawer of a session is as wide as it was left: by the pointer and by keys. */
import { expect, test } from '@playwright/test';
import { startStandin } from './support/standin-host.ts';

test('the details are made wider by dragging and by keys, within limits, and come back so', async ({ page }) => {
  const host = await startStandin({ sessions: 3 });
  try {
    await page.goto(host.url);
    await expect(page.getByTestId('feed')).toHaveText('Live');
    await page.goto(`${host.url.split('#')[0]}#/sessions?session=2`);
    const edge = page.getByRole('separator', { name: 'Width of the details' });
    const drawer = page.getByRole('complementary', { name: 'Details of session 2' });
    await expect(edge).toHaveAttribute('aria-valuenow', '400');
    const box = await edge.boundingBox();
    if (box === null) throw new Error('the edge is not to be seen');
    const from = { x: box.x + box.width / 2, y: box.y + 40 };
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x - 100, from.y, { steps: 4 });
    await page.mouse.up();
    await expect(edge).toHaveAttribute('aria-valuenow', '500');
    await expect.poll(async () => Math.round((await drawer.boundingBox())?.width ?? 0)).toBe(500);

    await edge.press('ArrowRight');
    await expect(edge).toHaveAttribute('aria-valuenow', '484');
    await edge.press('End');
    await expect(edge).toHaveAttribute('aria-valuenow', '900');
    await page.reload();
    await expect(edge).toHaveAttribute('aria-valuenow', '900');
    await edge.press('Home');
    await expect(edge).toHaveAttribute('aria-valuenow', '320');
  } finally {
    await host.close();
  }
});
