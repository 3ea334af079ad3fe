import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fitted, readWindowState, writeWindowState } from '../../main/desktop/window-state.ts';
import type { WindowState } from '../../main/desktop/window-state.ts';
import { openWindow, windowOptions } from '../../main/desktop/window.ts';
import type { BrowserWindow as FakeWindow } from '../fakes/electron.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1040 };
const state: WindowState = { version: 1, bounds: { x: 10, y: 20, width: 1200, height: 800 }, maximized: false, theme: 'system', zoom: 0 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'switchyard-window-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

describe('the main window', () => {
  it('is sandboxed, isolated and without Node', () => {
    expect(windowOptions(state, '/preload.cjs', '/icon.png').webPreferences).toEqual({
      preload: '/preload.cjs',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    });
  });

  it('loads our own address, shows itself when painted, and remembers its place once it rests', () => {
    vi.useFakeTimers();
    const remember = vi.fn();
    const window = openWindow({ state, navigate: null, preload: '', icon: '', remember, mayClose: () => true }) as unknown as FakeWindow;
    expect(window.webContents.url).toBe('app://switchyard/index.html');
    expect(window.shown).toBe(true);

    window.bounds = { x: 50, y: 60, width: 1000, height: 700 };
    window.emit('move');
    window.emit('resize');
    vi.advanceTimersByTime(499);
    expect(remember).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(remember.mock.calls).toEqual([[{ bounds: window.bounds, maximized: false, zoom: 0 }]]);
    window.close();
    expect(window.isDestroyed()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('saves a move that had not rested when it closes, and stays if it may not go', () => {
    const remember = vi.fn();
    let allowed = false;
    const window = openWindow({ state, navigate: null, preload: '', icon: '', remember, mayClose: () => allowed }) as unknown as FakeWindow;
    window.emit('move');
    window.close();
    expect(remember).toHaveBeenCalledTimes(1);
    expect(window.isDestroyed()).toBe(false);
    allowed = true;
    window.close();
    expect(window.isDestroyed()).toBe(true);
  });
});

describe('the zoom of the window', () => {
  it('comes back, follows the wheel within limits, and is remembered', () => {
    const remember = vi.fn();
    const zoomed = { ...state, zoom: 5.8 };
    const parts = { state: zoomed, navigate: null, preload: '', icon: '', remember, mayClose: () => true };
    const window = openWindow(parts) as unknown as FakeWindow;
    const contents = window.webContents;
    expect(contents.zoom).toBe(5.8);
    contents.emit('zoom-changed', {}, 'in');
    expect(contents.zoom).toBe(6);
    contents.emit('zoom-changed', {}, 'out');
    expect(contents.zoom).toBe(5.5);
    // The page was loaded again: it is not thrown back to where it began.
    contents.emit('did-finish-load');
    expect(contents.zoom).toBe(5.5);
    window.close();
    expect(remember.mock.lastCall).toEqual([{ bounds: window.bounds, maximized: false, zoom: 5.5 }]);
  });

  it('is the usual one where an older version kept none', () => {
    const file = path.join(folder, 'window.json');
    const { zoom: _none, ...older } = state;
    writeFileSync(file, JSON.stringify({ ...older, theme: 'light' }));
    expect(readWindowState(file, [screen])).toEqual({ ...state, theme: 'light' });
  });
});

describe('the place of the window', () => {
  it('survives a restart, in a file of the owner only', () => {
    const file = path.join(folder, 'deep', 'window.json');
    writeWindowState(file, { ...state, theme: 'dark' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readWindowState(file, [screen])).toEqual({ ...state, theme: 'dark' });
  });

  it.each([
    ['missing', null],
    ['broken', '{"version":1,'],
    ['of another version', JSON.stringify({ ...state, version: 2 })],
    ['with unknown keys', JSON.stringify({ ...state, evil: true })],
    ['with bounds that are no numbers', JSON.stringify({ ...state, bounds: { x: 'left', y: 0, width: 1, height: 1 } })],
  ])('falls back to the middle of the screen when the file is %s, and leaves the file alone', (_what, content) => {
    const file = path.join(folder, 'window.json');
    if (content !== null) writeFileSync(file, content);
    expect(readWindowState(file, [screen])).toEqual({
      version: 1,
      bounds: { x: 280, y: 90, width: 1360, height: 860 },
      maximized: false,
      theme: 'system',
      zoom: 0,
    });
    if (content !== null) expect(readFileSync(file, 'utf8')).toBe(content);
  });

  it.each([
    ['stays where it was', { x: 100, y: 100, width: 1000, height: 700 }, { x: 100, y: 100, width: 1000, height: 700 }],
    ['comes back from beyond the edge', { x: 1800, y: -40, width: 1000, height: 700 }, { x: 920, y: 0, width: 1000, height: 700 }],
    ['shrinks to the screen', { x: 0, y: 0, width: 4000, height: 3000 }, { x: 0, y: 0, width: 1920, height: 1040 }],
    ['is centred when its screen is gone', { x: 5000, y: 0, width: 1000, height: 700 }, { x: 280, y: 90, width: 1360, height: 860 }],
  ])('%s', (_what, bounds, expected) => {
    expect(fitted(bounds, [screen])).toEqual(expected);
  });

  it('stays on the second screen', () => {
    const second = { x: 1920, y: 0, width: 1280, height: 1024 };
    const bounds = { x: 2000, y: 10, width: 1000, height: 700 };
    expect(fitted(bounds, [screen, second])).toEqual(bounds);
  });
});
