import type { CommandId } from '../../../core/contract/index.ts';
import type { HostCall } from '../bridge/client.ts';
import { usePreferences } from '../store/preferences.ts';
import type { Preferences } from '../store/preferences.ts';
import { useServer } from '../store/server.ts';
import { useView } from '../store/view.ts';
import { enabledIds, situationNow } from './registry.ts';
import { pointedAt } from './situation.ts';

/** How long things must have been as they are before the native menu is told, in milliseconds. */
const SETTLE_MS = 150;

/** Tells the desktop the theme, for the frame of its window and its menu. */
function reportTheme(call: HostCall): () => void {
  let told: string | null = null;
  const tell = ({ theme }: Preferences): void => {
    if (theme === told) return;
    told = theme;
    // Not told this time: at the next change.
    call('shell.theme', { theme }).catch(() => {
      told = null;
    });
  };
  tell(usePreferences.getState());
  return usePreferences.subscribe(tell);
}

/**
 * Tells the desktop the theme, and which commands can be given, whenever that changes: its menu greys the others. Returns the function that
 * ends it.
 */
export function reportToShell(call: HostCall): () => void {
  const stopTheme = reportTheme(call);
  let told: string | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (): void => {
    timer = undefined;
    const enabled: CommandId[] = enabledIds(situationNow(pointedAt(document.activeElement)));
    const words = enabled.join(' ');
    if (words === told) return;
    told = words;
    // Not told this time: at the next change.
    call('shell.commands', { enabled }).catch(() => {
      told = null;
    });
  };
  const soon = (): void => {
    timer ??= setTimeout(tell, SETTLE_MS);
  };
  const stops = [useServer.subscribe(soon), useView.subscribe(soon), usePreferences.subscribe(soon)];
  const events = ['hashchange', 'focusin', 'focusout'] as const;
  for (const name of events) window.addEventListener(name, soon);
  soon();
  return () => {
    stopTheme();
    clearTimeout(timer);
    for (const stop of stops) stop();
    for (const name of events) window.removeEventListener(name, soon);
  };
}
