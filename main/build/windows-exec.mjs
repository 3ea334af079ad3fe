/**
 * Run by `npm install`. `npm start` begins with `exec`, so that signals sent to npm reach the host itself instead of ending the
 * shell around it, and npm waits for the host's clean end. Windows has no such signals and no such word: there it gets one.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (process.platform === 'win32') {
  writeFileSync(fileURLToPath(new URL('../../node_modules/.bin/exec.cmd', import.meta.url)), '@%*\r\n');
}
