/** Session advisory locks: which are held, how often each, and how they are taken on a server of another cluster (section 9.1). */
import { block, Refusal } from '../../dialect.ts';
import type { OwnSql, RunOptions, Step } from './own-sql.ts';

/** More are not carried: every one is unlocked and locked again to be counted. */
const MOST_LOCKS = 1_000;

/** One lock of one mode. */
export interface AdvisoryLock {
  /** Its key, as arguments: `42` or `1,-2`. */
  readonly key: string;
  readonly shared: boolean;
  /** Times it is held; as often it has to be unlocked. */
  readonly holds: number;
}

const LIST = `SELECT l.classid::pg_catalog.int8,l.objid::pg_catalog.int8,l.objsubid,l.mode FROM pg_catalog.pg_locks l
WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
ORDER BY 1,2,3,4`;

/** A name for people: `ExclusiveLock on 42`. */
export function lockName({ key, shared }: Pick<AdvisoryLock, 'key' | 'shared'>): string {
  return `${shared ? 'ShareLock' : 'ExclusiveLock'} on ${key.includes(',') ? `(${key.replace(',', ', ')})` : key}`;
}

/** A lock function's call: `pg_advisory_unlock_shared(1,-2)`. */
export function lockCall(name: string, { key, shared }: Pick<AdvisoryLock, 'key' | 'shared'>): string {
  const type = key.includes(',') ? 'pg_catalog.int4' : 'pg_catalog.int8';
  const keys = key.split(',').map((part) => `'${part}'::${type}`);
  return `pg_catalog.${name}${shared ? '_shared' : ''}(${keys.join(',')})`;
}

/**
 * Reads the session's locks. No catalog tells how often one is held: it is unlocked until that fails and locked again as often, while the
 * transaction holds it too, so that nobody else gets in between. Changes nothing.
 */
export async function readLocks(own: OwnSql, options: RunOptions): Promise<AdvisoryLock[]> {
  const locks = (await own.one({ label: 'its advisory locks', sql: LIST }, options)).rows.map(readRow);
  if (locks.length === 0) return [];
  if (locks.length > MOST_LOCKS) {
    throw new Refusal([block('advisory_lock', `it holds ${locks.length} advisory locks; ${MOST_LOCKS} at most are carried`)]);
  }
  // Not to be cancelled: in the middle of it the locks are held by the transaction only.
  const { infos } = await own.run([{ label: 'counting its advisory locks', sql: countSql(locks) }], { ...options, cancels: false });
  const counts = (infos.at(-1)?.split(' ').slice(2) ?? []).map(Number);
  if (counts.length !== locks.length || counts.some((count) => !(count > 0))) throw new Error('its advisory locks could not be counted');
  return locks.map((lock, index) => ({ ...lock, holds: counts[index] ?? 0 }));
}

/** `objsubid` 1: one bigint key; 2: two integers (pg_locks). */
function readRow([classId, objectId, subId, mode]: readonly (string | null)[]): Omit<AdvisoryLock, 'holds'> {
  const [high, low] = [Number(classId), Number(objectId)];
  const key = subId === '1' ? BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)).toString() : `${high | 0},${low | 0}`;
  return { key, shared: mode === 'ShareLock' };
}

function countSql(locks: readonly Omit<AdvisoryLock, 'holds'>[]): string {
  // Should it be cancelled all the same, what has been unlocked is locked again.
  const each = locks.map(
    (lock) => `n := 0; m := 0; PERFORM ${lockCall('pg_advisory_xact_lock', lock)};
 BEGIN
  WHILE ${lockCall('pg_advisory_unlock', lock)} LOOP n := n OPERATOR(pg_catalog.+) 1; END LOOP;
  WHILE m OPERATOR(pg_catalog.<) n LOOP PERFORM ${lockCall('pg_advisory_lock', lock)}; m := m OPERATOR(pg_catalog.+) 1; END LOOP;
 EXCEPTION WHEN OTHERS OR query_canceled THEN
  WHILE m OPERATOR(pg_catalog.<) n LOOP PERFORM ${lockCall('pg_advisory_lock', lock)}; m := m OPERATOR(pg_catalog.+) 1; END LOOP;
  RAISE;
 END;
 held := pg_catalog.concat_ws(' ',held,n);`,
  );
  return `DO $swy$ DECLARE n pg_catalog.int4; m pg_catalog.int4; held pg_catalog.text; BEGIN ${each.join('\n')}
 RAISE INFO 'swy held %', held; END $swy$`;
}

/** Takes locks without waiting. Throws `Refusal` naming the first that somebody else has. */
export async function takeLocks(own: OwnSql, locks: readonly AdvisoryLock[], options: RunOptions): Promise<void> {
  if (locks.length === 0) return;
  const { results } = await own.run(
    locks.map((lock) => takeStep(lock, 'pg_try_advisory_lock')),
    options,
  );
  const taken = locks.findIndex((_, index) => results[index]?.rows[0]?.[0] !== 't');
  const lock = locks[taken];
  if (lock !== undefined) {
    throw new Refusal([
      block(
        'advisory_lock',
        `somebody else holds its advisory lock on the target: ${lockName(lock)}`,
        'It can move once that is unlocked.',
      ),
    ]);
  }
}

/** Calls a lock function as often as the lock is held; one row, true if each call was. */
export function takeStep(lock: AdvisoryLock, name: 'pg_try_advisory_lock' | 'pg_advisory_unlock'): Step {
  const sql = `SELECT pg_catalog.bool_and(${lockCall(name, lock)}) FROM pg_catalog.generate_series(1,${lock.holds})`;
  return { label: `the advisory lock ${lockName(lock)}`, sql };
}

/** Waits for a lock and takes it as often as it was held. */
export function waitStep(lock: AdvisoryLock): Step {
  const sql = `SELECT pg_catalog.count(${lockCall('pg_advisory_lock', lock)}) FROM pg_catalog.generate_series(1,${lock.holds})`;
  return { label: `the advisory lock ${lockName(lock)}`, sql };
}
