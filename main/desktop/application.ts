/** The life of the desktop application, from the first line to the last window. */
import path from 'node:path';
import { app, dialog, Menu, nativeTheme, screen, session } from 'electron';
import type { ShellRequest } from '../../core/contract/index.ts';
import { guardProcess, offerReload } from './crash.ts';
import { linkScheme, viewAskedFor, viewOfLink } from './deep-link.ts';
import type { DesktopHost } from './desktop-host.ts';
import { DesktopSettingsFile } from './desktop-settings.ts';
import { answerCalls, pushFrame } from './ipc.ts';
import { MainWindow } from './main-window.ts';
import { menuTemplate } from './menu.ts';
import { confine, denyPermissions, openOutside } from './navigation.ts';
import { registerScheme, serveWindow } from './protocol.ts';
import { guardQuit } from './quit.ts';
import { Surroundings } from './surroundings.ts';
import { readWindowState, writeWindowState } from './window-state.ts';
import type { WindowState } from './window-state.ts';
import { openWindow } from './window.ts';

/** What is handed in: the host and where the built files lie. */
export interface DesktopParts {
  host: DesktopHost;
  /** Folder of the built window. */
  windowFolder: string;
  preload: string;
  icon: string;
  /** Folder of the tray's pictures. */
  trayPictures: string;
  log: (error: unknown) => void;
}

/** Runs until the application quits. Must be called before Electron is ready. */
export async function runDesktop(parts: DesktopParts): Promise<void> {
  const { host, log } = parts;
  app.enableSandbox();
  registerScheme();
  if (!app.requestSingleInstanceLock()) {
    // The one that runs is told of our words, and of a link among them, by `second-instance`.
    app.quit();
    return;
  }
  guardProcess({ log, stop: () => host.stop() });
  let surroundings: Surroundings | null = null;
  const staysInSight = (): boolean => surroundings?.staysInSight ?? false;
  const gate = guardQuit({ liveSessions: () => countSessions(host), stop: () => host.stop(), staysInSight, onUnexpected: log });
  process.on('SIGINT', gate.leave);
  process.on('SIGTERM', gate.leave);
  app.on('web-contents-created', (_event, contents) => {
    confine(contents);
    offerReload(contents, log);
  });
  app.on('window-all-closed', () => {
    if (!staysInSight()) app.quit();
  });
  app.on('will-quit', () => surroundings?.end());

  /** Where the first window begins: a link may have started us, on a Mac before we are ready. */
  let first = viewAskedFor(process.argv);
  let window: MainWindow | null = null;
  const show = (navigate: string | null = null): void => {
    if (window === null) first = navigate ?? first;
    else window.show(navigate);
  };
  app.on('open-url', (event, url) => {
    event.preventDefault();
    show(viewOfLink(url));
  });
  app.on('second-instance', (_event, words: readonly string[]) => show(viewAskedFor(words)));
  app.on('activate', () => show());

  await app.whenReady();
  if (process.platform === 'win32') {
    // By this name Windows knows whose notifications they are; its installer registers no scheme.
    app.setAppUserModelId('org.switchyard.Switchyard');
    if (app.isPackaged) app.setAsDefaultProtocolClient(linkScheme);
  }
  denyPermissions(session.defaultSession);
  serveWindow(parts.windowFolder);

  const kept = (name: string): string => path.join(app.getPath('userData'), name);
  const stateFile = kept('window.json');
  let state = readWindowState(
    stateFile,
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const change = (part: Partial<WindowState>): void => {
    state = { ...state, ...part };
    try {
      writeWindowState(stateFile, state);
    } catch (error) {
      log(error);
    }
  };
  nativeTheme.themeSource = state.theme;

  let enabled: ReadonlySet<string> = new Set();
  const ask = (shell: ShellRequest): void => pushFrame({ kind: 'shell', shell });
  const renewMenu = (): void => {
    const { theme } = state;
    const run = (command: string): void => ask({ command });
    const template = menuTemplate({ platform: process.platform, packaged: app.isPackaged, theme, openOutside, enabled, run });
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  };
  renewMenu();
  /** Greys what the window cannot do now. */
  const offer = (now: ReadonlySet<string>): void => {
    if (now.size === enabled.size && [...now].every((id) => enabled.has(id))) return;
    enabled = now;
    renewMenu();
  };

  surroundings = new Surroundings({
    host,
    settings: new DesktopSettingsFile(kept('desktop.json'), log),
    pictures: parts.trayPictures,
    actions: { open: show, quit: () => app.quit() },
    onCommands: offer,
    onTheme(theme) {
      if (theme === state.theme) return;
      change({ theme });
      renewMenu();
    },
    log,
  });
  answerCalls({ ...host.handlers, ...surroundings.handlers }, log);
  host.subscribe((delta) => pushFrame({ kind: 'delta', delta }));

  try {
    await host.start();
    await surroundings.begin();
  } catch (error) {
    log(error);
    dialog.showErrorBox('Switchyard could not start', error instanceof Error ? error.message : String(error));
    await host.stop().catch(log);
    app.exit(1);
    return;
  }
  window = new MainWindow((navigate) => {
    const opened = openWindow({ state, navigate, preload: parts.preload, icon: parts.icon, remember: change, mayClose: gate.mayClose });
    // Its commands go with it: nobody would hear them.
    opened.on('closed', () => offer(new Set()));
    return opened;
  });
  window.show(first);
}

async function countSessions(host: DesktopHost): Promise<number> {
  return (await host.handlers.snapshot({})).sessions.length;
}
