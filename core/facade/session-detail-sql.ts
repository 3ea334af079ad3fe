/** What a session's own server connection is asked for `session.detail`, and how its answer is read. Everything is qualified, as in `queries.ts`. */
import * as z from 'zod';
import type { DetailSetting } from '../contract/index.ts';
import { runNamed, TEXT_ARRAY } from '../state/capture.ts';
import { settingKey, textArray } from '../state/queries.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import { readDataRow, type Message } from '../wire/message-reader.ts';
import { syncMessage } from '../wire/messages.ts';

/** Names of the statements that the question is put with. */
export const DETAIL_NAMES: readonly string[] = ['_swy_detail_guard', '_swy_detail'];
/** How much of a statement is read where its text is not wanted: enough for its first keyword. */
const BEGINNING = 400;
/** And where it is. */
const WHOLE = 65_536;

/** A transaction that may only be short must not end with the session in it; what it was is in the answer. */
const GUARDED = 'transaction_timeout';
const GUARD = `SELECT pg_catalog.current_setting('${GUARDED}'), pg_catalog.set_config('${GUARDED}','0',true)`;
const NO_GUARD = 'SELECT NULL::pg_catalog.text';

const QUESTION = `SELECT pg_catalog.convert_to(pg_catalog.json_build_object('enc',pg_catalog.getdatabaseencoding(),
'gucs',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.name,s.setting,s.unit,s.source,s.reset_val,s.boot_val) ORDER BY s.name)
  FROM pg_catalog.pg_show_all_settings() s
  WHERE s.source OPERATOR(pg_catalog.=) ANY ('{session,client,user,database,database user}'::pg_catalog.text[])),
'guarded',(SELECT pg_catalog.json_build_array(s.reset_val,s.boot_val) FROM pg_catalog.pg_show_all_settings() s
  WHERE s.name OPERATOR(pg_catalog.=) '${GUARDED}'::pg_catalog.text),
'custom',(SELECT pg_catalog.json_object_agg(n,pg_catalog.current_setting(n,true)) FROM pg_catalog.unnest($1::pg_catalog.text[]) n
  WHERE pg_catalog.current_setting(n,true) IS NOT NULL),
'ps',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.name,pg_catalog.left(p.statement,{{READ}}),
    pg_catalog.octet_length(p.statement),p.from_sql,pg_catalog.cardinality(p.parameter_types),
    (pg_catalog.date_part('epoch',p.prepare_time) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8) ORDER BY p.prepare_time,p.name)
  FROM pg_catalog.pg_prepared_statement() p WHERE NOT pg_catalog.starts_with(p.name,'_swy_'))
)::pg_catalog.text, CASE pg_catalog.getdatabaseencoding()::pg_catalog.text WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)`;

const schema = z.object({
  gucs: z
    .array(z.tuple([z.string(), z.string().nullable(), z.string().nullable(), z.string(), z.string().nullable(), z.string().nullable()]))
    .nullable(),
  guarded: z.tuple([z.string().nullable(), z.string().nullable()]).nullable(),
  custom: z.record(z.string(), z.string()).nullable(),
  ps: z.array(z.tuple([z.string(), z.string(), z.number(), z.boolean(), z.number(), z.number()])).nullable(),
});

/** A statement as the server lists it. */
export interface ListedStatement {
  readonly name: string;
  /** Its beginning, or the most of it, as it was asked for. */
  readonly text: string;
  readonly bytes: number;
  readonly fromSql: boolean;
  readonly parameters: number;
  readonly preparedAt: number;
}

/** What a server answered. */
export interface DetailAnswer {
  readonly settings: readonly DetailSetting[];
  readonly statements: readonly ListedStatement[];
}

/** The messages of the question, answered by one ReadyForQuery. `serverVersion`: major times 10,000; `customNames`: candidates. */
export function detailFrames(serverVersion: number, customNames: Iterable<string>, wantsTexts: boolean): Buffer {
  const [guard = '', question = ''] = DETAIL_NAMES;
  const names = [...new Set([...customNames].map(settingKey))];
  return Buffer.concat([
    ...runNamed(guard, serverVersion >= 170_000 ? GUARD : NO_GUARD, [], []),
    ...runNamed(question, QUESTION.replace('{{READ}}', String(wantsTexts ? WHOLE : BEGINNING)), [TEXT_ARRAY], [textArray(names)]),
    syncMessage,
  ]);
}

/** Reads the answer; throws `Error` with what the server refused. */
export function readDetail(messages: readonly Message[]): DetailAnswer {
  const error = messages.find(({ type }) => type === Server.ErrorResponse);
  if (error !== undefined) throw new Error(readErrorFields(error.body).message);
  const rows = messages.filter(({ type }) => type === Server.DataRow).map(({ body }) => readDataRow(body));
  const guarded = rows[0]?.[0]?.toString('latin1') ?? null;
  const json = rows[1]?.[0];
  if (json === undefined || json === null) throw new Error('its answer was incomplete');
  const raw = schema.parse(JSON.parse(json.toString(json.includes('"enc" : "SQL_ASCII"') ? 'latin1' : 'utf8')));
  const settings: DetailSetting[] = [];
  for (const [name, value, unit, source, reset, boot] of raw.gucs ?? []) {
    const from = SOURCES[source];
    if (from === undefined || name === GUARDED) continue;
    const standard = from === 'session' ? reset : boot;
    if (value !== standard) settings.push({ name, value, unit, standard, from });
  }
  if (guarded !== null && raw.guarded !== null) settings.push(...guardedSetting(guarded, raw.guarded));
  for (const [name, value] of Object.entries(raw.custom ?? {})) {
    // One that a library has defined is in the list as well.
    if (!settings.some((setting) => settingKey(setting.name) === name))
      settings.push({ name, value, unit: null, standard: null, from: 'session' });
  }
  const statements = (raw.ps ?? []).map(([name, text, bytes, fromSql, parameters, preparedAt]) => ({
    name,
    text,
    bytes,
    fromSql,
    parameters,
    preparedAt,
  }));
  return { settings: settings.toSorted((a, b) => (a.name < b.name ? -1 : 1)), statements };
}

const SOURCES: Readonly<Record<string, DetailSetting['from']>> = {
  session: 'session',
  client: 'client',
  user: 'user',
  database: 'database',
  'database user': 'database user',
};

/** `shown` as SHOW has it. Where it is what RESET gives, who set it is not known: the question has hidden it. */
function guardedSetting(shown: string, [reset, boot]: readonly [string | null, string | null]): DetailSetting[] {
  const value = String(milliseconds(shown));
  const base = { name: GUARDED, value, unit: 'ms' };
  if (value !== reset) return [{ ...base, standard: reset, from: 'session' }];
  return value === boot ? [] : [{ ...base, standard: boot, from: 'reported' }];
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(shown: string): number {
  const [, number = '0', unit = 'ms'] = /^(\d+)\s*([a-z]+)?$/.exec(shown) ?? [];
  return Math.round(Number(number) * (UNITS[unit] ?? 1));
}
