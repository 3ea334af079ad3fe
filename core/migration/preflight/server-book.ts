/** What is known of servers and databases: asked on connections of the proxy's own, and believed for a short while. */
import { credentialKey } from '../../backend/credential.ts';
import { dial, type Login } from '../../backend/dial.ts';
import type { PasswordFile } from '../../backend/passfile.ts';
import { tlsKey } from '../../tls/backend-tls.ts';
import { readCockroachFacts, type CockroachFacts } from '../cockroach/facts.ts';
import { readFacts, type ServerFacts } from './facts.ts';
import { readShape, type DatabaseShape } from './shape.ts';

/** What there is to know of a PostgreSQL server: facts, as a role sees them, and the shape of the database; null: it would not tell. */
export interface KnownPostgres {
  readonly kind: 'postgres';
  readonly facts: ServerFacts;
  readonly shape: DatabaseShape | null;
}

/** A CockroachDB server makes the state of its sessions itself, and checks it: nothing more has to be known. */
export type KnownServer = KnownPostgres | ({ readonly kind: 'cockroach' } & CockroachFacts);

const FACTS_KEPT_MS = 15_000;
/** Of a server that is nearly full: that may be over in a moment. */
const SCARCE_KEPT_MS = 1_000;
const SCARCE_SLOTS = 10;
/** Reading a shape costs up to 150 ms for 20,000 columns. */
const SHAPE_KEPT_MS = 60_000;
const DEADLINE_MS = 5_000;
/** Startup parameters of the proxy's own connections; never a client's (pooling.md 3.2, CVE-2025-12819). */
export const OWN_STARTUP: ReadonlyMap<string, string> = new Map([
  ['application_name', 'switchyard'],
  ['client_encoding', 'UTF8'],
]);

interface Kept<T> {
  readonly until: number;
  readonly value: Promise<T>;
}

/** See the head of this file. */
export class ServerBook {
  readonly #passwordFile: PasswordFile | null;
  readonly #known = new Map<string, Kept<KnownServer>>();
  readonly #shapes = new Map<string, Kept<DatabaseShape | null>>();

  constructor(passwordFile: PasswordFile | null) {
    this.#passwordFile = passwordFile;
  }

  /** Rejects with `DialFailure`, and with what the server refused. */
  look(login: Login): Promise<KnownServer> {
    const now = Date.now();
    const database = JSON.stringify([login.backend.id, login.database]);
    const key = JSON.stringify([database, login.role, credentialKey(login.credential), tlsKey(login.tls)]);
    const known = this.#known.get(key);
    if (known !== undefined && now < known.until) return known.value;
    forgetOld(this.#known, now);
    forgetOld(this.#shapes, now);
    const value = this.#ask(login, database);
    this.#known.set(key, { until: now + FACTS_KEPT_MS, value });
    value.then(
      (server) => {
        if (server.kind === 'postgres' && server.facts.freeSlots < SCARCE_SLOTS)
          this.#known.set(key, { until: now + SCARCE_KEPT_MS, value });
      },
      () => this.#known.delete(key),
    );
    return value;
  }

  /** After a change of the map. */
  forget(): void {
    this.#known.clear();
    this.#shapes.clear();
  }

  async #ask(login: Login, database: string): Promise<KnownServer> {
    const connection = await dial({ ...login, startup: OWN_STARTUP }, { passwordFile: this.#passwordFile });
    try {
      if (connection.parameters.has('crdb_version')) return { kind: 'cockroach', ...(await readCockroachFacts(connection, DEADLINE_MS)) };
      const facts = await readFacts(connection, DEADLINE_MS);
      const known = this.#shapes.get(database);
      if (known !== undefined && Date.now() < known.until) return { kind: 'postgres', facts, shape: await known.value };
      const value = readShape(connection, DEADLINE_MS).catch(() => null);
      this.#shapes.set(database, { until: Date.now() + SHAPE_KEPT_MS, value });
      const shape = await value;
      if (shape === null) this.#shapes.delete(database);
      return { kind: 'postgres', facts, shape };
    } finally {
      connection.end();
    }
  }
}

function forgetOld(kept: Map<string, Kept<unknown>>, now: number): void {
  for (const [key, { until }] of kept) if (until <= now) kept.delete(key);
}
