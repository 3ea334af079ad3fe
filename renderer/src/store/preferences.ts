/** How this window looks and moves: a matter of whoever sits before it, kept in this browser and unknown to the host. */
import * as z from 'zod';
import { create } from 'zustand';
import { themeChoice } from '../../../core/contract/index.ts';

/** How wide the drawer of a session may be, in pixels. */
export const drawerLimits = { least: 320, most: 900 } as const;

const choices = z.object({
  /** `system` follows the desktop. */
  theme: themeChoice.catch('system'),
  /** `system`: off where the desktop asks for reduced motion. */
  motion: z.enum(['system', 'on', 'off']).catch('system'),
  density: z.enum(['comfortable', 'compact']).catch('comfortable'),
  /** Width of the drawer of a session, in pixels. */
  drawerPx: z.number().int().min(drawerLimits.least).max(drawerLimits.most).catch(400),
  /** Whether a key without Ctrl, Cmd or Alt gives a command: voice control and a hand that slips press such keys by mistake. */
  singleKeys: z.boolean().catch(true),
});
export type PreferenceChoices = z.infer<typeof choices>;

/** The choices, and what the desktop says where they leave it to it. */
export interface Preferences extends PreferenceChoices {
  systemIsLight: boolean;
  systemIsStill: boolean;
}

const KEY = 'switchyard.preferences';

/** What is kept, if it can be read; a browser that keeps nothing, or an unknown word in it, is no reason not to start. */
export function readPreferences(storage: Pick<Storage, 'getItem'>): PreferenceChoices {
  let kept: unknown;
  try {
    kept = JSON.parse(storage.getItem(KEY) ?? '{}');
  } catch {
    kept = {};
  }
  const parsed = choices.safeParse(kept);
  return parsed.success ? parsed.data : choices.parse({});
}

/** The choices at work. Written by `prefer` and `startPreferences`. */
export const usePreferences = create<Preferences>()(() => ({ ...choices.parse({}), systemIsLight: false, systemIsStill: false }));

/** Changes a choice, at once and for the next time. */
export function prefer(change: Partial<PreferenceChoices>): void {
  usePreferences.setState(change);
  const { theme, motion, density, drawerPx, singleKeys } = usePreferences.getState();
  try {
    window.localStorage.setItem(KEY, JSON.stringify({ theme, motion, density, drawerPx, singleKeys }));
  } catch {
    // A full or forbidden storage: the choice holds until the window closes.
  }
}

/** What is put on the document, for the style sheets. */
export function appearanceOf(state: Preferences): { theme: 'light' | 'dark'; motion: 'on' | 'off'; density: Preferences['density'] } {
  const theme = state.theme === 'system' ? (state.systemIsLight ? 'light' : 'dark') : state.theme;
  return { theme, motion: mayMove(state) ? 'on' : 'off', density: state.density };
}

function mayMove(state: Preferences): boolean {
  return state.motion === 'on' || (state.motion === 'system' && !state.systemIsStill);
}

/** Whether things may move: for motion that is drawn by script. What CSS moves stands still by `data-motion` alone. */
export function useMotion(): boolean {
  return usePreferences(mayMove);
}

const rowPx = { comfortable: 32, compact: 26 } as const;

/** Height of a table's row in pixels, the same as `--row` in the style sheets. */
export function useRowPx(): number {
  return usePreferences((state) => rowPx[state.density]);
}

/** Puts the choices on the document, and keeps them there as they and the desktop change. Returns the function that ends it. */
export function startPreferences(): () => void {
  const light = window.matchMedia('(prefers-color-scheme: light)');
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  const system = (): Pick<Preferences, 'systemIsLight' | 'systemIsStill'> => ({
    systemIsLight: light.matches,
    systemIsStill: still.matches,
  });
  const paint = (state: Preferences): void => void Object.assign(document.documentElement.dataset, appearanceOf(state));
  const unsubscribe = usePreferences.subscribe(paint);
  usePreferences.setState({ ...readPreferences(window.localStorage), ...system() });
  const follow = (): void => usePreferences.setState(system());
  for (const query of [light, still]) query.addEventListener('change', follow);
  return () => {
    unsubscribe();
    for (const query of [light, still]) query.removeEventListener('change', follow);
  };
}
