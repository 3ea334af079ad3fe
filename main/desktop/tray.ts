/** The icon in the tray: a dot for the state of the yard, its endpoints with their counts, and the ways in and out. */
import path from 'node:path';
import { Menu, nativeImage, Tray } from 'electron';
import type { MenuItemConstructorOptions, NativeImage } from 'electron';
import { inOneLine, nothingSeen, type EndpointGlance, type Overview } from './overview.ts';

/** The menu is made anew at most this often, in milliseconds: on some desktops that closes it. */
const RENEW_MS = 2_000;
/** Endpoints in the menu; the window shows all. */
const SHOWN = 12;

/** What a click in the tray's menu causes. */
export interface TrayActions {
  /** Shows the window, at a view if one is named. */
  open: (navigate?: string) => void;
  admit: (admit: boolean) => void;
  quit: () => void;
}

/** The tray's menu. */
export function trayTemplate(overview: Overview, actions: TrayActions): MenuItemConstructorOptions[] {
  const { endpoints, admitting } = overview;
  const lines = endpoints.slice(0, SHOWN).map((endpoint) => ({
    label: lineOf(endpoint),
    click: () => actions.open(`#/endpoints?endpoint=${endpoint.id}`),
  }));
  const more = endpoints.length - SHOWN;
  return [
    { label: inOneLine(overview), enabled: false },
    { type: 'separator' },
    ...(lines.length === 0 ? [{ label: 'No endpoints yet', enabled: false }] : lines),
    ...(more > 0 ? [{ label: `${more} more…`, click: () => actions.open('#/endpoints') }] : []),
    { type: 'separator' },
    { label: admitting ? 'Pause new connections' : 'Resume new connections', click: () => actions.admit(!admitting) },
    { label: 'Open Switchyard', click: () => actions.open() },
    { type: 'separator' },
    { label: 'Quit…', click: () => actions.quit() },
  ];
}

function lineOf({ id, backend, status, sessions, paused }: EndpointGlance): string {
  const state = status === 'down' ? ' (does not answer)' : paused ? ' (paused)' : '';
  // An ampersand alone would mark the letter behind it as a key.
  return `${id} → ${backend}: ${sessions}${state}`.replaceAll('&', '&&');
}

/** The icon while it is wanted. */
export class YardTray {
  readonly #folder: string;
  readonly #actions: TrayActions;
  #tray: Tray | null = null;
  #overview: Overview = nothingSeen;
  #timer: NodeJS.Timeout | null = null;

  /** @param folder where the pictures lie: `calm.png`, `held.png`, `trouble.png`, each with its `@2x` */
  constructor(folder: string, actions: TrayActions) {
    this.#folder = folder;
    this.#actions = actions;
  }

  get isShown(): boolean {
    return this.#tray !== null;
  }

  /** Shows it, or takes it away. Throws what Electron throws where a desktop refuses it. */
  show(wanted: boolean): void {
    if (wanted === this.isShown) return;
    if (!wanted) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      this.#tray?.destroy();
      this.#tray = null;
      return;
    }
    this.#tray = new Tray(this.#picture());
    this.#tray.on('click', () => this.#actions.open());
    this.#paint();
  }

  /** Takes what the tray is to show; it follows soon. */
  update(overview: Overview): void {
    if (overview === this.#overview) return;
    this.#overview = overview;
    if (this.#tray === null || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#paint();
    }, RENEW_MS);
  }

  #paint(): void {
    this.#tray?.setImage(this.#picture());
    this.#tray?.setToolTip(inOneLine(this.#overview));
    this.#tray?.setContextMenu(Menu.buildFromTemplate(trayTemplate(this.#overview, this.#actions)));
  }

  #picture(): NativeImage {
    return nativeImage.createFromPath(path.join(this.#folder, `${this.#overview.state}.png`));
  }
}
