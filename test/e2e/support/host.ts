/**
 * The real thing under test: the built headless host as a process of its own, with the demo's two PostgreSQL servers, and a
 * page in Chromium that must not complain. Each test has its own host; when the test is over the host must leave with 0, having
 * said nothing unusual, and without a process or a folder of its servers left behind.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as base, expect } from '@playwright/test';
import { childrenOf, commandLine, processIdentity } from '../../../main/demo/process-table.ts';
import { axeSource } from './accessibility.ts';

const project = path.join(import.meta.dirname, '../../..');
/** With a build before it and every core busy, milliseconds. */
const startMs = 120_000;
const stopMs = 30_000;
/** What a host may say on standard error in a life without trouble. */
const usual = [/^Building Switchyard/, /^Built in /, /^Stopping …$/, /^No endpoints given/, /^$/];

/** A host that runs. */
export interface RunningHost {
  readonly pid: number;
  readonly proxy: { host: string; port: number };
  /** The address of its window, with the token. */
  readonly url: string;
  /** The endpoints it announced. */
  readonly endpoints: readonly { id: string; backend: string }[];
  /** Port of the backend of an announced endpoint. */
  backendPort(endpoint: string): number;
  /** Process id of the demo server behind an announced endpoint. */
  postmaster(endpoint: string): number;
  /** From now on the processes below the host, as they are, are among those that must be gone at its end. */
  watchProcesses(): void;
  /** What it has said on standard error beyond the usual. */
  complaints(): string[];
  /** From now on these are usual: the test brought them about. */
  forgive(pattern: RegExp): void;
  /** SIGTERM, and everything that must be true afterwards; a second call does nothing. */
  stop(): Promise<void>;
}

/** What the page said that it should not have said. */
export interface PageFaults {
  /** A console error that the test provokes on purpose. */
  expect(pattern: RegExp): void;
}

interface Fixtures {
  /** Words of the command line beside those that every host gets. */
  hostWords: string[];
  host: RunningHost;
  faults: PageFaults;
}

