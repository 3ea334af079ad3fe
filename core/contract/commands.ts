/**
 * Every command of the window, as plain data: one table, from which come the palette, the shortcuts, the list of keys, the context menus
 * and the native menu. What a command does, and when it can, is bound to its id in the window (renderer/src/commands).
 */
import * as z from 'zod';

/**
 * What a command is about. `sessions`: the selection, else the session that is pointed at; `session`: that one alone; `endpoint` and
 * `backend`: the one that is pointed at, else it is asked for; `window`: nothing in particular.
 */
export type CommandSubject = 'window' | 'session' | 'sessions' | 'endpoint' | 'backend';

/** A menu of the desktop application. `session` and `endpoint` are the context menus of a session and of a line of the map, too. */
export type CommandMenu = 'file' | 'view' | 'session' | 'endpoint' | 'help';

/** Headings of the palette and of the list of keys, in their order; in a menu a line divides them. */
export const commandGroups = [
  'Go to',
  'Sessions',
  'Selection',
  'Copy',
  'Endpoints',
  'Pools',
  'Servers',
  'Export',
  'Demo',
  'View',
  'Appearance',
  'Help',
] as const;
export type CommandGroup = (typeof commandGroups)[number];

/** One command. */
export interface Command {
  id: string;
  /** Sentence case, a verb; with `…` if it asks for something first. */
  label: string;
  group: CommandGroup;
  on: CommandSubject;
  /**
   * `KeyboardEvent.key` words, a letter in upper case; `Mod` is Ctrl, or Cmd on a Mac. The first one is shown in menus. Without a modifier a
   * key works outside of fields and dialogs only, and can be switched off.
   */
  keys?: readonly [string, ...string[]];
  menu?: CommandMenu;
  /** The submenu it stands in. */
  under?: string;
  /** Ends or loses something: it asks first, naming what. */
  danger?: boolean;
}

const goTo = { group: 'Go to', on: 'window', menu: 'view', under: 'Go to' } as const;
const look = { group: 'Appearance', on: 'window', menu: 'view', under: 'Appearance' } as const;
const copyAs = { group: 'Copy', on: 'sessions', menu: 'session', under: 'Copy as' } as const;
const copyEndpointAs = { group: 'Copy', on: 'endpoint', menu: 'endpoint', under: 'Copy endpoint as' } as const;
const copyServerAs = { group: 'Copy', on: 'backend', menu: 'endpoint', under: 'Copy server as' } as const;

