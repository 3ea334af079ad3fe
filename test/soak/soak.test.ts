/**
 * Many clients of many kinds, moved to and fro between two servers while they work: no answer is wrong, missing, doubled or in the wrong
 * place, nobody sees an error, and nothing grows. `MOVES` and `SEED` of the environment: how often, and which.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../main/demo/cluster.ts';
import { expectNothingLeft } from '../fuzz/support/aftermath.ts';
import { HeapWatch } from '../fuzz/support/heap-watch.ts';
import { Random } from '../fuzz/support/random.ts';
import { useCluster } from '../support/cluster.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { makeCrowd } from './support/crowd.ts';
import { Mover, type Endpoints } from './support/mover.ts';
import { Settled } from './support/settled.ts';
import type { SoakClient } from './support/soak-client.ts';
import { Standstill } from './support/standstill.ts';
import { testimony } from './support/witness.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 0xffffffff)) >>> 0;
const moves = Number(process.env['MOVES'] ?? 10_000);
const DRAINS = 20;
const LANES = 16;
/** How long clients may take to stop, once the soak has failed, in milliseconds. */
const STOP_MS = 20_000;
/** 64 sessions: pgbench has these in each of its three protocols. */
const size = { nodePostgres: 20, postgresJs: 12, wire: 12, psql: 8, pgbench: 4 };
const endpoints: Endpoints = { session: ['ep-a', 'ep-b'], transaction: ['pool-a', 'pool-b'] };

/** Why a transfer may come to nothing. pgbench's sessions end now and then, and a client that never pauses may not suit a mode that was asked for. */
const expected = [
  /: the client (has )?left$/,
  // A pin of transaction mode, until its next statement.
  /: its unnamed statement was parsed under other settings than it has now$/,
  /: its client was never idle for as long as a restore takes/,
  /: its client had changed its state each time/,
  /: it has what only its own server connection can tell$/,
  /: what it carries was something else each time it was about to move$/,
];

/** The deadline passed, in the words of what the session was doing; a few of ten thousand on a machine that is busy. */
const late = /: (no safe point in time$|busy |waiting for a server connection|its state is just being looked at)/;

const a = useCluster({ name: 'a', settings: { max_connections: 400 } });
const b = useCluster({ name: 'b', settings: { max_connections: 400 } });
let yard: Yard;

beforeAll(async () => {
  process.stdout.write(`soak: SEED=${seed}, ${moves} moves\n`);
  const pooling = { endpoints: endpoints.transaction.map((endpoint) => ({ endpoint, mode: 'transaction' as const })) };
  yard = await startYard({
    endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), 'pool-a': a().url(), 'pool-b': b().url() },
    options: { settings: { pooling } },
  });
});

afterAll(async () => {
  await yard.stop();
});

test('no client notices that it is moved', async () => {
  const random = new Random(seed);
  const clients = makeCrowd(yard, endpoints, size, random);
  const settled = new Settled(yard);
  const clusters = [a(), b()];
  const sessions = clients.length + 3 * (size.pgbench - 1);
  const stop = new AbortController();
  const heap = new HeapWatch();
  const began = performance.now();
  const runs = clients.map((client) => watched(client, stop));
  for (const run of runs) run.catch(() => undefined);
  const mover = new Mover({ yard, settled, endpoints, random, lanes: LANES, clusters });
  const sockets: number[] = [];
  const moving = async (): Promise<void> => {
    for (let drain = 1; drain <= DRAINS && !stop.signal.aborted; drain++) {
      await mover.until(Math.round((moves * drain) / DRAINS), stop.signal);
      const isFirst = drain % 2 === 1;
      if (!stop.signal.aborted) await mover.drain(`127.0.0.1:${(isFirst ? a() : b()).port}`, isFirst ? 'ep-b' : 'ep-a');
      heap.sample(drain);
      sockets.push(openSockets());
    }
  };
  const { still, close } = watchStill(clusters);
  let results: PromiseSettledResult<number>[];
  try {
    await Promise.race([moving(), still]);
    stop.abort();
    results = await Promise.race([Promise.allSettled(runs), still]);
  } catch (error) {
    // What the clients meet once the yard is gone would be told in the place of this.
    process.stdout.write(`soak: ${String(error)}\nsoak: ${settled.summary()}\n`);
    await stopped(runs, stop);
    throw error;
  } finally {
    close();
  }
  const seconds = (performance.now() - began) / 1_000;
  const answers = results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
  process.stdout.write(
    `soak: ${sessions} sessions, ${answers} right answers, ${Math.round(seconds)} s, ${(settled.outcomes.success / seconds).toFixed(1)} moves/s\n` +
      `soak: ${settled.summary()}\nsoak: ${heap.summary()}; sockets ${sockets.join(' ')}\n`,
  );
  settled.close();
  expect(results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))).toEqual([]);
  expect(settled.outcomes).toMatchObject({ error_fatal: 0 });
  expect([...settled.reasons.keys()].filter((reason) => ![...expected, late].some((each) => each.test(reason)))).toEqual([]);
  const lateOnes = [...settled.reasons].reduce((sum, [reason, count]) => sum + (late.test(reason) ? count : 0), 0);
  expect(lateOnes).toBeLessThanOrEqual(Math.max(2, moves / 1_000));
  const { counters } = await yard.snapshot();
  expect(counters.attempted).toBe(counters.success + counters.error_recoverable + counters.error_fatal);
  expect(counters.inFlight).toBe(0);
  expect(counters).toMatchObject(settled.outcomes);
  expect(settled.outcomes.success).toBeGreaterThanOrEqual(moves);
  heap.assertFlat();
  await expectNothingLeft(yard, clusters);
});

/** Rejects when a session stands still. */
function watchStill(clusters: readonly Cluster[]): { still: Promise<never>; close: () => void } {
  let found = (_error: Error): void => {};
  const still = new Promise<never>((_, reject) => (found = reject));
  still.catch(() => undefined);
  const standstill = new Standstill(yard, (rows, snapshot) => {
    void testimony(rows, snapshot, clusters).then((words) => found(new Error(`${rows.length} sessions stand still:\n${words}`)));
  });
  return { still, close: () => standstill.close() };
}

/** Ends the clients of a soak that has failed, as far as they come to an end. */
async function stopped(runs: readonly Promise<number>[], stop: AbortController): Promise<void> {
  stop.abort();
  const late = sleep(STOP_MS, 'late', { ref: false });
  const ends = await Promise.race([Promise.allSettled(runs), late]);
  if (ends === 'late') process.stdout.write(`soak: not all clients came to an end within ${STOP_MS} ms\n`);
}

/** The first failure ends the soak: what comes after it says little. */
async function watched(client: SoakClient, stop: AbortController): Promise<number> {
  try {
    return await client.run(stop.signal);
  } catch (error) {
    stop.abort();
    process.stdout.write(`soak: ${client.name} failed: ${String(error)}\n`);
    throw new Error(`${client.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
