/** Renders icon.svg into the PNG sizes that packages need: `node assets/render-icons.mjs`, after a change of the drawing. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { findChromium } from '../test/chromium.mjs';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const drawing = readFileSync(at('icon.svg'), 'utf8');
const executablePath = findChromium();
if (executablePath === null) throw new Error('No Chromium was found; set CHROMIUM_PATH.');

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const size of [16, 32, 48, 64, 128, 256, 512, 1024]) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
    await page.screenshot({ path: at(`icons/${size}x${size}.png`), omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
