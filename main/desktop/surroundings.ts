/** What stands around the window on a desktop, and what the window can know and set of it: tray, notifications, theme, menu. */
import { app, nativeTheme } from 'electron';
import type { Delta, DesktopSettings, DesktopView, ThemeChoice } from '../../core/contract/index.ts';
import type { ShellHandlers } from '../no-desktop.ts';
import { linkScheme } from './deep-link.ts';
import { hasTray, trayWanted, type DesktopSettingsFile } from './desktop-settings.ts';
import { Notices } from './notices.ts';
import { notificationsPossible, notify } from './notifications.ts';
import { nothingSeen, seen, type Overview } from './overview.ts';
import { YardTray, type TrayActions } from './tray.ts';
import type { DesktopHost } from './desktop-host.ts';

/** What the surroundings are made of. */
export interface SurroundingsParts {
  host: DesktopHost;
  settings: DesktopSettingsFile;
  /** Folder of the tray's pictures. */
  pictures: string;
  actions: Pick<TrayActions, 'open' | 'quit'>;
  /** Which commands make sense in the window now. */
  onCommands: (enabled: ReadonlySet<string>) => void;
  /** The theme that was chosen in the window. */
  onTheme: (theme: ThemeChoice) => void;
  log: (error: unknown) => void;
}

/** See the head of this file. */
export class Surroundings {
  readonly #parts: SurroundingsParts;
  readonly #tray: YardTray;
  readonly #notices = new Notices();
  #overview: Overview = nothingSeen;
  /** A tray that the desktop has refused, in its words. */
  #refusal: string | null = null;

  constructor(parts: SurroundingsParts) {
    this.#parts = parts;
    this.#tray = new YardTray(parts.pictures, {
      ...parts.actions,
      admit: (admit) => void Promise.resolve(parts.host.handlers['clients.admit']({ admit })).catch(parts.log),
    });
  }

  /** Something of the application stays to be seen when its last window is closed. */
  get staysInSight(): boolean {
    return this.#tray.isShown;
  }

  /** Begins, once the host has started. */
  async begin(): Promise<void> {
    const { host } = this.#parts;
    const snapshot = await host.handlers.snapshot({});
    this.#notices.begin(snapshot);
    this.#overview = seen(this.#overview, snapshot);
    this.#applyTray();
    host.subscribe((delta) => this.#take(delta));
  }

  end(): void {
    this.#tray.show(false);
  }

  /** The calls that are the desktop's. */
  readonly handlers: ShellHandlers = {
    'shell.commands': ({ enabled }) => {
      this.#parts.onCommands(new Set(enabled));
      return {};
    },
    'shell.theme': ({ theme }) => {
      nativeTheme.themeSource = theme;
      this.#parts.onTheme(theme);
      return {};
    },
    'shell.desktop': () => ({ desktop: this.#view() }),
    'shell.saveDesktop': async (settings: DesktopSettings) => {
      const kept = this.#parts.settings.save(settings);
      this.#applyTray();
      await kept;
      return { desktop: this.#view() };
    },
  };

  #take(delta: Delta): void {
    this.#overview = seen(this.#overview, delta);
    this.#tray.update(this.#overview);
    const news = this.#notices.take(delta);
    if (!this.#parts.settings.current.notifications) return;
    for (const notice of news) notify(notice, this.#parts.actions.open);
  }

  #applyTray(): void {
    const { show } = trayWanted(this.#parts.settings.current, hasTray(process.platform, process.env));
    this.#refusal = null;
    try {
      this.#tray.update(this.#overview);
      this.#tray.show(show);
    } catch (error) {
      this.#parts.log(error);
      this.#refusal = `The desktop refused it: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #view(): DesktopView {
    const settings = this.#parts.settings.current;
    const { reason } = trayWanted(settings, hasTray(process.platform, process.env));
    return {
      settings,
      tray: { shown: this.#tray.isShown, reason: this.#refusal ?? reason },
      notificationsPossible: notificationsPossible(),
      links: app.isDefaultProtocolClient(linkScheme),
    };
  }
}
