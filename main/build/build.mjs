/**
 * Builds everything that runs outside the sources: the two hosts and the preload with esbuild, the window with Vite.
 * `--if-needed` leaves a build alone that was made from the same inputs. Writes to standard error only, so that a script that
 * reads standard output sees nothing of it.
 */
import { Console } from 'node:console';
import { fileURLToPath } from 'node:url';
import { bundleHosts } from './hosts.mjs';
import { isFresh, writeStamp } from './stamp.mjs';
import { bundleWindow } from './window.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const log = new Console(process.stderr, process.stderr);

if (process.argv.includes('--if-needed') && isFresh(root)) process.exit(0);

const began = performance.now();
log.log('Building Switchyard …');
const results = await Promise.allSettled([bundleHosts(root), bundleWindow(root)]);
const failures = results.filter((result) => result.status === 'rejected');
for (const { reason } of failures) log.error(reason instanceof Error ? reason.message : reason);
if (failures.length > 0) process.exit(1);
writeStamp(root);
log.log(`Built in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
