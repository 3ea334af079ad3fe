/**
 * Renders icon.svg into the PNG sizes that packages need, and the tray's dots, plain and for dense displays:
 * `node assets/render-icons.mjs`, after a change of a drawing.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { findChromium } from '../test/chromium.mjs';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const executablePath = findChromium();
if (executablePath === null) throw new Error('No Chromium was found; set CHROMIUM_PATH.');

const pictures = [
  ...[16, 32, 48, 64, 128, 256, 512, 1024].map((size) => ({ from: 'icon.svg', to: `icons/${size}x${size}.png`, size })),
  ...['calm', 'held', 'trouble'].flatMap((state) => [
    { from: `tray/${state}.svg`, to: `tray/${state}.png`, size: 22 },
    { from: `tray/${state}.svg`, to: `tray/${state}@2x.png`, size: 44 },
  ]),
];
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const { from, to, size } of pictures) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    const drawing = readFileSync(at(from), 'utf8');
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
    await page.screenshot({ path: at(to), omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
