import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../../main/', import.meta.url));
/** Electron refuses to run as root, so where the tests do, what is started here does not. */
const ordinaryUser = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

let root: string;

/** A tree with the real start script and stand-ins for what it starts: the build, the headless host and Electron's installer. */
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'switchyard-start-'));
  chmodSync(root, 0o755);
  for (const file of ['start.mjs', 'build/electron-runtime.mjs']) {
    mkdirSync(path.dirname(path.join(root, 'main', file)), { recursive: true });
    copyFileSync(path.join(source, file), path.join(root, 'main', file));
  }
  place('main/build/build.mjs', "console.log('a word of the build');");
  place('dist/main/headless.mjs', 'process.stdout.write(JSON.stringify(process.argv.slice(2)) + "\\n");');
});
afterEach(() => rmSync(root, { recursive: true }));

function place(file: string, text: string, mode = 0o644): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
  chmodSync(path.join(root, file), mode);
}

interface Outcome {
  stdout: string;
  stderr: string;
  code: number | null;
}

/** Runs the start script; `whenSaid` is called with the process once it has printed something. */
async function start(args: string[], env: NodeJS.ProcessEnv, whenSaid?: (pid: number) => void): Promise<Outcome> {
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...rest } = process.env;
  const child = spawn(process.execPath, [path.join(root, 'main/start.mjs'), ...args], {
    env: { ...rest, ELECTRON_OVERRIDE_DIST_PATH: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...ordinaryUser,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (child.pid !== undefined) whenSaid?.(child.pid);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { stdout, stderr, code };
}

describe('without a window', () => {
  it('says so in one line and serves the headless host with the same arguments', async () => {
    const { stdout, stderr, code } = await start(['--listen', '127.0.0.1:0'], {});
    expect(stdout).toBe('["--listen","127.0.0.1:0"]\n');
    expect(stderr).toBe('a word of the build\nNo window of its own: there is no display. Serving it to a browser instead.\n');
    expect(code).toBe(0);
  });

  it('leaves standard output to the host, for scripts, and asks for no window then', async () => {
    const { stdout, stderr } = await start(['--json', '--demo'], { DISPLAY: ':0' });
    expect(stdout).toBe('["--json","--demo"]\n');
    expect(stderr).toBe('a word of the build\n');
  });

  it('hands over signals and the exit code', async () => {
    place('dist/main/headless.mjs', "process.on('SIGTERM', () => process.exit(7)); console.log('ready'); setInterval(() => {}, 1000);");
    const { code } = await start(['--headless'], {}, (pid) => process.kill(pid, 'SIGTERM'));
    expect(code).toBe(7);
  });

  it.runIf(process.platform !== 'win32')('ends cleanly when npm is told to end, and npm waits for it', async () => {
    const { scripts } = JSON.parse(readFileSync(path.join(source, '../package.json'), 'utf8')) as { scripts: { start: string } };
    place('package.json', JSON.stringify({ name: 'switchyard', version: '0.0.0', type: 'module', scripts: { start: scripts.start } }));
    place(
      'dist/main/headless.mjs',
      `process.on('SIGTERM', () => setTimeout(() => { console.log('ended'); process.exit(0); }, 300));
       console.log('ready'); setInterval(() => {}, 1000);`,
    );
    const npm = spawn('npm', ['start', '--', '--headless'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (text.includes('ready')) npm.kill('SIGTERM');
    });
    const [code] = (await once(npm, 'close')) as [number | null];
    expect(said).toContain('ended');
    expect(code).toBe(0);
  });

  it('stops at a build that fails', async () => {
    place('main/build/build.mjs', "console.error('no such file'); process.exit(3);");
    const { stdout, stderr, code } = await start(['--headless'], {});
    expect([stdout, stderr, code]).toEqual(['', 'no such file\nThe build failed; see above.\n', 3]);
  });
});

describe('with a display', () => {
  const display = { DISPLAY: ':0' };

  it('runs Electron with our folder and the arguments, and leaves with its exit code', async () => {
    place('node_modules/electron/install.js', '');
    place('runtime/electron', '#!/bin/sh\necho "electron $*"\nexit 5\n', 0o755);
    const { stdout, code } = await start(['--demo'], { ...display, ELECTRON_OVERRIDE_DIST_PATH: path.join(root, 'runtime') });
    expect(stdout).toBe(`electron ${root}/ --demo\n`);
    expect(code).toBe(5);
  });

  it('passes a request to end on to Electron', async () => {
    place('node_modules/electron/install.js', '');
    place('runtime/electron', '#!/bin/sh\ntrap "exit 9" TERM\necho ready\nwhile :; do sleep 0.05; done\n', 0o755);
    const env = { ...display, ELECTRON_OVERRIDE_DIST_PATH: path.join(root, 'runtime') };
    const { code } = await start([], env, (pid) => process.kill(pid, 'SIGTERM'));
    expect(code).toBe(9);
  });

  it('fetches the runtime the first time', async () => {
    place(
      'node_modules/electron/install.js',
      `const fs = require('fs'); fs.mkdirSync(__dirname + '/dist'); fs.writeFileSync(__dirname + '/path.txt', 'electron');
       fs.writeFileSync(__dirname + '/dist/electron', '#!/bin/sh\\necho fetched\\n', { mode: 0o755 });`,
    );
    chmodSync(path.join(root, 'node_modules/electron'), 0o777);
    const { stdout, stderr } = await start([], display);
    expect(stdout).toBe('fetched\n');
    expect(stderr).toContain('Fetching the Electron runtime, once …');
  });

  it('says why the runtime could not be fetched and serves a browser instead', async () => {
    place('node_modules/electron/install.js', "console.error('getaddrinfo ENOTFOUND\\n  at somewhere'); process.exit(1);");
    const { stdout, stderr, code } = await start([], display);
    expect(stderr).toContain(
      'No window of its own: the Electron runtime could not be fetched (getaddrinfo ENOTFOUND). Serving it to a browser instead.\n',
    );
    expect([stdout, code]).toEqual(['[]\n', 0]);
  });

  it('serves a browser when Electron misses a library of the system', async () => {
    place('node_modules/electron/install.js', '');
    place('runtime/electron', '#!/bin/sh\nexit 127\n', 0o755);
    const { stdout, stderr, code } = await start(['--demo'], { ...display, ELECTRON_OVERRIDE_DIST_PATH: path.join(root, 'runtime') });
    expect(stderr).toContain('No window of its own: Electron misses a system library.');
    expect([stdout, code]).toEqual(['["--demo"]\n', 0]);
  });
});
