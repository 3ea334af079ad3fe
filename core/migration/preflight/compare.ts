/** What the facts about two servers say about moving sessions from one to the other (postgres-session-state.md section 10). */
import type { Finding } from '../../contract/index.ts';
import { SEMANTIC_SETTINGS } from '../../state/queries.ts';
import { block, info, warn } from '../dialect.ts';
import { isSameServer, majorOf, type ServerFacts } from './facts.ts';
import { STANDBY } from './recheck.ts';
import { differingDefaults, type DefaultDifference, type Startups } from './pins.ts';
import type { DatabaseShape } from './shape.ts';

/** What the operator has allowed. */
export interface CompareOptions {
  readonly allowOlderServer: boolean;
}

/** Free connections without which nobody is moved: one for the session, one for a look at the server. */
const LEAST_SLOTS = 2;
/** Languages and extensions that keep data of a session where SQL does not show it (section 16). */
const SESSION_MEMORY = new Set(
  'plperl plperlu plpython3u plpython2u plpythonu pltcl pltclu plv8 dblink pg_variables orafce set_user'.split(' '),
);
const MOST_NAMED = 5;

/** What speaks against moving from one to the other, and what should be known. */
export function compareFacts(from: ServerFacts, to: ServerFacts, options: CompareOptions): Finding[] {
  return [
    ...poolers(from, to),
    ...versions(from, to, options),
    ...writability(from, to),
    ...locales(from, to),
    ...room(to),
    ...roles(from, to),
    ...extensions(from, to),
    ...surroundings(from, to),
  ];
}

function poolers(from: ServerFacts, to: ServerFacts): Finding[] {
  const sides = [...(from.isPooled ? ['the server it is on'] : []), ...(to.isPooled ? ['the target'] : [])];
  return sides.map((side) =>
    block(
      'pooler_between',
      `a pooler stands between Switchyard and ${side}: another process answers than the one that greeted`,
      'Point the endpoint at the server itself.',
    ),
  );
}

function versions(from: ServerFacts, to: ServerFacts, { allowOlderServer }: CompareOptions): Finding[] {
  const [here, there] = [majorOf(from), majorOf(to)];
  if (there > here) return [warn('newer_server', `the target is a newer server (${there}, the session is on ${here})`)];
  if (there === here) return [];
  const message = `the target is an older server (${there}, the session is on ${here})`;
  return allowOlderServer
    ? [warn('older_server', message)]
    : [block('older_server', message, 'Start with --allow-older-server to move to older servers all the same.')];
}

/** Also asked right before a hold, of the two connections: see `recheck.ts`. */
function writability(from: ServerFacts, to: ServerFacts): Finding[] {
  if (to.inRecovery && !from.inRecovery) return [STANDBY];
  if (to.readOnly && !from.readOnly) return [block('read_only', 'transactions on the target are read only by default')];
  if (from.inRecovery && !to.inRecovery) return [warn('leaves_standby', 'it is on a standby, and the target takes writes')];
  return [];
}

function locales(from: ServerFacts, to: ServerFacts): Finding[] {
  const properties = [
    ['encoding', 'encoding'],
    ['collation', 'collate'],
    ['character classification', 'ctype'],
    ['locale provider', 'provider'],
    ['ICU locale', 'name'],
  ] as const;
  const findings = properties
    .filter(([, key]) => from.locale[key] !== to.locale[key])
    .map(([name, key]) =>
      block(
        'locale',
        `the database's ${name} differs: ${from.locale[key] ?? 'none'} here, ${to.locale[key] ?? 'none'} there`,
        'Text would sort or convert differently under the client.',
      ),
    );
  const [here, there] = [from.locale.version, to.locale.version];
  // 14 does not record it.
  if (here !== null && there !== null && here !== there)
    findings.push(warn('collation_version', `the collation version differs: ${here} here, ${there} there`));
  return findings;
}

function room(to: ServerFacts): Finding[] {
  if (to.freeSlots >= LEAST_SLOTS) return [];
  const left = to.freeSlots <= 0 ? 'no connection' : 'a single connection';
  return [block('no_slots', `the target has ${left} left for this role and database (max_connections is ${to.maxConnections})`)];
}

function roles(from: ServerFacts, to: ServerFacts): Finding[] {
  if (from.role === null || to.role === null) return [];
  const findings: Finding[] = [];
  if (from.role.superuser !== to.role.superuser || from.role.bypassesRls !== to.role.bypassesRls)
    findings.push(warn('role_attributes', 'the role is superuser or bypasses row security on one of the servers only'));
  const there = new Set(to.role.memberships);
  const missing = from.role.memberships.filter((name) => !there.has(name) && !name.startsWith('pg_'));
  if (missing.length > 0)
    findings.push(warn('memberships', `the role is no member of ${some(missing)} on the target: SET ROLE to these will fail`));
  return findings;
}

