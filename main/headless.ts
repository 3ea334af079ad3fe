/** The entry of the headless host. Built, it lies in dist/main, beside the window in dist/renderer. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runHeadless } from './headless/run.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

await runHeadless({
  version,
  windowFolder: fileURLToPath(new URL('../renderer', import.meta.url)),
  words: process.argv.slice(2),
});
