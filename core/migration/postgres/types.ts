/**
 * Types whose OIDs differ between servers: the same OID must name the same type on the target, or drivers and Parse messages would mean
 * another one (postgres-session-state.md section 7).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import { FIRST_UNSTABLE_OID } from '../../session/journal.ts';
import { runNamed } from '../../state/capture.ts';
import type { UnstableType } from '../../state/state.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { readDataRow, type Message } from '../../wire/message-reader.ts';
import { syncMessage } from '../../wire/messages.ts';
import { block } from '../dialect.ts';
import { isError, type StatementShapes } from './describe.ts';

/** The statement that asks, while it is there. */
export const TYPES_STATEMENT = '_swy_types';
const INT8_ARRAY = 1016;
/** OID, schema, name and kind of each, one row each: as the capture has them. Everything is qualified: the client's search_path holds. */
const TYPES = `SELECT pg_catalog.int8send(t.oid::pg_catalog.int8), pg_catalog.convert_to(
pg_catalog.concat(n.nspname,'.',t.typname,'/',t.typtype), CASE pg_catalog.getdatabaseencoding()::pg_catalog.text WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[])`;

/** Asks for the names of types; `readTypes` reads the answer. */
export function typesFrames(oids: readonly number[]): Buffer {
  return Buffer.concat([...runNamed(TYPES_STATEMENT, TYPES, [INT8_ARRAY], [`{${oids.join(',')}}`]), syncMessage]);
}

/** The names of types on a server; those it does not have are missing. Throws with what the server refused. */
export function readTypes(messages: readonly Message[], textEncoding: 'utf8' | 'latin1'): UnstableType[] {
  const error = messages.find(({ type }) => type === Server.ErrorResponse);
  if (error !== undefined) throw new Error(`the server refused to name its types: ${readErrorFields(error.body).message}`);
  return messages
    .filter(({ type }) => type === Server.DataRow)
    .map(({ body }) => {
      const [oid, name] = readDataRow(body);
      return { oid: Number(oid?.readBigInt64BE() ?? 0n), name: name?.toString(textEncoding) ?? '' };
    });
}

/** The same on a connection of the proxy's own. Rejects as an exchange does, and with what the server refused. */
export async function typesOn(
  server: ServerConnection,
  oids: readonly number[],
  textEncoding: 'utf8' | 'latin1',
  deadlineMs: number,
): Promise<UnstableType[]> {
  return oids.length === 0 ? [] : readTypes(await server.exchange(typesFrames(oids), 1, { deadlineMs }).answer, textEncoding);
}

/** OIDs in descriptions of statements that may name another type elsewhere. */
export function unstableTypesIn(shapes: StatementShapes): number[] {
  const oids = new Set<number>();
  for (const shape of shapes.values()) {
    if (isError(shape)) continue;
    for (const oid of [...shape.parameters, ...(shape.columns ?? []).map(({ type }) => type)]) if (oid >= FIRST_UNSTABLE_OID) oids.add(oid);
  }
  return [...oids];
}

/** What forbids the move when types in use on the old server are others on the target; null: nothing. */
export function typeBlocker(here: readonly UnstableType[], there: readonly UnstableType[]): Finding | null {
  const found = new Map(there.map(({ oid, name }) => [oid, name]));
  const differing = here.filter(({ oid, name }) => found.get(oid) !== name);
  if (differing.length === 0) return null;
  const plain = (name: string): string => name.replace(/\/.$/, '');
  const names = differing.map(({ oid, name }) => `${plain(name)} (${oid} here, ${plain(found.get(oid) ?? 'nothing')} there)`);
  return block(
    'type_oid',
    `types in use have other OIDs on the target: ${names.join(', ')}`,
    'Servers copied physically (base backup, pg_upgrade) keep their OIDs; a dump and restore does not.',
  );
}
