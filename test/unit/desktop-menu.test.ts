import type { MenuItemConstructorOptions } from 'electron';
import { describe, expect, it, vi } from 'vitest';
import { menuTemplate } from '../../main/desktop/menu.ts';
import type { MenuParts } from '../../main/desktop/menu.ts';

function parts(change: Partial<MenuParts> = {}): MenuParts {
  return {
    platform: 'linux',
    packaged: true,
    theme: 'system',
    setTheme: vi.fn(),
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
  it('has file, edit, view, window and help', () => {
    const names = menuTemplate(parts()).map((item) => item.label ?? item.role);
    expect(names).toEqual(['&File', '&Edit', '&View', 'windowMenu', '&Help']);
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

  it('shows and sets the theme', () => {
    const given = parts({ theme: 'dark' });
    const template = menuTemplate(given);
    const checked = items(template).filter((item) => item.type === 'radio' && item.checked);
    expect(checked.map(({ label }) => label)).toEqual(['Dark']);
    press(template, 'Light');
    expect(given.setTheme).toHaveBeenCalledWith('light');
  });

  it('opens the documentation outside', () => {
    const given = parts();
    press(menuTemplate(given), 'PostgreSQL documentation');
    expect(given.openOutside).toHaveBeenCalledWith('https://www.postgresql.org/docs/current/');
  });
});
