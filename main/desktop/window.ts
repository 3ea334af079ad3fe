import { BrowserWindow, nativeTheme } from 'electron';
import type { BrowserWindowConstructorOptions } from 'electron';
import { appUrl } from './origin.ts';
import { smallest, zoomLimits } from './window-state.ts';
import type { WindowState } from './window-state.ts';

/** How long the window must have been left alone before its place is saved, in milliseconds. */
const settleMs = 500;
/** One notch of the wheel with Ctrl, in zoom levels. */
const wheelStep = 0.5;

/** Shown before the page has painted, and at the edges while the window is resized. */
const background = { light: '#f6f8f7', dark: '#14201d' } as const;

/** The options of the main window; apart from place and background they are the same for everybody, and hardened. */
export function windowOptions(state: WindowState, preload: string, icon: string): BrowserWindowConstructorOptions {
  return {
    ...state.bounds,
    minWidth: Math.min(smallest.width, state.bounds.width),
    minHeight: Math.min(smallest.height, state.bounds.height),
    title: 'Switchyard',
    icon,
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? background.dark : background.light,
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    },
  };
}

/** What the window needs from its owner. */
export interface WindowParts {
  state: WindowState;
  /** The view it begins with, as a fragment; null: the usual one. */
  navigate: string | null;
  preload: string;
  icon: string;
  /** Called once the window has rested after a move, and before it goes. */
  remember: (place: Pick<WindowState, 'bounds' | 'maximized' | 'zoom'>) => void;
  /** The user closes the window; answers whether it may go. */
  mayClose: () => boolean;
}

/** Opens the main window; it appears once there is something to see. */
export function openWindow(parts: WindowParts): BrowserWindow {
  const window = new BrowserWindow(windowOptions(parts.state, parts.preload, parts.icon));
  if (parts.state.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());

  const contents = window.webContents;
  let timer: NodeJS.Timeout | undefined;
  const save = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (window.isDestroyed()) return;
    parts.remember({ bounds: window.getNormalBounds(), maximized: window.isMaximized(), zoom: contents.getZoomLevel() });
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(save, settleMs);
  };
  window.on('resize', later);
  window.on('move', later);
  window.on('maximize', later);
  window.on('unmaximize', later);
  contents.once('did-finish-load', () => contents.setZoomLevel(parts.state.zoom));
  contents.on('zoom-changed', (_event, direction) => {
    const next = contents.getZoomLevel() + (direction === 'in' ? wheelStep : -wheelStep);
    contents.setZoomLevel(Math.min(zoomLimits.most, Math.max(zoomLimits.least, next)));
    later();
  });
  // Zooming by the menu says nothing; whoever did it will turn away some time, or close.
  window.on('blur', later);
  window.on('close', (event) => {
    save();
    if (!parts.mayClose()) event.preventDefault();
  });
  window.on('closed', () => clearTimeout(timer));

  // A failed load is reported by `did-fail-load` and shown as such; the promise would only repeat it.
  void window.loadURL(parts.navigate === null ? appUrl : `${appUrl}${parts.navigate}`).catch(() => undefined);
  return window;
}
