import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { MenuItemConstructorOptions } from 'electron';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeHost } from '../fakes/host.ts';

type Electron = typeof import('../fakes/electron.ts');

const watched = ['uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM'] as const;
let before: Map<string, unknown[]>;
let userData: string;
let electron: Electron;
let host: FakeHost;
const log = vi.fn();

/** Electron's parts are singletons: every test gets its own by loading them anew. */
beforeEach(async () => {
  vi.resetModules();
  log.mockClear();
  electron = await import('../fakes/electron.ts');
  userData = mkdtempSync(path.join(os.tmpdir(), 'switchyard-desktop-'));
  electron.app.userData = userData;
  host = new FakeHost();
  before = new Map(watched.map((name) => [name, process.listeners(name as 'SIGINT')]));
});
afterEach(() => {
  for (const name of watched) {
    for (const listener of added(name)) process.off(name, listener);
  }
  rmSync(userData, { recursive: true });
});

/** The listeners that the application put on the process. */
function added(name: (typeof watched)[number]): ((...args: unknown[]) => void)[] {
  const now = process.listeners(name as 'SIGINT') as ((...args: unknown[]) => void)[];
  return now.filter((listener) => !before.get(name)?.includes(listener));
}

async function run(): Promise<void> {
  const { runDesktop } = await import('../../main/desktop/application.ts');
  await runDesktop({ host, windowFolder: userData, preload: '/preload.cjs', icon: '/icon.png', trayPictures: '/tray', log });
}
const windows = (): InstanceType<Electron['BrowserWindow']>[] => electron.BrowserWindow.getAllWindows();
const ended = (): Promise<void> => vi.waitFor(() => expect(electron.app.exitCode).not.toBeNull());

describe('starting', () => {
  it('turns the sandbox on, starts the host and opens one hardened window', async () => {
    await run();
    expect(electron.app.sandboxed).toBe(true);
    expect(host.started).toBe(1);
    expect(windows()).toHaveLength(1);
    const window = windows()[0];
    expect(window?.options.webPreferences).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false });
    expect(window?.webContents.attempt('will-navigate')).toBe(false);
    expect(window?.webContents.open('https://example.com/')).toEqual({ action: 'deny' });
    expect(electron.session.defaultSession.onRequest).not.toBeNull();
    expect(electron.Menu.current.length).toBeGreaterThan(0);
    expect(log).not.toHaveBeenCalled();
  });

  it('leaves at once when it already runs, and a second start brings the first window forward', async () => {
    electron.app.hasLock = false;
    await run();
    expect(host.started).toBe(0);
    expect(electron.app.exitCode).toBe(0);

    vi.resetModules();
    electron = await import('../fakes/electron.ts');
    electron.app.userData = userData;
    await run();
    const window = windows()[0];
    if (window) window.minimized = true;
    electron.app.emit('second-instance', {}, []);
    expect([window?.minimized, window?.focused, windows().length]).toEqual([false, 1, 1]);
  });

  it('says why when the host cannot start, and leaves with an error', async () => {
    host.failToStart = new Error('port 6432 is taken');
    await run();
    expect(electron.dialog.errors).toEqual([{ title: 'Switchyard could not start', content: 'port 6432 is taken' }]);
    expect([electron.app.exitCode, host.stopped, windows().length]).toEqual([1, 1, 0]);
  });

  it('passes deltas on to the page', async () => {
    await run();
    const frames: unknown[] = [];
    electron.ipcRenderer.on('switchyard:push', (_event, frame) => frames.push(frame));
    host.tell({ seq: 1, at: 2 });
    expect(frames).toEqual([{ kind: 'delta', delta: { seq: 1, at: 2 } }]);
  });

  it('has the window run what was chosen in the menu, marks and remembers the theme that it then tells', async () => {
    await run();
    const frames: unknown[] = [];
    electron.ipcRenderer.on('switchyard:push', (_event, frame) => frames.push(frame));
    inMenu('theme.light')?.click?.({} as never, undefined, {});
    expect(frames).toEqual([{ kind: 'shell', shell: { command: 'theme.light' } }]);
    await electron.ipcRenderer.invoke('switchyard:call', 'shell.theme', { theme: 'light' });
    expect(electron.nativeTheme.themeSource).toBe('light');
    expect(inMenu('theme.light')?.checked).toBe(true);
    expect(JSON.parse(readFileSync(path.join(userData, 'window.json'), 'utf8'))).toMatchObject({ theme: 'light' });
  });

  it('greys in the menu what the window cannot do', async () => {
    await run();
    expect(inMenu('sessions.move')?.enabled).toBe(false);
    await electron.ipcRenderer.invoke('switchyard:call', 'shell.commands', { enabled: ['sessions.move'] });
    expect(inMenu('sessions.move')?.enabled).toBe(true);
    await electron.ipcRenderer.invoke('switchyard:call', 'shell.commands', { enabled: [] });
    expect(inMenu('sessions.move')?.enabled).toBe(false);
  });
});

