import fs from 'node:fs';
import path from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const places = ['/usr/bin', '/usr/local/bin', '/snap/bin', '/opt/google/chrome'];
const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** The Chromium to drive: `CHROMIUM_PATH`, else the first one found where systems put it; null if there is none. */
export function findChromium() {
  const set = process.env.CHROMIUM_PATH;
  if (set) return fs.existsSync(set) ? set : null;
  const found = places.flatMap((place) => names.map((name) => path.join(place, name)));
  return [...found, ...elsewhere].find((file) => fs.existsSync(file)) ?? null;
}
