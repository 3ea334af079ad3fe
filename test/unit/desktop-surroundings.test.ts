/** What the desktop shows around the window: decided without Electron, and wired to the stand-in of its module. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type * as Real from 'electron';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallResult, DesktopView, EndpointRow, OperationRow } from '../../core/contract/index.ts';
import { hasTray, trayWanted } from '../../main/desktop/desktop-settings.ts';
import { Notices } from '../../main/desktop/notices.ts';
import { inOneLine, nothingSeen, seen } from '../../main/desktop/overview.ts';
import { World } from '../e2e/support/standin-world.ts';
import { FakeHost, snapshotWith } from '../fakes/host.ts';
import { operationRowOf } from '../support/operation-row.ts';

type Electron = typeof import('../fakes/electron.ts');

const world = new World({ sessions: 0 });
function endpoint(id: string, change: Partial<EndpointRow> = {}): EndpointRow {
  return { ...world.endpoint(id, 5432, false), status: 'up', sessions: 0, ...change };
}
/** One that has ended well. */
function operation(change: Partial<OperationRow> = {}): OperationRow {
  return operationRowOf({ settledAt: 5, success: 3, undoable: true, ...change });
}

describe('the overview', () => {
  const { host } = snapshotWith(0);

  it('is one dot and one line', () => {
    const calm = seen(nothingSeen, { host, endpoints: [endpoint('ep-a', { sessions: 2 }), endpoint('ep-b', { sessions: 1 })] });
    expect([calm.state, inOneLine(calm)]).toEqual(['calm', 'Switchyard: 3 sessions, all well']);
    const refusing = seen(calm, { seq: 1, at: 0, host: { ...host, admitting: false } });
    expect([refusing.state, inOneLine(refusing)]).toEqual(['held', 'Switchyard: 3 sessions, new clients are refused']);
    const paused = seen(calm, { seq: 2, at: 0, endpoints: [endpoint('ep-a', { paused: true, sessions: 1 })] });
    expect([paused.state, inOneLine(paused)]).toEqual(['held', 'Switchyard: 1 session, held back']);
    const down = seen(refusing, { seq: 3, at: 0, endpoints: [endpoint('ep-a', { status: 'down' })] });
    expect([down.state, inOneLine(down)]).toEqual(['trouble', 'Switchyard: 0 sessions, a server does not answer']);
  });

  it('stays the same object while nothing of it changes', () => {
    const before = seen(nothingSeen, { host, endpoints: [endpoint('ep-a')] });
    expect(seen(before, { seq: 1, at: 0 })).toBe(before);
    expect(seen(before, { seq: 2, at: 0, endpoints: [endpoint('ep-a', { checkedAt: 9 })] })).toBe(before);
    expect(seen(before, { seq: 3, at: 0, endpoints: [endpoint('ep-a', { sessions: 1 })] })).not.toBe(before);
  });
});

