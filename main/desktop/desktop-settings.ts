/** The desktop's own settings: what was chosen, where it is kept, and what `auto` means where we are. */
import { desktopSettings, type DesktopSettings } from '../../core/contract/index.ts';
import { KeptFile } from '../kept-file.ts';

/** Desktops that show icons of applications without an extension; by their names in `XDG_CURRENT_DESKTOP`. */
const withTray: ReadonlySet<string> = new Set([
  'kde',
  'xfce',
  'x-cinnamon',
  'cinnamon',
  'mate',
  'lxqt',
  'lxde',
  'unity',
  'budgie',
  'pantheon',
  'deepin',
  'ubuntu',
]);

/** Whether there is a tray to show an icon in, as far as can be known. `ubuntu:GNOME` has one, GNOME alone has not. */
export function hasTray(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): boolean {
  if (platform !== 'linux') return platform === 'darwin' || platform === 'win32';
  const desktops = (environment['XDG_CURRENT_DESKTOP'] ?? '').toLowerCase().split(':');
  return desktops.some((name) => withTray.has(name));
}

/** Whether an icon is to be shown, and if not, why, as a sentence. */
export function trayWanted({ tray }: DesktopSettings, present: boolean): { show: boolean; reason: string | null } {
  if (tray === 'on') return { show: true, reason: null };
  if (tray === 'off') return { show: false, reason: 'It is switched off.' };
  return present ? { show: true, reason: null } : { show: false, reason: 'This desktop is not known to have a tray.' };
}

/** The settings that are kept, and the file they are in. */
export class DesktopSettingsFile {
  readonly #file: KeptFile;
  current: DesktopSettings;

  /** A missing, broken or foreign file is no reason not to start: the defaults hold, and `log` is told of what is broken. */
  constructor(path: string, log: (error: unknown) => void) {
    this.#file = new KeptFile(path);
    this.current = read(this.#file, log);
  }

  /** Keeps them for the next start. Rejects with `CallError` as `KeptFile` does. */
  async save(settings: DesktopSettings): Promise<void> {
    this.current = settings;
    await this.#file.replace(`${JSON.stringify(settings, null, 2)}\n`);
  }
}

function read(file: KeptFile, log: (error: unknown) => void): DesktopSettings {
  if (file.text === null) return desktopSettings.parse({});
  try {
    return desktopSettings.parse(JSON.parse(file.text));
  } catch (error) {
    log(new Error(`${file.path} is not what Switchyard wrote; the desktop's settings are the usual ones`, { cause: error }));
    return desktopSettings.parse({});
  }
}
