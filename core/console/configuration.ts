/**
 * The settings by the names of PgBouncer, where it has one, and by names of the same kind where it has none: what SHOW CONFIG lists
 * and SET changes. Times are seconds.
 */
import * as z from 'zod';
import { settings as settingsSchema, type CallParsed, type Settings } from '../contract/index.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';

/** A line of SHOW CONFIG. */
export interface ConfigurationLine {
  readonly key: string;
  readonly value: string;
  readonly standard: string;
  readonly changeable: boolean;
}

type Value = string | number | null;

/** One key: how it is read and, if it can change while clients are connected, how it is written. */
interface Key {
  readonly get: (from: Settings) => Value;
  /** The settings with another value; what does not fit the schema is refused behind it. */
  readonly set?: (from: Settings, text: string) => Draft;
}

/** Settings on their way to being saved, a value of them not looked at yet. */
type Draft = { readonly [K in keyof Settings]: unknown };

type Group = 'pooling' | 'limits' | 'times' | 'metrics' | 'migration';

/** A key that stands for one value of one group. */
function key<G extends Group>(group: G, name: keyof Settings[G] & string): Key {
  return {
    get: (from) => from[group][name] as Value,
    set: (from, text) => ({ ...from, [group]: { ...from[group], [name]: readAs(from[group][name], text) } }),
  };
}

/** The text as what is there already: a number, a word, or nothing. */
function readAs(present: unknown, text: string): unknown {
  if (typeof present === 'string') return text.toLowerCase();
  if (text === '') return null;
  // What is no number stays a text, for the schema to refuse in its words.
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

const keys: Readonly<Record<string, Key>> = {
  admin_users: {
    get: (from) => from.authentication.admins.join(','),
    set: (from, text) => ({
      ...from,
      authentication: { ...from.authentication, admins: text.split(',').flatMap((name) => name.trim() || []) },
    }),
  },
  abandoned_transaction: key('pooling', 'abandoned'),
  auth_type: { get: (from) => from.authentication.method },
  client_idle_timeout: key('times', 'idleClient'),
  client_login_timeout: key('times', 'login'),
  client_tls_sslmode: { get: (from) => ({ off: 'disable', allow: 'allow', require: 'require' })[from.tls.clients] },
  default_pool_size: key('pooling', 'size'),
  idle_transaction_timeout: key('times', 'idleInTransaction'),
  max_client_conn: key('limits', 'clients'),
  max_db_client_connections: key('limits', 'clientsPerEndpoint'),
  max_db_connections: key('pooling', 'perBackend'),
  max_user_client_connections: key('limits', 'clientsPerUser'),
  metrics_port: key('metrics', 'port'),
  migration_server_logins: key('migration', 'loginsPerBackend'),
  migrations_at_once: key('migration', 'atOnce'),
  min_pool_size: key('pooling', 'min'),
  pool_mode: key('pooling', 'mode'),
  pool_profile: key('pooling', 'profile'),
  query_timeout: key('times', 'query'),
  query_wait_notify: key('pooling', 'waitNotice'),
  query_wait_timeout: key('pooling', 'wait'),
  reserve_pool_size: key('pooling', 'reserve'),
  reserve_pool_timeout: key('pooling', 'reserveAfter'),
  server_check_delay: key('pooling', 'check'),
  server_idle_timeout: key('pooling', 'idle'),
  server_lifetime: key('pooling', 'lifetime'),
  server_login_concurrency: key('pooling', 'logins'),
  server_login_retry: key('pooling', 'retryAfter'),
  tcp_keepidle: key('times', 'keepalive'),
  transaction_timeout: key('times', 'transaction'),
  unknown_endpoint: { get: (from) => from.unknownEndpoint },
};

const standard = settingsSchema.parse({});
const text = (value: Value): string => (value === null ? '' : String(value));

/** Every key with its value of now, in the order of the alphabet. */
export function configuration(host: ConsoleHost): ConfigurationLine[] {
  const now = host.settings();
  const { proxy } = host.hostInfo();
  const fixed = (name: string, value: Value, usual: Value): ConfigurationLine => ({
    key: name,
    value: text(value),
    standard: text(usual),
    changeable: false,
  });
  return [
    ...Object.entries(keys).map(([name, { get, set }]) => ({
      key: name,
      value: text(get(now)),
      standard: text(get(standard)),
      changeable: set !== undefined,
    })),
    fixed('listen_addr', proxy.host, '127.0.0.1'),
    fixed('listen_port', proxy.port, 6432),
    fixed('stats_period', 60, 60),
  ].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** Whether SET means a setting of Switchyard; everything else is a driver's. */
export function isConfigurationKey(name: string): boolean {
  return Object.hasOwn(keys, name) || ['listen_addr', 'listen_port', 'stats_period'].includes(name);
}

/**
 * What to save so that `name` has another value.
 * @throws ConsoleError 55P02 when it cannot change while the program runs, 22023 for a value that does not fit
 */
export function changed(now: Settings, name: string, value: string): CallParsed<'settings.save'> {
  const set = keys[name]?.set;
  if (set === undefined) {
    throw new ConsoleError('55P02', `parameter "${name}" cannot be changed now`, { hint: 'SHOW CONFIG tells which can.' });
  }
  const parsed = settingsSchema.safeParse(set(now, value));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConsoleError('22023', `invalid value for parameter "${name}": "${value}"`, {
      detail: issue?.message ?? z.prettifyError(parsed.error),
    });
  }
  const { users: _users, ...authentication } = parsed.data.authentication;
  return { ...parsed.data, authentication };
}
