import type { MenuItemConstructorOptions } from 'electron';
import { describe, expect, it, vi } from 'vitest';
import { commands } from '../../core/contract/index.ts';
import type { Command } from '../../core/contract/index.ts';
import { menuTemplate } from '../../main/desktop/menu.ts';
import type { MenuParts } from '../../main/desktop/menu.ts';

const table: readonly Command[] = commands;

function parts(change: Partial<MenuParts> = {}): MenuParts {
  return {
    platform: 'linux',
    packaged: true,
    theme: 'system',
    openOutside: vi.fn(),
    enabled: new Set(),
    run: vi.fn(),
    ...change,
  };
}

/** Every item of the template, at any depth. */
function items(template: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] {
  return template.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? items(item.submenu) : [])]);
}
const roles = (change?: Partial<MenuParts>): (string | undefined)[] => items(menuTemplate(parts(change))).map(({ role }) => role);

/** Runs an item as Electron would; the arguments are unused by ours. */
function press(template: MenuItemConstructorOptions[], label: string): void {
  const item = items(template).find((candidate) => candidate.label === label);
  expect(item?.click, label).toBeTypeOf('function');
  item?.click?.({} as never, undefined, {});
}

describe('the native menu', () => {
  it('has file, edit, view, session, endpoint, window and help', () => {
    const names = menuTemplate(parts()).map((item) => item.label ?? item.role);
    expect(names).toEqual(['&File', '&Edit', '&View', '&Session', 'E&ndpoint', 'windowMenu', '&Help']);
    expect(menuTemplate(parts({ platform: 'darwin' })).map((item) => item.label ?? item.role)).toEqual(['appMenu', ...names]);
  });

  it('leaves keys and labels of common commands to the platform', () => {
    const wanted = [
      'undo',
      'redo',
      'cut',
      'copy',
      'paste',
      'selectAll',
      'resetZoom',
      'zoomIn',
      'zoomOut',
      'togglefullscreen',
      'close',
      'quit',
    ];
    expect(roles()).toEqual(expect.arrayContaining(wanted));
    expect(roles({ platform: 'darwin' })).not.toContain('quit');
  });

  it('offers developer tools in unpackaged builds only', () => {
    expect(roles({ packaged: false })).toContain('toggleDevTools');
    expect(roles({ packaged: true })).not.toContain('toggleDevTools');
  });

  it('has every command of the table that belongs there, with its label and its key, and gives it to the window', () => {
    const run = vi.fn();
    const shown = items(menuTemplate(parts({ run })));
    for (const command of table.filter(({ menu }) => menu !== undefined)) {
      const item = shown.find(({ id }) => id === command.id);
      expect(item, command.id).toMatchObject({ label: command.label });
      expect(item?.accelerator, command.id).toBe(command.keys?.[0].replace('Mod', 'CmdOrCtrl'));
      if (command.keys) expect(item?.registerAccelerator, `${command.id}: the page has the keys`).toBe(false);
      item?.click?.({} as never, undefined, {});
      expect(run).toHaveBeenLastCalledWith(command.id);
    }
    const known = new Set(table.filter(({ menu }) => menu !== undefined).map(({ id }) => id));
    expect(shown.flatMap(({ id }) => id ?? []).filter((id) => !known.has(id))).toEqual([]);
  });

  it('greys what the window cannot do now', () => {
    const shown = items(menuTemplate(parts({ enabled: new Set(['sessions.move']) })));
    const enabled = shown.filter((item) => item.id !== undefined && item.enabled === true && item.type !== 'radio').map(({ id }) => id);
    expect(enabled).toEqual(['sessions.move']);
  });

  it('takes no key from who types on a Mac, nor one of its own menus', () => {
    const keys = items(menuTemplate(parts({ platform: 'darwin' }))).flatMap(({ accelerator }) => accelerator ?? []);
    expect(keys.filter((key) => !String(key).startsWith('CmdOrCtrl+'))).toEqual([]);
    expect(keys).not.toContain('CmdOrCtrl+C');
  });

  it('marks the theme', () => {
    const template = menuTemplate(parts({ theme: 'dark' }));
    expect(items(template).flatMap((item) => (item.type === 'radio' && item.checked ? (item.label ?? '') : []))).toEqual(['Dark theme']);
  });

  it('opens the documentation outside', () => {
    const given = parts();
    press(menuTemplate(given), 'PostgreSQL documentation');
    expect(given.openOutside).toHaveBeenCalledWith('https://www.postgresql.org/docs/current/');
  });
});
