import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** How long fetching Electron's runtime may take, in milliseconds; about 120 MB on the first start. */
const fetchDeadlineMs = 120_000;

/**
 * The path of Electron's program, or why there is none. The npm package holds no runtime: it is fetched on first use, which
 * happens here, with a deadline, instead of inside `require('electron')`, which blocks without one.
 * @returns {Promise<{ program: string } | { reason: string }>}
 */
export async function electronRuntime(root, note) {
  if (process.platform === 'linux') {
    if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return { reason: 'there is no display' };
    if (process.getuid?.() === 0) return { reason: 'Electron does not run as root' };
  }
  const folder = path.join(root, 'node_modules/electron');
  if (!fs.existsSync(path.join(folder, 'install.js'))) return { reason: 'the electron package is not installed' };
  const installed = installedProgram(folder);
  if (installed) return { program: installed };
  note('Fetching the Electron runtime, once …');
  const failure = await runInstaller(folder);
  const fetched = installedProgram(folder);
  return fetched
    ? { program: fetched }
    : { reason: `the Electron runtime could not be fetched (${failure ?? 'it is not where it should be'})` };
}

function installedProgram(folder) {
  const name = readIfThere(path.join(folder, 'path.txt'));
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  const program = override ? path.join(override, name ?? 'electron') : name && path.join(folder, 'dist', name);
  return program && fs.existsSync(program) ? program : undefined;
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** @returns {Promise<string | undefined>} why it failed; undefined when it did not */
function runInstaller(folder) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(folder, 'install.js')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, fetchDeadlineMs);
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
    child.on('error', (error) => (complaint ||= error.message));
    child.on('close', (code) => {
      clearTimeout(deadline);
      if (late) resolve(`no answer within ${fetchDeadlineMs / 1000} s`);
      else resolve(code === 0 ? undefined : complaint.trim().split('\n', 1)[0]?.slice(0, 200) || `exit code ${code}`);
    });
  });
}
