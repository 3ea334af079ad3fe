import type { MenuItemConstructorOptions } from 'electron';
import { commands } from '../../core/contract/index.ts';
import type { Command, CommandId, CommandMenu } from '../../core/contract/index.ts';
import type { Theme } from './window-state.ts';

type Row = Command & { id: CommandId };

/** What the menu knows and can cause. */
export interface MenuParts {
  platform: NodeJS.Platform;
  /** Developer tools are offered in unpackaged builds only. */
  packaged: boolean;
  theme: Theme;
  /** The commands that the window can give at this moment; the others are greyed. */
  enabled: ReadonlySet<string>;
  /** Has the window give a command. */
  run: (command: CommandId) => void;
  openOutside: (address: string) => void;
}

/**
 * The native menu. Commands come from the table that the window has, too; roles where one exists: they bring the platform's label, key and
 * enablement.
 */
export function menuTemplate(parts: MenuParts): MenuItemConstructorOptions[] {
  const mac = parts.platform === 'darwin';
  const application: MenuItemConstructorOptions[] = mac ? [{ role: 'appMenu' }] : [];
  return [
    ...application,
    fileMenu(parts, mac),
    editMenu(mac),
    viewMenu(parts),
    { label: '&Session', submenu: commandItems(parts, 'session') },
    { label: 'E&ndpoint', submenu: commandItems(parts, 'endpoint') },
    { role: 'windowMenu' },
    helpMenu(parts, mac),
  ];
}

/** The commands of a menu, in the table's order: a line between groups, and a submenu for those that stand under a word. */
function commandItems(parts: MenuParts, menu: CommandMenu): MenuItemConstructorOptions[] {
  const items: MenuItemConstructorOptions[] = [];
  let before: Row | null = null;
  for (const command of commands as readonly Row[]) {
    if (command.menu !== menu) continue;
    if (before && before.group !== command.group) items.push({ type: 'separator' });
    const last = items.at(-1);
    if (command.under === undefined) items.push(commandItem(parts, command));
    else if (before?.under === command.under && Array.isArray(last?.submenu)) last.submenu.push(commandItem(parts, command));
    else items.push({ label: command.under, submenu: [commandItem(parts, command)] });
    before = command;
  }
  return items;
}

function commandItem(parts: MenuParts, { id, label, keys }: Row): MenuItemConstructorOptions {
  const theme = /^theme\.(.*)$/.exec(id)?.[1];
  const accelerator = keys && acceleratorOf(keys[0], parts.platform);
  return {
    id,
    label,
    enabled: parts.enabled.has(id) || theme !== undefined,
    click: () => parts.run(id),
    ...(theme === undefined ? {} : { type: 'radio', checked: theme === parts.theme }),
    // Shown, not registered: the page has the keys, and knows whether somebody is typing.
    ...(accelerator == null ? {} : { accelerator, registerAccelerator: false }),
  };
}

/** Keys of the platform's own Edit menu. */
const ofRoles = new Set(['Mod+A', 'Mod+C']);

/**
 * The table's notation of keys in Electron's. Null: not shown, because a Mac registers whatever it shows, and would take a letter from who
 * types it.
 */
function acceleratorOf(keys: string, platform: NodeJS.Platform): string | null {
  if (platform === 'darwin' && (!keys.startsWith('Mod+') || ofRoles.has(keys))) return null;
  return keys.replace('Mod', 'CmdOrCtrl');
}

function fileMenu(parts: MenuParts, mac: boolean): MenuItemConstructorOptions {
  const quit: MenuItemConstructorOptions[] = mac ? [] : [{ type: 'separator' }, { role: 'quit' }];
  return { label: '&File', submenu: [...commandItems(parts, 'file'), { type: 'separator' }, { role: 'close' }, ...quit] };
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
  return {
    label: '&View',
    submenu: [
      ...commandItems(parts, 'view'),
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
  return {
    role: 'help',
    label: '&Help',
    submenu: [...commandItems(parts, 'help'), documentation, ...(mac ? [] : ([{ type: 'separator' }, { role: 'about' }] as const))],
  };
}
