/**
 * Settings that the two servers give a session differently, by role, database or configuration. Those that statements mean something by
 * are pinned: put into the startup of the new server connection, so that RESET and DISCARD ALL come back to them as well
 * (postgres-session-state.md section 5).
 */
import { SEMANTIC_SETTINGS } from '../../state/queries.ts';
import type { ServerFacts } from './facts.ts';

/** What decides when a statement ends, and how things are written. */
const PINNED: readonly string[] = [
  ...SEMANTIC_SETTINGS,
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'backslash_quote',
  'timezone_abbreviations',
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'check_function_bodies',
];

/** A default that differs. Values in base units; null: it is not set there. */
export interface DefaultDifference {
  readonly name: string;
  readonly here: string;
  readonly there: string | null;
  /** It can be given to the new server connection at its startup. */
  readonly isPinned: boolean;
  /** A role or a database has been given it, or both servers' configurations differ. */
  readonly isChosen: boolean;
}

/** A session's startup parameters: as its client gave them, and as its present server connection was opened with. */
export interface Startups {
  readonly client: ReadonlyMap<string, string>;
  readonly present: ReadonlyMap<string, string>;
}

const FROM_ROLE = new Set(['user', 'database', 'database user']);
const FROM_OUTSIDE = new Set([...FROM_ROLE, 'configuration file', 'command line', 'global', 'environment variable']);
/** Their own startup parameter, or the server's business alone. */
const NOT_COMPARED = new Set(['application_name', 'client_encoding', 'role', 'session_authorization', 'server_version', 'server_encoding']);

/** The defaults that come out differently for a session that moves. */
export function differingDefaults(from: ServerFacts, to: ServerFacts, { client, present }: Startups): DefaultDifference[] {
  const given = startupNames(client);
  const pinned = new Map([...present].map(([name, value]) => [name.toLowerCase(), value]));
  const differences: DefaultDifference[] = [];
  for (const [name, setting] of from.settings) {
    const there = to.settings.get(name);
    if (there === undefined || NOT_COMPARED.has(name) || given(name)) continue;
    const here = pinned.get(name.toLowerCase()) ?? setting.value;
    if (here === there.value) continue;
    const settable = there.context === 'user' || to.role?.superuser === true;
    const isChosen = [setting.source, there.source].some((source) => FROM_ROLE.has(source)) || pinned.has(name.toLowerCase());
    if (!isChosen && !FROM_OUTSIDE.has(setting.source) && !FROM_OUTSIDE.has(there.source) && !PINNED.includes(name)) continue;
    differences.push({ name, here, there: there.value, isPinned: PINNED.includes(name) && settable, isChosen });
  }
  for (const name of new Set([...from.customSettings.keys(), ...pinned.keys()])) {
    const here = pinned.get(name) ?? from.customSettings.get(name);
    if (!name.includes('.') || here === undefined || given(name)) continue;
    const there = to.customSettings.get(name) ?? null;
    if (here !== there) differences.push({ name, here, there, isPinned: true, isChosen: true });
  }
  return differences;
}

/** The startup parameters of the new server connection. */
export function pinnedStartup(
  startup: ReadonlyMap<string, string>,
  differences: readonly DefaultDifference[],
): ReadonlyMap<string, string> {
  const pins = differences.filter(({ isPinned }) => isPinned);
  return pins.length === 0 ? startup : new Map([...startup, ...pins.map(({ name, here }) => [name, here] as const)]);
}

/** Whether a client has given a setting itself, in `options` or by its name: then it has no default to speak of. */
function startupNames(client: ReadonlyMap<string, string>): (name: string) => boolean {
  const names = new Set([...client.keys()].map((name) => name.toLowerCase()));
  const options = (client.get('options') ?? '').toLowerCase().replaceAll('-', '_');
  return (name) => names.has(name.toLowerCase()) || options.includes(name.toLowerCase());
}
