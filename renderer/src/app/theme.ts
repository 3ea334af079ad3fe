import { create } from 'zustand';

export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'switchyard.theme';
const systemIsLight = window.matchMedia('(prefers-color-scheme: light)');

function stored(): ThemeChoice {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

/** The chosen theme; kept in this browser. */
export const useTheme = create<{ choice: ThemeChoice }>()(() => ({ choice: stored() }));

/** Chooses a theme; `system` follows the desktop. */
export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(KEY, choice);
  useTheme.setState({ choice });
}

function paint(): void {
  const { choice } = useTheme.getState();
  const light = choice === 'light' || (choice === 'system' && systemIsLight.matches);
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
}

/** Puts the theme on the document and keeps it there. */
export function startTheme(): void {
  paint();
  useTheme.subscribe(paint);
  systemIsLight.addEventListener('change', paint);
}
