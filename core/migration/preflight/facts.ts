/** Facts about a server, database and role, read on a connection of the proxy's own (postgres-session-state.md section 10). */
import * as z from 'zod';
import type { ServerConnection } from '../../backend/server-connection.ts';
import { serverVersionOf } from '../../state/capture.ts';
import { factsSql } from './queries.ts';
import { ask } from './ask.ts';

/** Oldest version that was measured. */
const OLDEST = 140000;

const factsSchema = z
  .object({
    pid: z.number().int(),
    vnum: z.number().int(),
    sysid: z.string(),
    started: z.string(),
    recovery: z.boolean(),
    ro: z.string(),
    /** encoding, collate, ctype, provider, locale, collation version, connection limit, login event trigger */
    db: z.tuple([
      z.string(),
      z.string().nullable(),
      z.string().nullable(),
      z.string(),
      z.string().nullable(),
      z.string().nullable(),
      z.number(),
      z.boolean(),
    ]),
    /** superuser, bypass RLS, connection limit, memberships */
    role: z.tuple([z.boolean(), z.boolean(), z.number(), z.array(z.string()).nullable()]).nullable(),
    /** max_connections, of these for superusers only, in use, in use by this database, by this role; ours included */
    slots: z.tuple([z.number(), z.number(), z.number().nullable(), z.number().nullable(), z.number().nullable()]),
    ext: z.record(z.string(), z.tuple([z.string().nullable(), z.string()])).nullable(),
    xacts: z.number(),
    /** name, value, source, context */
    gucs: z.array(z.tuple([z.string(), z.string().nullable(), z.string(), z.string()])),
    given: z.record(z.string(), z.string()).nullable(),
  })
  .transform(({ db, role, slots, ...raw }) => ({
    pid: raw.pid,
    version: raw.vnum,
    systemId: raw.sysid,
    startedAt: raw.started,
    inRecovery: raw.recovery,
    readOnly: raw.ro === 'on',
    locale: { encoding: db[0], collate: db[1], ctype: db[2], provider: db[3], name: db[4], version: db[5] },
    hasLoginTrigger: db[7],
    role: role === null ? null : { superuser: role[0], bypassesRls: role[1], memberships: role[3] ?? [] },
    freeSlots: freeSlots(slots, db[6], role?.[2] ?? -1, role?.[0] ?? false),
    maxConnections: slots[0],
    /** Version and schema of each. */
    extensions: new Map(Object.entries(raw.ext ?? {}).map(([name, [version, schema]]) => [name, { version: version ?? '', schema }])),
    preparedTransactions: raw.xacts,
    /** Those that a session may set. Values in base units, as `set_config` takes them. */
    settings: new Map(raw.gucs.map(([name, value, source, context]) => [name, { value: value ?? '', source, context }])),
    /** Custom settings that the role or the database is given. */
    customSettings: new Map(Object.entries(raw.given ?? {})),
  }));

/** See the head of this file. */
export type ServerFacts = z.output<typeof factsSchema> & {
  /** The process that answered is not the one that greeted: a pooler stands in between. */
  readonly isPooled: boolean;
};

/** How many more connections this role can open to this database once ours is closed. */
function freeSlots(
  [max, reserved, used, ofDatabase, ofRole]: readonly [number, number, number | null, number | null, number | null],
  databaseLimit: number,
  roleLimit: number,
  isSuperuser: boolean,
): number {
  const limits = [max - (isSuperuser ? 0 : reserved) - (used ?? 0)];
  if (!isSuperuser && databaseLimit >= 0) limits.push(databaseLimit - (ofDatabase ?? 0));
  if (!isSuperuser && roleLimit >= 0) limits.push(roleLimit - (ofRole ?? 0));
  return Math.min(...limits) + 1;
}

/** Reads the facts; rejects with an error whose message says what the server refused. */
export async function readFacts(server: ServerConnection, deadlineMs: number): Promise<ServerFacts> {
  const version = serverVersionOf(server);
  if (version < OLDEST)
    throw new Error(
      `PostgreSQL ${server.parameters.get('server_version') ?? '?'} is too old: sessions move between PostgreSQL 14 and later`,
    );
  const [json] = (await ask(server, factsSql(version), deadlineMs))[0] ?? [];
  const facts = factsSchema.parse(JSON.parse(json ?? 'null'));
  return { ...facts, isPooled: facts.pid !== server.pid };
}

/** The major version, e.g. 18. */
export function majorOf(facts: ServerFacts): number {
  return Math.floor(facts.version / 10_000);
}

/** The same running server: started at the same moment, so neither a standby nor a clone. */
export function isSameServer(a: ServerFacts, b: ServerFacts): boolean {
  return a.systemId === b.systemId && a.startedAt === b.startedAt;
}
