import type { Transport } from '../bridge/transport.ts';
import { usePreferences } from '../store/preferences.ts';

/** Tells the desktop which theme is chosen, for the frame of the window and its menus; a host without a desktop ignores it. */
export function reportTheme(transport: Pick<Transport, 'call'>): void {
  let told: string | null = null;
  const tell = (): void => {
    const { theme } = usePreferences.getState();
    if (theme === told) return;
    told = theme;
    void transport.call('shell.theme', { theme });
  };
  tell();
  usePreferences.subscribe(tell);
}
