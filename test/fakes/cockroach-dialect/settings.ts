/** The session variables of the dialect server: which there are, and their values in one session. */
import { SqlError } from './sql-error.ts';

/** Known variables with their defaults; any name with a dot may be set besides. */
const defaults: Readonly<Record<string, string>> = {
  application_name: '',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  database: 'defaultdb',
  datestyle: 'ISO, MDY',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'off',
  extra_float_digits: '1',
  idle_in_transaction_session_timeout: '0',
  intervalstyle: 'postgres',
  is_superuser: 'off',
  lock_timeout: '0',
  role: 'none',
  search_path: '"$user", public',
  server_encoding: 'UTF8',
  server_version: '13.0.0',
  session_authorization: '',
  standard_conforming_strings: 'on',
  integer_datetimes: 'on',
  statement_timeout: '0',
  timezone: 'UTC',
  transaction_isolation: 'serializable',
};

const readOnly = new Set([
  'is_superuser',
  'server_encoding',
  'server_version',
  'session_authorization',
  'integer_datetimes',
  'crdb_version',
]);

/** Reported by ParameterStatus, under these names. */
const reported: Readonly<Record<string, string>> = {
  application_name: 'application_name',
  client_encoding: 'client_encoding',
  crdb_version: 'crdb_version',
  datestyle: 'DateStyle',
  default_transaction_read_only: 'default_transaction_read_only',
  integer_datetimes: 'integer_datetimes',
  intervalstyle: 'IntervalStyle',
  is_superuser: 'is_superuser',
  server_encoding: 'server_encoding',
  server_version: 'server_version',
  session_authorization: 'session_authorization',
  standard_conforming_strings: 'standard_conforming_strings',
  timezone: 'TimeZone',
};

/** The variables of one session. Names in any case. */
export class Settings {
  /** What RESET returns to. */
  readonly #start: ReadonlyMap<string, string>;
  #values = new Map<string, string>();
  #beforeTransaction: Map<string, string> | null = null;

  /** `own`: what the pod and the startup packet say. Unknown startup parameters are ignored, as CockroachDB does. */
  constructor(own: ReadonlyMap<string, string>) {
    const start = new Map(Object.entries(defaults));
    for (const [name, value] of own) {
      const key = name.toLowerCase();
      if (start.has(key) || key.includes('.') || key === 'crdb_version') start.set(key, value);
    }
    this.#start = start;
  }

  /** Throws `SqlError` 42704. */
  get(name: string): string {
    const key = name.toLowerCase();
    const value = this.#values.get(key) ?? this.#start.get(key);
    if (value === undefined) throw unknown(name);
    return value;
  }

  /** Throws `SqlError` 42704, 55P02. Returns the ParameterStatus that the client is to be told, if any. */
  set(name: string, value: string | null): [string, string] | null {
    const key = name.toLowerCase();
    if (!this.#start.has(key) && !key.includes('.')) throw unknown(name);
    if (readOnly.has(key)) throw new SqlError('55P02', `parameter "${key}" cannot be changed`);
    const before = this.#values.get(key) ?? this.#start.get(key);
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
    const report = reported[key];
    const now = value ?? this.#start.get(key);
    return report === undefined || now === undefined || now === before ? null : [report, now];
  }

  /** Returns what the client is to be told. */
  reset(): [string, string][] {
    return [...this.#values.keys()].flatMap((name) => {
      const told = this.set(name, null);
      return told === null ? [] : [told];
    });
  }

  /** All there are, by name. */
  all(): [string, string][] {
    return [...new Map([...this.#start, ...this.#values])].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What ParameterStatus reports at a login. */
  reports(): [string, string][] {
    return Object.entries(reported).map(([key, name]) => [name, this.get(key)]);
  }

  /** Those that were set. */
  changed(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  /** Takes over what another session had set. */
  restore(values: Readonly<Record<string, string>>): void {
    this.#values = new Map(Object.entries(values));
  }

  begin(): void {
    this.#beforeTransaction = new Map(this.#values);
  }

  /** The end of a transaction: SET is undone with it. Returns what the client is to be told. */
  finish(committed: boolean): [string, string][] {
    const before = this.#beforeTransaction;
    this.#beforeTransaction = null;
    if (committed || before === null) return [];
    return [...new Set([...before.keys(), ...this.#values.keys()])].flatMap((name) => {
      const told = this.set(name, before.get(name) ?? null);
      return told === null ? [] : [told];
    });
  }
}

function unknown(name: string): SqlError {
  return new SqlError('42704', `unrecognized configuration parameter "${name}"`);
}
