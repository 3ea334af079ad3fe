/** The life of the desktop application, from the first line to the last window. */
import path from 'node:path';
import { app, BrowserWindow, dialog, Menu, nativeTheme, screen, session } from 'electron';
import type { Delta, Handlers } from '../../core/contract/index.ts';
import { guardProcess, offerReload } from './crash.ts';
import { answerCalls, pushFrame } from './ipc.ts';
import { menuTemplate } from './menu.ts';
import { confine, denyPermissions, openOutside } from './navigation.ts';
import { registerScheme, serveWindow } from './protocol.ts';
import { guardQuit } from './quit.ts';
import { readWindowState, writeWindowState } from './window-state.ts';
import type { Theme, WindowState } from './window-state.ts';
import { openWindow } from './window.ts';

/** What the application needs of the host. */
export interface DesktopHost {
  start: () => Promise<void>;
  stop: () => Promise<void>;
  handlers: Handlers;
  subscribe: (listener: (delta: Delta) => void) => () => void;
}

/** What is handed in: the host and where the built files lie. */
export interface DesktopParts {
  host: DesktopHost;
  /** Folder of the built window. */
  windowFolder: string;
  preload: string;
  icon: string;
  log: (error: unknown) => void;
}

/** Runs until the application quits. Must be called before Electron is ready. */
export async function runDesktop(parts: DesktopParts): Promise<void> {
  const { host, log } = parts;
  app.enableSandbox();
  registerScheme();
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  guardProcess({ log, stop: () => host.stop() });
  const gate = guardQuit({ liveSessions: () => countSessions(host), stop: () => host.stop(), onUnexpected: log });
  process.on('SIGINT', gate.leave);
  process.on('SIGTERM', gate.leave);
  app.on('web-contents-created', (_event, contents) => {
    confine(contents);
    offerReload(contents, log);
  });
  app.on('window-all-closed', () => app.quit());

  await app.whenReady();
  denyPermissions(session.defaultSession);
  serveWindow(parts.windowFolder);
  answerCalls(host.handlers, log);
  host.subscribe((delta) => pushFrame({ kind: 'delta', delta }));

  const stateFile = path.join(app.getPath('userData'), 'window.json');
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
  const applyTheme = (theme: Theme): void => {
    nativeTheme.themeSource = theme;
    Menu.setApplicationMenu(
      Menu.buildFromTemplate(
        menuTemplate({
          platform: process.platform,
          packaged: app.isPackaged,
          theme,
          openOutside,
          setTheme: (chosen) => {
            change({ theme: chosen });
            applyTheme(chosen);
          },
        }),
      ),
    );
  };
  applyTheme(state.theme);

  try {
    await host.start();
  } catch (error) {
    log(error);
    dialog.showErrorBox('Switchyard could not start', error instanceof Error ? error.message : String(error));
    await host.stop().catch(log);
    app.exit(1);
    return;
  }
  const open = (): BrowserWindow =>
    openWindow({ state, preload: parts.preload, icon: parts.icon, remember: change, mayClose: gate.mayClose });
  const focus = (): void => {
    const window = BrowserWindow.getAllWindows()[0] ?? open();
    if (window.isMinimized()) window.restore();
    window.focus();
  };
  app.on('second-instance', focus);
  app.on('activate', focus);
  open();
}

async function countSessions(host: DesktopHost): Promise<number> {
  return (await host.handlers.snapshot({})).sessions.length;
}