/** Playwright's `test` with a `host` of its own, and pages that fail the test by any console error, page error or CSP violation. */
export const test = base.extend<Fixtures>({
  hostWords: [['--demo'], { option: true }],

  host: [
    async ({ hostWords }, use) => {
      const host = await startHost(hostWords);
      try {
        await use(host);
      } finally {
        await host.stop();
      }
    },
    { timeout: startMs + stopMs },
  ],

  // The host is named so that it outlives the pages.
  context: async ({ host: _host, context }, use) => {
    // Not as a script tag: the policy that is under test here would refuse it.
    await context.addInitScript(axeSource);
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await use(context);
  },

  faults: [
    async ({ context }, use) => {
      const faults: string[] = [];
      const expected: RegExp[] = [];
      context.on('console', (message) => {
        if (message.type() === 'error') faults.push(`console: ${message.text()}`);
      });
      context.on('weberror', (error) => faults.push(`page error: ${error.error().stack ?? error.error().message}`));
      await use({ expect: (pattern) => expected.push(pattern) });
      const unexpected = faults.filter((text) => !expected.some((pattern) => pattern.test(text)));
      expect(unexpected, 'complaints of the page').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect } from '@playwright/test';

/** In a host's words: a folder of its own for what it keeps, empty at the start. */
export const CONFIG_FOLDER = '{config}';

async function startHost(words: readonly string[]): Promise<RunningHost> {
  const temporary = await mkdtemp(path.join(tmpdir(), 'switchyard-e2e-'));
  const config = await mkdtemp(path.join(tmpdir(), 'switchyard-e2e-config-'));
  // The servers run under another account when the tests run as root.
  await chmod(temporary, 0o755);
  const always = ['--headless', '--json', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0'];
  const child = spawn(
    process.execPath,
    [path.join(project, 'main/start.mjs'), ...always, ...words.map((word) => word.replace(CONFIG_FOLDER, config))],
    {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: temporary, XDG_CONFIG_HOME: config, DISPLAY: '', WAYLAND_DISPLAY: '' },
    },
  );
  const said: string[] = [];
  createInterface(child.stderr).on('line', (line) => said.push(line));
  try {
    const ready = await announcement(child, said);
    return new HostProcess(child, { temporary, config }, said, ready);
  } catch (error) {
    await end(child, 'SIGKILL');
    for (const folder of [temporary, config]) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Announcement {
  proxy: { host: string; port: number };
  ui: { url: string };
  endpoints: { id: string; backend: string }[];
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

async function announcement(child: Child, said: readonly string[]): Promise<Announcement> {
  const timer = new AbortController();
  const late = sleep(startMs, undefined, { signal: timer.signal }).then(() => 'it took too long');
  const left = once(child, 'exit').then(() => 'it left');
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  late.catch(() => undefined);
  const first = await Promise.race([line, left, late]);
  timer.abort();
  if (typeof first === 'string') throw new Error(`The host is not ready: ${first}. It said:\n${said.join('\n')}`);
  return JSON.parse(first[0]) as Announcement;
}

class HostProcess implements RunningHost {
  readonly proxy: Announcement['proxy'];
  readonly url: string;
  readonly endpoints: Announcement['endpoints'];
  readonly #child: Child;
  readonly #folders: { readonly temporary: string; readonly config: string };
  readonly #said: readonly string[];
  readonly #watched = new Map<number, string>();
  readonly #forgiven: RegExp[] = [];
  #stopped: Promise<void> | null = null;

  constructor(child: Child, folders: { temporary: string; config: string }, said: readonly string[], ready: Announcement) {
    this.#child = child;
    this.#folders = folders;
    this.#said = said;
    this.proxy = ready.proxy;
    this.url = ready.ui.url;
    this.endpoints = ready.endpoints;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the host has no process');
    return this.#child.pid;
  }

  backendPort(endpoint: string): number {
    const backend = this.endpoints.find(({ id }) => id === endpoint)?.backend;
    if (backend === undefined) throw new Error(`the host announced no endpoint ${endpoint}`);
    return Number(backend.split(':').at(-1));
  }

  postmaster(endpoint: string): number {
    const port = String(this.backendPort(endpoint));
    const pid = childrenOf(this.pid).find((child) => commandLine(child)?.endsWith(` -p ${port}`));
    if (pid === undefined) throw new Error(`no server of the host listens on ${port}`);
    return pid;
  }

  watchProcesses(): void {
    for (const pid of descendants(this.pid)) {
      const identity = processIdentity(pid);
      if (identity !== null) this.#watched.set(pid, identity);
    }
  }

  complaints(): string[] {
    return this.#said.filter((line) => ![...usual, ...this.#forgiven].some((pattern) => pattern.test(line)));
  }

  forgive(pattern: RegExp): void {
    this.#forgiven.push(pattern);
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    try {
      const alive = this.#child.exitCode === null && this.#child.signalCode === null;
      expect(alive, `the host left before its time:\n${this.#said.join('\n')}`).toBe(true);
      this.watchProcesses();
      expect(await end(this.#child, 'SIGTERM'), this.#said.join('\n')).toBe(0);
      // A backend that was answering may need a moment after its postmaster.
      await expect.poll(() => this.#remaining(), { message: 'processes the host left behind', timeout: 5_000 }).toEqual([]);
      expect(await readdir(this.#folders.temporary), 'folders the host left behind').toEqual([]);
      expect(this.complaints(), 'what the host said').toEqual([]);
    } finally {
      await end(this.#child, 'SIGKILL');
      for (const folder of Object.values(this.#folders)) await rm(folder, { recursive: true, force: true });
    }
  }

  #remaining(): string[] {
    return [...this.#watched]
      .filter(([pid, identity]) => processIdentity(pid) === identity)
      .map(([pid]) => `${pid} ${commandLine(pid) ?? ''}`);
  }
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

/** Sends a signal, after `stopMs` SIGKILL; answers with the exit code or the signal that ended the process. */
async function end(child: Child, signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const left = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await left;
    clearTimeout(late);
  }
  return child.exitCode ?? child.signalCode;
}
