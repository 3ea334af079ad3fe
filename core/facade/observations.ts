/** What profile `observe` has found: which statements would have broken behind a pooler in transaction mode, how, and what to write instead. */
import type { ObservationRow } from '../contract/index.ts';
import type { CarriedState } from '../state/carried.ts';
import type { StatePin } from '../state/pins.ts';

const KEPT = 1_000;

/** What goes wrong with a kind of state, and what to do about it. */
const ADVICE: Readonly<Record<string, { readonly message: string; readonly fix: string | null }>> = {
  setting: {
    message: 'a setting made with SET is lost to this client, and stays behind for others',
    fix: 'SET LOCAL inside a transaction, ALTER ROLE … SET, or a startup parameter (options)',
  },
  custom_setting: {
    message: 'a custom setting is lost to this client, and stays behind for others',
    fix: 'SET LOCAL, or set_config(…, …, true), inside each transaction',
  },
  role: { message: 'SET ROLE is lost to this client, and stays behind for others', fix: 'SET LOCAL ROLE inside a transaction' },
  prepared_statement: {
    message: 'a statement prepared with PREPARE is not there on the next server connection',
    fix: 'prepared statements of the protocol (most drivers: a parameterized query)',
  },
  temp_object: {
    message: 'a temporary object is out of sight after the transaction',
    fix: 'ON COMMIT DROP, or everything in one transaction',
  },
  held_cursor: {
    message: 'a cursor WITH HOLD cannot be read after the transaction',
    fix: 'read it inside the transaction, or by keys (WHERE id > …)',
  },
  advisory_lock: {
    message: 'a session advisory lock stays with the server connection: nobody can unlock it',
    fix: 'pg_advisory_xact_lock',
  },
  listen: {
    message: 'notifications arrive at whoever has the server connection by then',
    fix: 'a connection of its own, in session mode, for LISTEN',
  },
  sequence: { message: 'currval and lastval tell what another client did', fix: 'INSERT … RETURNING' },
  session_user: { message: 'SET SESSION AUTHORIZATION stays behind for others', fix: null },
};

/** Who did it. */
export interface Observed {
  readonly endpoint: string;
  readonly application: string;
}

/** See the head of this file. Bounded: the longest unseen is forgotten. */
export class Observations {
  #rows = new Map<string, ObservationRow>();
  #sorted: ObservationRow[] | null = null;

  /** What is in `now` and was not in `before`, and what pins. */
  note(who: Observed, before: CarriedState, now: CarriedState, pins: readonly StatePin[], statement: string | null): void {
    for (const pin of pins) this.#add(who, pin.code, pin.reason, statement);
    if (now.role !== before.role) this.#add(who, 'role', null, statement);
    if (differs(before.settings, now.settings)) this.#add(who, 'setting', null, statement);
    if (differs(before.custom, now.custom)) this.#add(who, 'custom_setting', null, statement);
    if (now.statements.length > before.statements.length) this.#add(who, 'prepared_statement', null, statement);
  }

  clear(): void {
    this.#rows = new Map();
    this.#sorted = null;
  }

  /** Newest first. The same list as before when nothing has changed. */
  rows(): readonly ObservationRow[] {
    this.#sorted ??= [...this.#rows.values()].toSorted((a, b) => b.lastAt - a.lastAt);
    return this.#sorted;
  }

  #add({ endpoint, application }: Observed, code: string, reason: string | null, statement: string | null): void {
    const text = statement ?? '(not known)';
    const key = JSON.stringify([endpoint, application, code, text]);
    const known = this.#rows.get(key);
    const now = Date.now();
    const { message, fix } = ADVICE[code] ?? { message: reason ?? code, fix: null };
    this.#rows.delete(key);
    this.#rows.set(key, {
      endpoint,
      application,
      code,
      message,
      fix,
      statement: text,
      count: (known?.count ?? 0) + 1,
      firstAt: known?.firstAt ?? now,
      lastAt: now,
    });
    if (this.#rows.size > KEPT) this.#rows.delete(this.#rows.keys().next().value ?? '');
    this.#sorted = null;
  }
}

function differs(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): boolean {
  return [...now].some(([name, value]) => before.get(name) !== value);
}