/** The table, in the order of menus and of the palette. */
export const commands = [
  { id: 'go.yard', label: 'Go to the yard', keys: ['1'], ...goTo },
  { id: 'go.sessions', label: 'Go to sessions', keys: ['2'], ...goTo },
  { id: 'go.endpoints', label: 'Go to endpoints', keys: ['3'], ...goTo },
  { id: 'go.pools', label: 'Go to pools', keys: ['4'], ...goTo },
  { id: 'go.migrations', label: 'Go to migrations', keys: ['5'], ...goTo },
  { id: 'go.history', label: 'Go to history', keys: ['6'], ...goTo },
  { id: 'go.events', label: 'Go to events', keys: ['7'], ...goTo },
  { id: 'go.settings', label: 'Go to settings', keys: ['8', 'Mod+,'], ...goTo },

  { id: 'session.details', label: 'Show details', group: 'Sessions', on: 'session', keys: ['Enter'], menu: 'session' },
  { id: 'sessions.move', label: 'Move to…', group: 'Sessions', on: 'sessions', keys: ['M'], menu: 'session' },
  { id: 'session.filterBy', label: 'Filter by what it says…', group: 'Sessions', on: 'session', keys: ['F'], menu: 'session' },
  { id: 'sessions.top', label: 'Keep on top or let go', group: 'Sessions', on: 'sessions', keys: ['T'], menu: 'session' },
  { id: 'sessions.flag', label: 'Flag or take the flag away', group: 'Sessions', on: 'sessions', keys: ['G'], menu: 'session' },
  { id: 'session.note', label: 'Write a note…', group: 'Sessions', on: 'session', keys: ['N'], menu: 'session' },
  { id: 'sessions.capture', label: 'Capture statements for 1 minute', group: 'Sessions', on: 'sessions', menu: 'session' },
  { id: 'session.cancel', label: 'Cancel statement', group: 'Sessions', on: 'session', menu: 'session' },
  { id: 'session.rollback', label: 'Roll back transaction…', group: 'Sessions', on: 'session', menu: 'session', danger: true },
  {
    id: 'sessions.close',
    label: 'End session…',
    group: 'Sessions',
    on: 'sessions',
    keys: ['Delete', 'Mod+Backspace'],
    menu: 'session',
    danger: true,
  },
  { id: 'copy.psql', label: 'psql command', ...copyAs },
  { id: 'copy.url', label: 'URL', ...copyAs },
  { id: 'copy.environment', label: 'Environment variables', ...copyAs },
  { id: 'copy.json', label: 'JSON', ...copyAs },
  { id: 'copy.markdown', label: 'Markdown row', keys: ['Mod+C'], ...copyAs },
  { id: 'copy.table', label: 'Tab-separated table', ...copyAs },
  { id: 'sessions.selectAll', label: 'Select all that match', group: 'Selection', on: 'window', keys: ['Mod+A'], menu: 'session' },
  { id: 'sessions.clear', label: 'Close details or clear selection', group: 'Selection', on: 'window', keys: ['Escape'], menu: 'session' },

  { id: 'endpoint.add', label: 'Add endpoint…', group: 'Endpoints', on: 'window', menu: 'file' },
  { id: 'sessions.exportCsv', label: 'Export sessions as CSV', group: 'Export', on: 'window', menu: 'file' },
  { id: 'sessions.exportJson', label: 'Export sessions as JSON', group: 'Export', on: 'window', menu: 'file' },
  { id: 'demo.start', label: 'Start the demo', group: 'Demo', on: 'window', menu: 'file' },
  { id: 'demo.stop', label: 'Stop the demo…', group: 'Demo', on: 'window', menu: 'file', danger: true },
  { id: 'demo.work', label: 'Start the demo workload', group: 'Demo', on: 'window', menu: 'file' },
  { id: 'demo.rest', label: 'Stop the demo workload', group: 'Demo', on: 'window', menu: 'file' },

  { id: 'endpoint.check', label: 'Test endpoint', group: 'Endpoints', on: 'endpoint', menu: 'endpoint' },
  { id: 'endpoint.edit', label: 'Edit endpoint…', group: 'Endpoints', on: 'endpoint', keys: ['F2'], menu: 'endpoint' },
  { id: 'endpoint.remap', label: 'Point at another server…', group: 'Endpoints', on: 'endpoint', menu: 'endpoint' },
  { id: 'endpoint.moveAll', label: 'Move all its sessions…', group: 'Endpoints', on: 'endpoint', menu: 'endpoint' },
  { id: 'copy.endpoint.psql', label: 'psql command', ...copyEndpointAs },
  { id: 'copy.endpoint.url', label: 'URL', ...copyEndpointAs },
  { id: 'copy.endpoint.environment', label: 'Environment variables', ...copyEndpointAs },
  { id: 'copy.endpoint.pgpass', label: '.pgpass line without password', ...copyEndpointAs },
  { id: 'pool.pause', label: 'Pause pools', group: 'Pools', on: 'endpoint', menu: 'endpoint' },
  { id: 'pool.resume', label: 'Resume pools', group: 'Pools', on: 'endpoint', menu: 'endpoint' },
  { id: 'pool.reconnect', label: 'Reconnect pools', group: 'Pools', on: 'endpoint', menu: 'endpoint' },
  { id: 'pool.kill', label: 'Kill pools…', group: 'Pools', on: 'endpoint', menu: 'endpoint', danger: true },
  { id: 'server.drain', label: 'Drain server…', group: 'Servers', on: 'backend', menu: 'endpoint', danger: true },
  { id: 'server.undrain', label: 'End the drain', group: 'Servers', on: 'backend', menu: 'endpoint' },
  { id: 'server.restart', label: 'Restart server…', group: 'Servers', on: 'backend', menu: 'endpoint', danger: true },
  { id: 'copy.server.psql', label: 'psql command', ...copyServerAs },
  { id: 'copy.server.url', label: 'URL', ...copyServerAs },
  { id: 'copy.server.environment', label: 'Environment variables', ...copyServerAs },
  { id: 'copy.server.pgpass', label: '.pgpass line without password', ...copyServerAs },

  { id: 'palette.open', label: 'Find a command…', group: 'View', on: 'window', keys: ['Mod+K', ':'], menu: 'view' },
  { id: 'view.filter', label: 'Filter', group: 'View', on: 'window', keys: ['/'], menu: 'view' },
  { id: 'capture.stop', label: 'Stop capturing statements', group: 'View', on: 'window', menu: 'view' },
  { id: 'view.freeze', label: 'Freeze or resume the view', group: 'View', on: 'window', keys: ['Space', 'P'], menu: 'view' },
  { id: 'view.menu', label: 'Open the context menu', group: 'View', on: 'window', keys: ['Shift+F10', 'ContextMenu'] },
  { id: 'theme.system', label: 'Theme of the system', ...look },
  { id: 'theme.light', label: 'Light theme', ...look },
  { id: 'theme.dark', label: 'Dark theme', ...look },
  { id: 'motion.system', label: 'Motion as the system says', ...look },
  { id: 'motion.on', label: 'Motion on', ...look },
  { id: 'motion.off', label: 'Motion off', ...look },
  { id: 'density.comfortable', label: 'Comfortable rows', ...look },
  { id: 'density.compact', label: 'Compact rows', ...look },

  { id: 'help.keys', label: 'Commands and keys', group: 'Help', on: 'window', keys: ['?', 'F1'], menu: 'help' },
  { id: 'keys.on', label: 'Switch single keys on', group: 'Help', on: 'window' },
  { id: 'keys.off', label: 'Switch single keys off', group: 'Help', on: 'window' },
] as const satisfies readonly Command[];

type Entry = (typeof commands)[number];
export type CommandId = Entry['id'];
/** The ids of the commands about something. */
export type CommandOn<S extends CommandSubject> = Extract<Entry, { on: S }>['id'];

/** Refuses what is no command's id. */
export const commandId = z.enum(commands.map((command) => command.id) as [CommandId, ...CommandId[]]);

const byId = new Map<string, Command>(commands.map((command) => [command.id, command]));

/** The command with this id. */
export function commandOf(id: CommandId): Command {
  const command = byId.get(id);
  if (!command) throw new Error(`there is no command ${id}`);
  return command;
}