function extensions(from: ServerFacts, to: ServerFacts): Finding[] {
  const findings: Finding[] = [];
  const names = [...from.extensions.keys()];
  const missing = names.filter((name) => !to.extensions.has(name));
  if (missing.length > 0) findings.push(warn('extensions', `the target lacks extensions: ${missing.join(', ')}`));
  const other = [...from.extensions].flatMap(([name, { version }]) => {
    const there = to.extensions.get(name)?.version;
    return there === undefined || there === version ? [] : [`${name} (${version} here, ${there} there)`];
  });
  if (other.length > 0) findings.push(warn('extension_versions', `extensions have other versions on the target: ${other.join(', ')}`));
  const keepers = names.filter((name) => SESSION_MEMORY.has(name));
  if (keepers.length > 0)
    findings.push(
      warn('session_memory', `${keepers.join(', ')} can keep data of a session that nobody can see: what they keep is not carried`),
    );
  return findings;
}

function surroundings(from: ServerFacts, to: ServerFacts): Finding[] {
  const findings: Finding[] = [];
  if (isSameServer(from, to)) findings.push(info('same_server', 'the target is the same running server'));
  if (to.hasLoginTrigger)
    findings.push(
      warn('login_trigger', "the target's database has a login event trigger: it runs for every connection that is opened there"),
    );
  if (from.preparedTransactions > 0 && !isSameServer(from, to))
    findings.push(
      warn('prepared_transactions', `the role has ${from.preparedTransactions} prepared transactions, which stay on the old server`),
    );
  return findings;
}

/** What becomes of the defaults that differ. `pinnedBy`: how those that matter are kept. */
export function compareDefaults(from: ServerFacts, to: ServerFacts, startups: Startups, pinnedBy: 'startup' | 'setting'): Finding[] {
  const differences = differingDefaults(from, to, startups);
  const findings: Finding[] = [];
  const isKept = ({ name, isPinned }: DefaultDifference): boolean => (pinnedBy === 'startup' ? isPinned : SEMANTIC_SETTINGS.includes(name));
  const kept = differences.filter(isKept);
  if (kept.length > 0) {
    findings.push(
      pinnedBy === 'startup'
        ? info('defaults_kept', `defaults that differ are kept as they are here: ${words(kept)}`)
        : warn('defaults_kept', `defaults that differ are kept as they are here, but only until RESET or DISCARD ALL: ${words(kept)}`),
    );
  }
  const left = differences.filter((difference) => !isKept(difference) && difference.isChosen);
  if (left.length > 0) findings.push(warn('defaults', `a role or database has been given other defaults on the target: ${words(left)}`));
  const configured = differences.filter((difference) => !isKept(difference) && !difference.isChosen);
  if (configured.length > 0) findings.push(info('configuration', `the target is configured differently: ${words(configured)}`));
  return findings;
}

/** What the two databases have in common, as far as it was asked; null: a server would not tell. */
export function compareShapes(from: DatabaseShape | null, to: DatabaseShape | null): Finding[] {
  if (from === null || to === null) return [info('shape_unknown', 'the definitions of tables, types and functions could not be compared')];
  const findings: Finding[] = [];
  if (from.dynamicSetters.length > 0) {
    const message = `functions set custom settings by names that only their callers know: ${some(from.dynamicSetters)}`;
    findings.push(warn('custom_settings', message, 'Such a setting is carried only if a statement or another function mentions its name.'));
  }
  if (from.types.hash !== to.types.hash) {
    findings.push(
      warn(
        'types_differ',
        `the database's own types are not the same, or have other OIDs, on the target (${from.types.count} here, ${to.types.count} there): a driver that has read them at its start may take one for another`,
        'A session that is known to use one that differs is not moved.',
      ),
    );
  }
  if (from.columns.hash !== to.columns.hash)
    findings.push(
      warn(
        'schema_differs',
        `tables or their columns are defined differently on the target (${from.columns.count} columns here, ${to.columns.count} there)`,
        'A prepared statement that means something else there is not moved.',
      ),
    );
  if (from.functions.hash !== to.functions.hash)
    findings.push(info('functions_differ', `functions differ on the target (${from.functions.count} here, ${to.functions.count} there)`));
  return findings;
}

function words(differences: readonly DefaultDifference[]): string {
  return some(differences.map(({ name, here, there }) => `${name} (${here === '' ? "''" : here} here, ${there ?? 'not set'} there)`));
}

function some(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, MOST_NAMED).join(', ')} and ${rest} more`;
}
