/**
 * A fingerprint of a session's state: a second look at it that is cheaper than a capture and tells whether it is still what it was
 * (postgres-session-state.md section 3.2). It does not see what temporary tables contain, where cursors stand, and what sequences gave.
 */
import { Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import { readDataRow, type Message } from '../wire/message-reader.ts';
import { CaptureFailure, guardedBatch, PRINT, runNamed, TEXT_ARRAY, type Batch } from './capture.ts';
import { quoteIdentifier, textArray } from './queries.ts';

/** The query, for a capture's batch (`captureFrames`, `besides`); `customNames` in an order that stays; `dblinkSchema` as there. */
export function fingerprintQuery(customNames: readonly string[], dblinkSchema: string | null): Buffer[] {
  const links = dblinkSchema === null ? 'NULL' : `${quoteIdentifier(dblinkSchema)}.dblink_get_connections()`;
  const sql = FINGERPRINT.replace('{{DBLINK}}', () => `pg_catalog.array_to_string(${links}::pg_catalog.text[],',')`);
  return runNamed(PRINT, sql, [TEXT_ARRAY], [textArray(customNames)]);
}

/** The fingerprint alone; `unnamed`: and whether the unnamed statement exists. */
export function fingerprintFrames(
  serverVersion: number,
  customNames: readonly string[],
  unnamed: boolean,
  dblinkSchema: string | null,
): Batch {
  return guardedBatch(serverVersion, fingerprintQuery(customNames, dblinkSchema), unnamed);
}

/** Reads it from the answer to either; equal texts: equal states. Throws `CaptureFailure`. */
export function readFingerprint(messages: readonly Message[]): string {
  const error = messages.find((message) => message.type === Server.ErrorResponse);
  if (error !== undefined) throw new CaptureFailure(readErrorFields(error.body));
  const rows = messages.filter((message) => message.type === Server.DataRow).map((message) => readDataRow(message.body));
  const guard = rows[0];
  const hash = rows.at(-1)?.[0];
  if (rows.length < 2 || guard === undefined || hash === undefined || hash === null)
    throw new Error('the fingerprint came back incomplete');
  // Of what the guard overrides the fingerprint shows the override: the values before it stand in the guard's even columns.
  const guarded = guard.filter((_, index) => index % 2 === 0).map((value) => value?.toString('latin1') ?? '');
  return JSON.stringify([...guarded, hash.toString('latin1')]);
}

const FINGERPRINT = `SELECT pg_catalog.md5(pg_catalog.concat_ws('|',session_user,current_user,pg_catalog.current_setting('role'),
(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('=',s.name,s.setting,s.source),',') FROM pg_catalog.pg_settings s WHERE s.source OPERATOR(pg_catalog.=) ANY ('{session,client}'::pg_catalog.text[])),
(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('=',n,pg_catalog.current_setting(n,true)),',') FROM pg_catalog.unnest($1::pg_catalog.text[]) n),
(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('=',p.name,p.prepare_time),',' ORDER BY p.name) FROM pg_catalog.pg_prepared_statements p WHERE NOT pg_catalog.starts_with(p.name,'_swy_')),
(SELECT pg_catalog.string_agg(c,',' ORDER BY c) FROM pg_catalog.pg_listening_channels() c),
(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('=',c.name,c.creation_time),',') FROM pg_catalog.pg_cursors c WHERE c.is_holdable),
(SELECT pg_catalog.string_agg(pg_catalog.concat_ws('=',l.classid,l.objid,l.objsubid,l.mode),',' ORDER BY l.classid,l.objid,l.objsubid,l.mode) FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()),
{{DBLINK}},
(SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots r WHERE r.temporary AND r.active_pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()),
(SELECT pg_catalog.count(*) FROM pg_catalog.pg_depend d WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())))`;