describe('a notice', () => {
  it.each([
    ['a move that worked', {}, 'Migration finished', 'Migrate 3 sessions to ep-b: 3 moved.'],
    ['some refused', { success: 2, refused: 1 }, 'Migration finished', 'Migrate 3 sessions to ep-b: 2 moved, 1 stayed.'],
    ['all refused', { success: 0, refused: 3 }, 'Migration failed', 'Migrate 3 sessions to ep-b: 0 moved, 3 stayed.'],
    [
      'a failure',
      { success: 1, recoverable: 1, fatal: 1 },
      'Migration failed',
      'Migrate 3 sessions to ep-b: 1 moved, 1 stayed, 1 had to be ended.',
    ],
  ])('tells of %s, once', (_what, change, title, body) => {
    const notices = new Notices();
    notices.begin({ operations: [], endpoints: [] });
    expect(notices.take({ operations: [operation({ ...change, settledAt: null })] })).toEqual([]);
    expect(notices.take({ operations: [operation(change)] })).toEqual([{ title, body, navigate: '#/migrations' }]);
    expect(notices.take({ operations: [operation({ ...change, undoable: false })] })).toEqual([]);
  });

  it('tells nothing of rounds of the balancer, of what was cancelled, and of what had ended before', () => {
    const notices = new Notices();
    notices.begin({ operations: [operation({ id: 9 })], endpoints: [] });
    const operations = [operation({ id: 9 }), operation({ id: 10, kind: 'balance' }), operation({ id: 11, cancelled: true })];
    expect(notices.take({ operations })).toEqual([]);
  });

  it('tells of a lost backend once for all of its endpoints, and not of every flap', () => {
    let now = 0;
    const notices = new Notices(() => now);
    const up = [endpoint('ep-a'), endpoint('ep-b')];
    const down = up.map((row): EndpointRow => ({ ...row, status: 'down', statusReason: 'connection refused' }));
    notices.begin({ operations: [], endpoints: up });
    const told = {
      title: 'Backend 127.0.0.1:5432 is lost',
      body: 'ep-a, ep-b: connection refused',
      navigate: '#/endpoints?endpoint=ep-a',
    };
    expect(notices.take({ endpoints: down })).toEqual([told]);
    expect(notices.take({ endpoints: down })).toEqual([]);
    now = 59_999;
    expect([...notices.take({ endpoints: up }), ...notices.take({ endpoints: down })]).toEqual([]);
    now = 60_000;
    expect([...notices.take({ endpoints: up }), ...notices.take({ endpoints: down })]).toEqual([told]);
  });

  it('tells nothing of a backend that never answered, or that the map no longer names', () => {
    const notices = new Notices();
    notices.begin({ operations: [], endpoints: [endpoint('ep-a', { status: 'unknown' }), endpoint('gone', { backend: '127.0.0.1:1' })] });
    expect(notices.take({ endpoints: [endpoint('ep-a', { status: 'down' })] })).toEqual([]);
  });
});

describe('whether there is a tray', () => {
  it.each([
    ['darwin', undefined, true],
    ['win32', undefined, true],
    ['linux', 'KDE', true],
    ['linux', 'ubuntu:GNOME', true],
    ['linux', 'X-Cinnamon', true],
    ['linux', 'GNOME', false],
    ['linux', 'sway', false],
    ['linux', undefined, false],
    ['freebsd', 'KDE', false],
  ] as const)('%s with %s: %s', (platform, desktop, present) => {
    expect(hasTray(platform, desktop === undefined ? {} : { XDG_CURRENT_DESKTOP: desktop })).toBe(present);
  });

  it('is a choice, which tells why not', () => {
    expect(trayWanted({ tray: 'on', notifications: true }, false)).toEqual({ show: true, reason: null });
    expect(trayWanted({ tray: 'off', notifications: true }, true)).toEqual({ show: false, reason: 'It is switched off.' });
    expect(trayWanted({ tray: 'auto', notifications: true }, false).reason).toContain('not known to have a tray');
    expect(trayWanted({ tray: 'auto', notifications: true }, true)).toEqual({ show: true, reason: null });
  });
});

