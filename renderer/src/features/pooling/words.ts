import type { PoolMode, PoolProfile } from '../../../../core/contract/index.ts';

/** What a mode means, in one sentence. */
export const modeWords: Record<PoolMode, string> = {
  session: 'A client keeps its server connection until it leaves.',
  transaction: 'A client gives its server connection back after each transaction; what it has set goes along.',
};

/** What a profile means in transaction mode, in one sentence. */
export const profileWords: Record<PoolProfile, string> = {
  strict: 'Keeps the server connection whenever state might be lost: clients notice nothing.',
  compatible: 'Keeps it only for state that is known not to travel: shares more, and trusts functions.',
  observe: 'Keeps and carries nothing, so clients may break; reports every statement that would have needed it.',
};

/** The modes and profiles as choices of a `Segmented`. */
export const modeChoices: readonly { value: PoolMode; label: string }[] = [
  { value: 'session', label: 'Session' },
  { value: 'transaction', label: 'Transaction' },
];
export const profileChoices: readonly { value: PoolProfile; label: string }[] = [
  { value: 'strict', label: 'Strict' },
  { value: 'compatible', label: 'Compatible' },
  { value: 'observe', label: 'Observe' },
];

/** How an endpoint is pooled, as short as it can be said: `session`, `transaction, strict`. */
export function poolingWords(mode: PoolMode, profile: PoolProfile): string {
  return mode === 'session' ? 'session' : `transaction, ${profile}`;
}

const pinTitles: Record<string, string> = {
  advisory_lock: 'Advisory locks',
  temp_object: 'Temporary objects',
  held_cursor: 'Held cursors',
  listen: 'Listening on channels',
  sequence: 'Last value of a sequence',
  temporary_slot: 'Temporary replication slots',
  session_user: 'Another session user',
  idle_session_timeout: 'A time limit of the server for idle sessions',
  foreign_setting: 'Settings made with the rights of another role',
  statement_text: 'Prepared statements that cannot be carried',
  unknown: 'State that could not be looked at',
};

/** What a pin's code means to a reader; an unknown code says its own words. */
export function pinTitle(code: string): string {
  const words = code.replaceAll('_', ' ');
  return pinTitles[code] ?? words.charAt(0).toUpperCase() + words.slice(1);
}
