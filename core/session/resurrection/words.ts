/** What the client of a session hears that does not outlive its server connection, and what the operator reads. */
import type { LastWords } from '../lessee.ts';
import type { Loss } from './losses.ts';

/** It was not looked at since its client's last statement. */
export const UNKNOWN_STATE: Loss = { code: 'not_looked_at', what: 'what it has set since it was looked at last' };

const HINTS: Readonly<Record<string, string>> = {
  advisory_lock: 'Connect again and take the locks anew; others may have had them meanwhile.',
  temp_object: 'Connect again and make the temporary objects anew.',
  held_cursor: 'Connect again and open the cursors anew.',
  listen: 'Connect again, LISTEN anew, and look at what has changed meanwhile: notifications sent since are gone.',
  cockroach: 'Connect again. Sessions of CockroachDB are not brought back.',
};

/** `losses` has at least one. `afterIdleSeconds`: when sessions are looked at. */
export function lossWords(
  backend: string,
  losses: readonly Loss[],
  afterIdleSeconds = 0,
): { readonly code: string; readonly what: string; readonly words: LastWords } {
  const what = losses.map((loss) => loss.what).join(', and ');
  const code = losses[0]?.code ?? 'unknown';
  const hint =
    code === UNKNOWN_STATE.code
      ? `Connect again. Switchyard brings back sessions that have been idle for ${afterIdleSeconds} s (resurrection.afterIdleSeconds).`
      : (HINTS[code] ?? 'Connect again.');
  return { code, what, words: { message: `the server connection to ${backend} was lost, and with it ${what}`, hint } };
}
