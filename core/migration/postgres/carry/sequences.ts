/**
 * What `currval` and `lastval` say (section 9.4): probed on the old server, and set on the target by a use of the sequence that is rolled
 * back, so that nobody else's numbers change. That takes the owner of the sequence; of others it is only said that they are not carried.
 */
import type { Finding } from '../../../contract/index.ts';
import { quoteIdentifier } from '../../../state/queries.ts';
import { warn } from '../../dialect.ts';
import { StepFailure, type OwnSql, type RunOptions } from './own-sql.ts';

const LOCK_NOT_AVAILABLE = '55P03';
const LOCK_MS = 100;
/** More are not carried. */
const MOST_SEQUENCES = 200;

// Reports only what was defined in this session; an error that is caught is not logged.
const PROBE = `DO $swy$ DECLARE r pg_catalog.record; lv pg_catalog.int8; v pg_catalog.int8; j pg_catalog.text := ''; BEGIN
 BEGIN lv := pg_catalog.lastval(); EXCEPTION WHEN OTHERS THEN NULL; END;
 FOR r IN SELECT s.seqrelid::pg_catalog.oid AS o FROM pg_catalog.pg_sequence s LOOP
  BEGIN v := pg_catalog.currval(r.o::pg_catalog.regclass);
   j := j OPERATOR(pg_catalog.||) pg_catalog.format('%s=%s,', r.o, v); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP;
 RAISE INFO 'swy lastval=% seqs=%', lv, j; END $swy$`;

const NAMES = `SELECT c.oid,n.nspname,c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])`;

/** The last value that the session had from a sequence. */
export interface SequenceValue {
  /** Qualified and quoted; of a temporary one with the schema's alias. */
  readonly name: string;
  readonly value: string;
  /** The one that `lastval` tells of, as far as that can be told. */
  readonly isLast: boolean;
}

/** What was found: sequences in the order in which they are to be used again. */
export async function readSequences(own: OwnSql, options: RunOptions): Promise<SequenceValue[]> {
  const { infos } = await own.run([{ label: 'the last values of its sequences', sql: PROBE }], options);
  const found = /^swy lastval=(\S+) seqs=(\S*)$/.exec(infos.at(-1) ?? '');
  const last = found?.[1] ?? '';
  const values = (found?.[2] ?? '').split(',').filter((entry) => entry !== '');
  if (values.length === 0) return [];
  const byOid = new Map(values.map((entry) => entry.split('=') as [string, string]));
  const { rows } = await own.one({ label: 'its sequences', sql: NAMES, parameters: [`{${[...byOid.keys()].join(',')}}`] }, options);
  const sequences = rows.map(([oid, schema, name]) => {
    const value = byOid.get(oid ?? '') ?? '';
    const isTemporary = (schema ?? '').startsWith('pg_temp_');
    const qualified = `${isTemporary ? 'pg_temp' : quoteIdentifier(schema ?? '')}.${quoteIdentifier(name ?? '')}`;
    return { name: qualified, value, isLast: value === last };
  });
  return sequences.toSorted((a, b) => Number(a.isLast) - Number(b.isLast));
}

/** Sets them on the target. Rejects when one is in use there; what cannot be carried otherwise is a finding. */
export async function setSequences(own: OwnSql, sequences: readonly SequenceValue[], options: RunOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [index, { name, value }] of sequences.entries()) {
    const label = `the last value of the sequence ${name}`;
    if (index >= MOST_SEQUENCES) {
      findings.push(warn('sequence', `${label} was not carried: ${MOST_SEQUENCES} at most are`));
      continue;
    }
    try {
      // Each in a transaction of its own: `SET TRANSACTION` for a target where they are read only by default.
      await own.run(
        [
          { label, sql: 'BEGIN READ WRITE' },
          { label, sql: `ALTER SEQUENCE ${name} RESTART WITH ${value}` },
          { label, sql: `SELECT pg_catalog.nextval('${name.replaceAll("'", "''")}'::pg_catalog.regclass)` },
          { label, sql: 'ROLLBACK' },
        ],
        { ...options, lockMs: LOCK_MS, rollsBack: true },
      );
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      if (error.fields.sqlState === LOCK_NOT_AVAILABLE) throw error;
      findings.push(warn('sequence', `${label} was not carried: ${error.fields.message}`, 'Only the owner of a sequence can set it.'));
    }
  }
  return findings;
}
