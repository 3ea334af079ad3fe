/** Advisory locks that are carried: as often held as before, never anybody else's, and back where they were when it fails. */
import { describe, expect, test } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { PostgresCarrying } from '../../core/migration/postgres/carry/carry.ts';
import { installedMajors, useCluster } from '../support/cluster.ts';
import { captureNow, carryOver, connectBoth, everything, Hearer } from '../support/carry.ts';
import { connectServer, runSql } from '../support/state.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const sixteen = useCluster({ major: 16, name: 'a' });
const fifteen = useCluster({ major: 15, name: 'a' });
// 14 is not there for every platform.
const [oldest = 15] = installedMajors();
const eldest = useCluster({ major: oldest, name: 'a' });
const seventeen = useCluster({ major: 17, name: 'a' });

const LOCKS = `SELECT classid::int8, objid::int8, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() ORDER BY 1, 2, 3, 4`;

/** Unlocks until that fails, and says how often it did not. */
async function unlockAll(server: ServerConnection, call: string): Promise<number> {
  for (let count = 0; ; count++) if ((await runSql(server, `SELECT ${call}`))[0]?.[0] !== 't') return count;
}

const HELD: readonly (readonly [string, string, number])[] = [
  ['pg_advisory_lock(42)', 'pg_advisory_unlock(42)', 3],
  ['pg_advisory_lock(-1)', 'pg_advisory_unlock(-1)', 1],
  ['pg_advisory_lock(9223372036854775807)', 'pg_advisory_unlock(9223372036854775807)', 1],
  ['pg_advisory_lock(-9223372036854775808)', 'pg_advisory_unlock(-9223372036854775808)', 2],
  ['pg_advisory_lock(1, -2)', 'pg_advisory_unlock(1, -2)', 2],
  ['pg_advisory_lock_shared(-2147483648, 7)', 'pg_advisory_unlock_shared(-2147483648, 7)', 4],
  ['pg_advisory_lock_shared(43)', 'pg_advisory_unlock_shared(43)', 1],
  ['pg_advisory_lock_shared(42)', 'pg_advisory_unlock_shared(42)', 2],
];

async function lockAll(server: ServerConnection): Promise<void> {
  for (const [lock, , times] of HELD) for (let time = 0; time < times; time++) await runSql(server, `SELECT ${lock}`);
}

async function holds(server: ServerConnection): Promise<number[]> {
  const counts: number[] = [];
  for (const [, unlock] of HELD) counts.push(await unlockAll(server, unlock));
  return counts;
}

const EXPECTED = HELD.map(([, , times]) => times);

describe.each([
  ['18 to another 18', () => a().url(), () => b().url(), false],
  ['18 to 16', () => a().url(), () => sixteen().url(), false],
  ['15 to 18', () => fifteen().url(), () => a().url(), false],
  [`${oldest} to 17`, () => eldest().url(), () => seventeen().url(), false],
  ['one 17 to itself', () => seventeen().url(), () => seventeen().url(), true],
  ['one 18 to itself', () => a().url(), () => a().url(), true],
  ['one 16 to itself', () => sixteen().url(), () => sixteen().url(), true],
  ['one 15 to itself', () => fifteen().url(), () => fifteen().url(), true],
])('from %s', (_, from, to, isSame) => {
  test('keys of every kind are held as often as before', async () => {
    const { old, next } = await connectBoth(from(), to());
    await lockAll(old);
    const before = await runSql(old, LOCKS);
    const { what } = await carryOver(old, next, everything);
    expect(what).toMatch(/^8 advisory locks/);
    expect(await runSql(next, LOCKS)).toEqual(before);
    if (isSame) {
      // The shared ones may be held by both until the old connection is gone.
      for (const row of await runSql(old, LOCKS)) expect(row[3]).toBe('ShareLock');
    } else expect(await holds(old)).toEqual(EXPECTED);
    expect(await holds(next)).toEqual(EXPECTED);
  });

  test('counting gives them to nobody who waits', async () => {
    const { old, next } = await connectBoth(from(), to());
    const waiter = await connectServer(from());
    await lockAll(old);
    const watcher = await connectServer(from());
    const waiting = runSql(waiter, 'SELECT pg_advisory_lock(42)');
    waiting.catch(() => {});
    const waits = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    const waiters = (): Promise<string | null | undefined> => runSql(watcher, waits).then((rows) => rows[0]?.[0]);
    await expect.poll(waiters, { timeout: 20_000 }).toBe('1');
    const carried = carryOver(old, next, everything);
    if (isSame) await expect(carried).rejects.toThrow('others wait for its advisory lock, and would get it in a move: ExclusiveLock on 42');
    else await carried;
    await expect.poll(waiters, { timeout: 20_000 }).toBe('1');
    expect(await holds(old)).toEqual(EXPECTED);
    await waiting;
  });
});

test('a lock that somebody has on the target stays, by name, and the session as it was', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  const other = await connectServer(b().url());
  await runSql(other, 'SELECT pg_advisory_lock(1, 2)');
  await runSql(old, 'SELECT pg_advisory_lock(1, 2), pg_advisory_lock(1, 2)');
  await expect(carryOver(old, next, everything)).rejects.toThrow(
    'somebody else holds its advisory lock on the target: ExclusiveLock on (1, 2)',
  );
  expect(await unlockAll(old, 'pg_advisory_unlock(1, 2)')).toBe(2);
});

test('a target that dies after it was given the locks gives them back', async () => {
  const { old, next } = await connectBoth(a().url(), a().url());
  await lockAll(old);
  const carrying = new PostgresCarrying('locks', old, await captureNow(old), everything, 30_000);
  await carrying.collect(next);
  await carrying.beforeStatements(next);
  await carrying.afterStatements(next);
  await carrying.beforeSwap(next);
  const killer = await connectServer(a().url());
  await runSql(killer, `SELECT pg_terminate_backend(${next.pid}, 10000)`);
  await carrying.undo();
  expect(old.isOpen).toBe(true);
  expect(await holds(old)).toEqual(EXPECTED);
});

test('a lock that is gone to somebody else meanwhile ends the session, with the reason', async () => {
  const { old, next } = await connectBoth(a().url(), a().url());
  await runSql(old, 'SELECT pg_advisory_lock(77)');
  const hearer = new Hearer();
  old.setOwner(hearer);
  const carrying = new PostgresCarrying('locks', old, await captureNow(old), everything, 30_000);
  await carrying.collect(next);
  await carrying.beforeStatements(next);
  await carrying.afterStatements(next);
  await carrying.beforeSwap(next);
  const other = await connectServer(a().url());
  await runSql(other, `SELECT pg_terminate_backend(${next.pid}, 10000)`);
  await runSql(other, 'SELECT pg_advisory_lock(77)');
  await carrying.undo();
  expect(old.isOpen).toBe(false);
  expect(hearer.closed).toBe('its advisory lock was lost in a move that failed: ExclusiveLock on 77 has gone to somebody else');
});
