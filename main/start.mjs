/**
 * `npm start`: builds if needed, then opens the window, or, where Electron cannot run, serves the same window from the
 * headless host in this very process. Every argument goes to the host untouched.
 */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { electronRuntime } from './build/electron-runtime.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const wantsTerminal = args.some((arg) => ['--headless', '--json', '--help', '-h', '--version'].includes(arg));

/** Standard output belongs to the host: with --json a script reads it. */
const note = (text) => process.stderr.write(`${text}\n`);

const build = spawnSync(process.execPath, [path.join(root, 'main/build/build.mjs'), '--if-needed'], { stdio: ['ignore', 2, 2] });
if (build.status !== 0) {
  note('The build failed; see above.');
  process.exit(build.status ?? 1);
}

if (wantsTerminal) await serveHeadless();
else {
  const runtime = await electronRuntime(root, note);
  const refusal = 'program' in runtime ? await openWindow(runtime.program) : runtime.reason;
  if (refusal !== null) {
    note(`No window of its own: ${refusal}. Serving it to a browser instead.`);
    await serveHeadless();
  }
}

/** In this process, so that signals and the exit code need no relay. */
async function serveHeadless() {
  await import('../dist/main/headless.mjs');
}

/**
 * Runs Electron until it ends and leaves with its exit code.
 * @returns {Promise<string | null>} why it could not run on this machine; null once it has run
 */
function openWindow(program) {
  const began = Date.now();
  return new Promise((resolve) => {
    let child = null;
    const relay = (signal) => child?.kill(signal);
    // A terminal sends Ctrl+C to the whole group; this process only has to outlive the window.
    const stay = () => {};
    // Before the child starts: it may be up, and somebody asking for its end, before this process runs again.
    process.on('SIGTERM', relay).on('SIGHUP', relay).on('SIGINT', stay);
    child = spawn(program, [root, ...args], { stdio: 'inherit' });
    const settle = (refusal) => {
      process.off('SIGTERM', relay).off('SIGHUP', relay).off('SIGINT', stay);
      resolve(refusal);
    };
    child.on('error', (error) => settle(`Electron could not be run (${error.message})`));
    child.on('exit', (code, signal) => {
      const brief = Date.now() - began < 10_000;
      if (brief && code === 127) return settle('Electron misses a system library');
      if (brief && ['SIGTRAP', 'SIGABRT', 'SIGSEGV'].includes(signal)) return settle(`Electron could not run here (${signal})`);
      process.exitCode = code ?? 1;
      settle(null);
    });
  });
}
