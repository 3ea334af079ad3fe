/** The one main window: opened when it is wanted, brought forward when it is there, led to a view. */
import type { BrowserWindow } from 'electron';
import { pushFrame } from './ipc.ts';

/** Shows the window: the one that is there, else a new one; at a view if one is named. */
export class MainWindow {
  readonly #open: (navigate: string | null) => BrowserWindow;
  #window: BrowserWindow | null = null;

  /** @param open opens a window, at a view if one is named */
  constructor(open: (navigate: string | null) => BrowserWindow) {
    this.#open = open;
  }

  /** See the head of this file. `navigate`: the fragment of a view (`#/endpoints?endpoint=ep-a`). */
  show(navigate: string | null = null): void {
    const window = this.#window;
    if (window === null || window.isDestroyed()) {
      this.#window = this.#open(navigate);
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
    if (navigate === null) return;
    const lead = (): void => pushFrame({ kind: 'shell', shell: { navigate } });
    // A page that is still loading does not listen yet.
    if (window.webContents.isLoading()) window.webContents.once('did-finish-load', lead);
    else lead();
  }
}
