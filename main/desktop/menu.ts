import type { MenuItemConstructorOptions } from 'electron';
import type { Theme } from './window-state.ts';

/** What the menu knows and can cause. */
export interface MenuParts {
  platform: NodeJS.Platform;
  /** Developer tools are offered in unpackaged builds only. */
  packaged: boolean;
  theme: Theme;
  setTheme: (theme: Theme) => void;
  openOutside: (address: string) => void;
  /** Ids of the commands that make sense in the window now, by its own account. */
  enabled: ReadonlySet<string>;
  /** Has the window run a command. */
  run: (command: string) => void;
}

/** The native menu. Roles wherever one exists: they bring the platform's label, key and enablement. */
export function menuTemplate(parts: MenuParts): MenuItemConstructorOptions[] {
  const mac = parts.platform === 'darwin';
  const application: MenuItemConstructorOptions[] = mac ? [{ role: 'appMenu' }] : [];
  return [...application, fileMenu(mac), editMenu(mac), viewMenu(parts), { role: 'windowMenu' }, helpMenu(parts, mac)];
}

function fileMenu(mac: boolean): MenuItemConstructorOptions {
  return { label: '&File', submenu: mac ? [{ role: 'close' }] : [{ role: 'close' }, { type: 'separator' }, { role: 'quit' }] };
}

function editMenu(mac: boolean): MenuItemConstructorOptions {
  return {
    label: '&Edit',
    submenu: [
      { role: 'undo' },
      { role: 'redo' },
      { type: 'separator' },
      { role: 'cut' },
      { role: 'copy' },
      { role: 'paste' },
      ...(mac ? [{ role: 'pasteAndMatchStyle' } as const] : []),
      { role: 'selectAll' },
    ],
  };
}

function viewMenu(parts: MenuParts): MenuItemConstructorOptions {
  const themes: readonly [Theme, string][] = [
    ['system', 'Follow the system'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ];
  return {
    label: '&View',
    submenu: [
      {
        label: 'Appearance',
        submenu: themes.map(([theme, label]) => ({
          label,
          type: 'radio',
          checked: parts.theme === theme,
          click: () => parts.setTheme(theme),
        })),
      },
      { type: 'separator' },
      { role: 'resetZoom' },
      { role: 'zoomIn' },
      { role: 'zoomOut' },
      { role: 'togglefullscreen' },
      { type: 'separator' },
      { role: 'reload' },
      ...(parts.packaged ? [] : [{ role: 'toggleDevTools' } as const]),
    ],
  };
}

function helpMenu(parts: MenuParts, mac: boolean): MenuItemConstructorOptions {
  const documentation: MenuItemConstructorOptions = {
    label: 'PostgreSQL documentation',
    click: () => parts.openOutside('https://www.postgresql.org/docs/current/'),
  };
  return { role: 'help', label: '&Help', submenu: mac ? [documentation] : [documentation, { type: 'separator' }, { role: 'about' }] };
}
