/**
 * Facts about a server, database and role, read on a connection of the proxy's own, and what they say about moving sessions
 * between two of them (postgres-session-state.md section 10).
 */
import * as z from 'zod';
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { readDataRow } from '../../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../../wire/messages.ts';
import { block, warn } from '../dialect.ts';
import { serverVersionOf } from '../../state/capture.ts';
import { factsSql } from '../../state/queries.ts';

const factsSchema = z.object({
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
  slots: z.tuple([z.number(), z.number().nullable()]),
  ext: z.record(z.string(), z.tuple([z.string().nullable(), z.string()])).nullable(),
  xacts: z.number(),
  gucs: z.array(z.string()),
});

/** See the head of this file. */
export type ServerFacts = z.infer<typeof factsSchema>;

/** Oldest version that was measured. */
const OLDEST = 140000;

/** Reads the facts; rejects with an error whose message says what the server refused. */
export async function readFacts(server: ServerConnection, deadlineMs: number): Promise<ServerFacts> {
  if (server.parameters.has('crdb_version')) throw new Error('this is a CockroachDB server; its sessions cannot be moved yet');
  const version = serverVersionOf(server);
  if (version < OLDEST)
    throw new Error(
      `PostgreSQL ${server.parameters.get('server_version') ?? '?'} is too old: sessions move between PostgreSQL 14 and later`,
    );
  const frames = Buffer.concat([parse('', factsSql(version)), bind('', ''), execute(''), syncMessage]);
  const messages = await server.exchange(frames, 1, { deadlineMs }).answer;
  const error = messages.find((message) => message.type === Server.ErrorResponse);
  if (error !== undefined) throw new Error(`the server refused the preflight: ${readErrorFields(error.body).message}`);
  const row = messages.find((message) => message.type === Server.DataRow);
  const json = row === undefined ? undefined : readDataRow(row.body)[0];
  return factsSchema.parse(JSON.parse(json?.toString('utf8') ?? 'null'));
}

/** What speaks against moving sessions from one to the other, and what should be known. */
export function compareFacts(from: ServerFacts, to: ServerFacts, options: { allowOlderServer: boolean }): Finding[] {
  const findings: Finding[] = [];
  const major = (facts: ServerFacts): number => Math.floor(facts.vnum / 10_000);
  if (major(to) < major(from)) {
    const message = `the target is an older server (${major(to)}, the session is on ${major(from)})`;
    findings.push(
      options.allowOlderServer
        ? warn('older_server', message)
        : block('older_server', message, 'Start with --allow-older-server to move to older servers all the same.'),
    );
  } else if (major(to) > major(from)) {
    findings.push(warn('newer_server', `the target is a newer server (${major(to)}, the session is on ${major(from)})`));
  }
  if (to.recovery && !from.recovery)
    findings.push(block('standby', 'the target is a standby: it takes no writes', 'Promote it, or move to another server.'));
  else if (to.ro === 'on' && from.ro !== 'on') findings.push(block('read_only', 'transactions on the target are read only by default'));
  const properties = ['encoding', 'collation', 'character classification', 'locale provider', 'ICU locale'] as const;
  for (const [index, name] of properties.entries()) {
    if (from.db[index] === to.db[index]) continue;
    findings.push(
      block(
        'locale',
        `the database's ${name} differs: ${from.db[index] ?? 'none'} here, ${to.db[index] ?? 'none'} there`,
        'Text would sort or convert differently under the client.',
      ),
    );
  }
  if (from.db[5] !== to.db[5])
    findings.push(warn('collation_version', `the collation version differs: ${from.db[5] ?? 'none'} here, ${to.db[5] ?? 'none'} there`));
  const free = to.slots[0] - (to.slots[1] ?? 0);
  if (free < 1) findings.push(block('no_slots', `the target has no connection left (max_connections is ${to.slots[0]})`));
  if (from.role !== null && to.role !== null && (from.role[0] !== to.role[0] || from.role[1] !== to.role[1])) {
    findings.push(warn('role_attributes', 'the role is superuser or bypasses row security on one of the servers only'));
  }
  const missing = Object.keys(from.ext ?? {}).filter((name) => to.ext?.[name] === undefined);
  if (missing.length > 0) findings.push(warn('extensions', `the target lacks extensions: ${missing.join(', ')}`));
  if (from.xacts > 0)
    findings.push(warn('prepared_transactions', `the role has ${from.xacts} prepared transactions, which stay on the old server`));
  return findings;
}
