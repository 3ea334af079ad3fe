import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appearanceOf, prefer, readPreferences, startPreferences, usePreferences } from '../../renderer/src/store/preferences.ts';

/** A desktop's preference, which can change. */
class Query extends EventTarget {
  matches = false;
  turn(on: boolean): void {
    this.matches = on;
    this.dispatchEvent(new Event('change'));
  }
}

let kept: Map<string, string>;
let light: Query;
let still: Query;
let dataset: Record<string, string>;
let stop = (): void => undefined;

beforeEach(() => {
  kept = new Map();
  light = new Query();
  still = new Query();
  dataset = {};
  vi.stubGlobal('window', {
    localStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) },
    matchMedia: (query: string) => (query.includes('light') ? light : still),
  });
  vi.stubGlobal('document', { documentElement: { dataset } });
});
afterEach(() => {
  stop();
  stop = () => undefined;
  vi.unstubAllGlobals();
  usePreferences.setState(usePreferences.getInitialState());
});

describe('preferences', () => {
  it('follow the desktop, as it changes', () => {
    stop = startPreferences();
    expect(dataset).toEqual({ theme: 'dark', motion: 'on', density: 'comfortable' });
    light.turn(true);
    still.turn(true);
    expect(dataset).toEqual({ theme: 'light', motion: 'off', density: 'comfortable' });
  });

  it('hold against the desktop once chosen, and for the next start', () => {
    stop = startPreferences();
    prefer({ theme: 'dark', motion: 'on', density: 'compact', drawerPx: 480, singleKeys: false });
    light.turn(true);
    still.turn(true);
    expect(dataset).toEqual({ theme: 'dark', motion: 'on', density: 'compact' });
    const chosen = { theme: 'dark', motion: 'on', density: 'compact', drawerPx: 480, singleKeys: false };
    expect(readPreferences(window.localStorage)).toEqual(chosen);
  });

  it('hold until the end where nothing can be kept', () => {
    stop = startPreferences();
    window.localStorage.setItem = () => {
      throw new Error('QuotaExceededError');
    };
    prefer({ motion: 'off' });
    expect(dataset['motion']).toBe('off');
  });

  it.each([
    ['nothing', null],
    ['no JSON', '{'],
    ['no object', '"dark"'],
    ['unknown words', '{"theme":"sepia","motion":7,"density":null,"drawerPx":99999,"singleKeys":"no"}'],
  ])('fall back to the desktop where %s is kept', (_what, text) => {
    if (text !== null) kept.set('switchyard.preferences', text);
    const usual = { theme: 'system', motion: 'system', density: 'comfortable', drawerPx: 400, singleKeys: true };
    expect(readPreferences(window.localStorage)).toEqual(usual);
  });

  it('keep the words that are known beside one that is not', () => {
    kept.set('switchyard.preferences', '{"theme":"light","density":"roomy"}');
    stop = startPreferences();
    expect(appearanceOf(usePreferences.getState())).toEqual({ theme: 'light', motion: 'on', density: 'comfortable' });
  });
});