describe('the application', () => {
  const watched = ['uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM'] as const;
  let before: Map<string, unknown[]>;
  let userData: string;
  let electron: Electron;
  let host: FakeHost;
  let call: (name: string, request: unknown) => Promise<CallResult>;
  const admit = vi.fn();
  const log = vi.fn();

  beforeEach(async () => {
    vi.resetModules();
    admit.mockClear();
    log.mockClear();
    vi.stubEnv('XDG_CURRENT_DESKTOP', 'GNOME');
    electron = await import('../fakes/electron.ts');
    userData = mkdtempSync(path.join(os.tmpdir(), 'switchyard-surroundings-'));
    electron.app.userData = userData;
    host = new FakeHost();
    host.handlers['clients.admit'] = (request) => {
      admit(request);
      return {};
    };
    before = new Map(watched.map((name) => [name, process.listeners(name as 'SIGINT')]));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    for (const name of watched) {
      const now = process.listeners(name as 'SIGINT') as ((...args: unknown[]) => void)[];
      for (const listener of now) if (!before.get(name)?.includes(listener)) process.off(name, listener);
    }
    rmSync(userData, { recursive: true });
  });

  async function run(): Promise<void> {
    const { runDesktop } = await import('../../main/desktop/application.ts');
    await runDesktop({ host, windowFolder: userData, preload: '/preload.cjs', icon: '/icon.png', trayPictures: '/tray', log });
    call = async (name, request) => (await electron.ipcRenderer.invoke('switchyard:call', name, request)) as CallResult;
  }
  async function desktop(): Promise<DesktopView> {
    const result = await call('shell.desktop', {});
    return result.ok ? (result.reply as { desktop: DesktopView }).desktop : null;
  }
  const windows = (): InstanceType<Electron['BrowserWindow']>[] => electron.BrowserWindow.getAllWindows();
  function press(label: string): void {
    electron.Tray.shown[0]?.menu.find((item) => item.label === label)?.click?.({} as never, undefined, {});
  }
  /** What the windows are asked for from here on. */
  function requests(): unknown[] {
    const asked: unknown[] = [];
    electron.ipcRenderer.on('switchyard:push', (_event, frame: { kind: string; shell?: unknown }) => {
      if (frame.kind === 'shell') asked.push(frame.shell);
    });
    return asked;
  }
  /** A tray where the settings were chosen before. */
  function choose(settings: object): void {
    writeFileSync(path.join(userData, 'desktop.json'), JSON.stringify(settings));
  }

  describe('with a tray', () => {
    beforeEach(() => choose({ tray: 'on' }));

    it('shows the state, the endpoints with their counts, and what can be done', { timeout: 30_000 }, async () => {
      await run();
      host.tell({ seq: 1, at: 0, endpoints: [endpoint('ep-a', { sessions: 4 }), endpoint('ep-b', { status: 'down' })] });
      const tray = electron.Tray.shown[0];
      await vi.waitFor(() => expect(tray?.image).toBe('/tray/trouble.png'), 20_000);
      expect(tray?.toolTip).toBe('Switchyard: 4 sessions, a server does not answer');
      expect(tray?.menu.map(({ label, type }) => label ?? type)).toEqual([
        'Switchyard: 4 sessions, a server does not answer',
        'separator',
        'ep-a → 127.0.0.1:5432: 4',
        'ep-b → 127.0.0.1:5432: 0 (does not answer)',
        'separator',
        'Pause new connections',
        'Open Switchyard',
        'separator',
        'Quit…',
      ]);
      press('Pause new connections');
      expect(admit.mock.calls).toEqual([[{ admit: false }]]);
      const asked = requests();
      press('ep-a → 127.0.0.1:5432: 4');
      expect(asked).toEqual([{ navigate: '#/endpoints?endpoint=ep-a' }]);
    });

    it('goes on serving when the last window is closed, opens another, and asks before it quits', async () => {
      await run();
      host.sessions = 2;
      windows()[0]?.close();
      expect([windows().length, electron.dialog.asked.length, host.stopped, electron.app.exitCode]).toEqual([0, 0, 0, null]);
      press('Open Switchyard');
      expect(windows()).toHaveLength(1);
      windows()[0]?.close();
      electron.dialog.response = 1;
      press('Quit…');
      await vi.waitFor(() => expect(electron.app.exitCode).toBe(0));
      expect(electron.dialog.asked.map(({ message }) => message)).toEqual(['Quit and disconnect 2 sessions?']);
      expect([host.stopped, electron.Tray.shown.length]).toEqual([1, 0]);
    });

    it('goes when it is switched off: closing the last window then ends the application', async () => {
      await run();
      expect(await call('shell.saveDesktop', { tray: 'off', notifications: true })).toMatchObject({ ok: true });
      expect([electron.Tray.shown.length, (await desktop())?.tray]).toEqual([0, { shown: false, reason: 'It is switched off.' }]);
      expect(statSync(path.join(userData, 'desktop.json')).mode & 0o777).toBe(0o600);
      windows()[0]?.close();
      await vi.waitFor(() => expect(electron.app.exitCode).toBe(0));
    });

    it('that the desktop refuses is said, and does not keep us from starting', async () => {
      electron.Tray.refusal = new Error('no tray here');
      await run();
      expect((await desktop())?.tray).toEqual({ shown: false, reason: 'The desktop refused it: no tray here' });
      expect(windows()).toHaveLength(1);
      expect(log).toHaveBeenCalledTimes(1);
    });
  });

  it('has none by default where the desktop shows none, and keeps what is chosen', async () => {
    await run();
    expect(electron.Tray.shown).toHaveLength(0);
    expect(await desktop()).toMatchObject({ settings: { tray: 'auto', notifications: true }, tray: { shown: false } });
    await call('shell.saveDesktop', { tray: 'on', notifications: false });
    expect(electron.Tray.shown).toHaveLength(1);
    expect(JSON.parse(readFileSync(path.join(userData, 'desktop.json'), 'utf8'))).toEqual({ tray: 'on', notifications: false });
    expect(await call('shell.saveDesktop', { tray: 'maybe' })).toMatchObject({ ok: false, error: { code: 'invalid_request' } });
  });

  it('starts with the usual settings when the kept ones are broken, and says so', async () => {
    writeFileSync(path.join(userData, 'desktop.json'), '{"tray":"everywhere"}');
    await run();
    expect(await desktop()).toMatchObject({ settings: { tray: 'auto' } });
    expect(String(log.mock.calls[0])).toContain('desktop.json is not what Switchyard wrote');
  });

  it('notifies while nobody looks, and a click leads there', async () => {
    await run();
    const [window] = windows();
    if (!window) throw new Error('no window');
    window.hasFocus = true;
    host.tell({ seq: 1, at: 0, operations: [operation({ id: 1 })] });
    expect(electron.Notification.shown).toHaveLength(0);
    window.hasFocus = false;
    host.tell({ seq: 2, at: 0, operations: [operation({ id: 1 }), operation({ id: 2 })] });
    expect(electron.Notification.shown.map(({ title }) => title)).toEqual(['Migration finished']);
    const asked = requests();
    electron.Notification.shown[0]?.emit('click');
    expect([asked, window.focused]).toEqual([[{ navigate: '#/migrations' }], 1]);

    await call('shell.saveDesktop', { tray: 'auto', notifications: false });
    host.tell({ seq: 3, at: 0, operations: [operation({ id: 3 })] });
    expect(electron.Notification.shown).toHaveLength(1);
  });

  it('takes a link to its view: at the start, from a second start, and while the page loads', async () => {
    const argv = process.argv;
    process.argv = [...argv, 'switchyard://session/7'];
    await run().finally(() => (process.argv = argv));
    const [window] = windows();
    expect(window?.webContents.url).toBe('app://switchyard/index.html#/sessions?session=7');
    const asked = requests();
    electron.app.emit('second-instance', {}, ['switchyard', 'switchyard://endpoint/ep-b'], '/');
    expect(asked).toEqual([{ navigate: '#/endpoints?endpoint=ep-b' }]);
    electron.app.emit('second-instance', {}, ['switchyard', 'switchyard://session/1?close=1'], '/');
    expect([asked.length, window?.focused]).toEqual([1, 2]);

    if (window) window.webContents.loading = true;
    const prevented = vi.fn();
    electron.app.emit('open-url', { preventDefault: prevented }, 'switchyard://session/8');
    expect([asked.length, prevented.mock.calls.length]).toEqual([1, 1]);
    window?.webContents.emit('did-finish-load');
    expect(asked.at(-1)).toEqual({ navigate: '#/sessions?session=8' });
  });

  it('greys the commands of the menu that the window cannot give, all of them once it is closed', async () => {
    choose({ tray: 'on' });
    await run();
    const isEnabled = (label: string): boolean | undefined => {
      const all = (items: Real.MenuItemConstructorOptions[]): Real.MenuItemConstructorOptions[] =>
        items.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? all(item.submenu) : [])]);
      return all(electron.Menu.current).find((item) => item.label === label)?.enabled;
    };
    expect(isEnabled('Go to pools')).toBe(false);
    await call('shell.commands', { enabled: ['go.pools'] });
    expect(isEnabled('Go to pools')).toBe(true);
    windows()[0]?.close();
    expect([windows().length, isEnabled('Go to pools')]).toEqual([0, false]);
  });

  it('follows the theme that the window chooses', async () => {
    await run();
    await call('shell.theme', { theme: 'light' });
    expect(electron.nativeTheme.themeSource).toBe('light');
    expect(JSON.parse(readFileSync(path.join(userData, 'window.json'), 'utf8'))).toMatchObject({ theme: 'light' });
  });
});