/** The item of the menu in force for a command. */
function inMenu(id: string): MenuItemConstructorOptions | undefined {
  const items = (template: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] =>
    template.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? items(item.submenu) : [])]);
  return items(electron.Menu.current).find((item) => item.id === id);
}

describe('leaving', () => {
  it('asks while sessions live, and stays when the answer is no', async () => {
    await run();
    host.sessions = 3;
    electron.dialog.response = 0;
    electron.app.quit();
    await vi.waitFor(() => expect(electron.dialog.asked).toHaveLength(1));
    expect(electron.dialog.asked[0]).toMatchObject({ message: 'Quit and disconnect 3 sessions?', defaultId: 0, cancelId: 0 });
    await new Promise(setImmediate);
    expect([electron.app.exitCode, host.stopped, windows().length]).toEqual([null, 0, 1]);

    electron.dialog.response = 1;
    windows()[0]?.close();
    await ended();
    expect([electron.dialog.asked.length, electron.app.exitCode, host.stopped, windows().length]).toEqual([2, 0, 1, 0]);
  });

  it('asks once however often it is told to quit', async () => {
    await run();
    host.sessions = 1;
    electron.dialog.response = 1;
    electron.app.quit();
    electron.app.quit();
    windows()[0]?.close();
    await ended();
    expect(electron.dialog.asked.map(({ message }) => message)).toEqual(['Quit and disconnect 1 session?']);
    expect(host.stopped).toBe(1);
  });

  it('does not ask without sessions: closing the window stops the host', async () => {
    await run();
    windows()[0]?.close();
    await ended();
    expect([electron.dialog.asked.length, host.stopped, electron.app.exitCode]).toEqual([0, 1, 0]);
  });

  it('obeys a signal without asking', async () => {
    await run();
    host.sessions = 5;
    for (const listener of added('SIGTERM')) listener('SIGTERM');
    await ended();
    expect([electron.dialog.asked.length, host.stopped, electron.app.exitCode]).toEqual([0, 1, 0]);
  });
});

describe('failing', () => {
  it('keeps serving when the page dies, and offers to load it again', async () => {
    await run();
    const contents = windows()[0]?.webContents;
    contents?.emit('render-process-gone', {}, { reason: 'crashed', exitCode: 5 });
    await vi.waitFor(() => expect(contents?.reloads).toBe(1));
    expect(electron.dialog.asked[0]).toMatchObject({ message: 'The window stopped working.', buttons: ['Reload', 'Not now'] });
    expect([host.stopped, electron.app.exitCode]).toEqual([0, null]);

    electron.dialog.response = 1;
    contents?.emit('render-process-gone', {}, { reason: 'oom', exitCode: 1 });
    await vi.waitFor(() => expect(electron.dialog.asked).toHaveLength(2));
    contents?.emit('render-process-gone', {}, { reason: 'clean-exit', exitCode: 0 });
    expect([electron.dialog.asked.length, contents?.reloads]).toEqual([2, 1]);
  });

  it.each(['uncaughtException', 'unhandledRejection'] as const)('logs, says so once, stops the host and exits 1 on %s', async (name) => {
    await run();
    const listeners = added(name);
    expect(listeners).toHaveLength(1);
    const bug = new Error('a bug');
    listeners[0]?.(bug);
    listeners[0]?.(new Error('another'));
    await ended();
    expect([electron.app.exitCode, host.stopped]).toEqual([1, 1]);
    expect(electron.dialog.errors).toEqual([{ title: 'Switchyard has to close', content: 'a bug' }]);
    expect(log.mock.calls.flat()).toContain(bug);
  });
});
