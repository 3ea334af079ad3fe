/** LISTEN that moves from one backend of a cluster to another under a storm of notifications: each is heard once, in order. */
import { describe, expect, test } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { PostgresCarrying } from '../../core/migration/postgres/carry/carry.ts';
import { installedMajors, useCluster } from '../support/cluster.ts';
import { captureNow, connectBoth, hear, Hearer, nothing } from '../support/carry.ts';
import { connectServer, runSql } from '../support/state.ts';

const a = useCluster({ name: 'a' });
const sixteen = useCluster({ major: 16, name: 'a' });
const fifteen = useCluster({ major: 15, name: 'a' });
// 14 is not there for every platform.
const [oldest = 15] = installedMajors();
const eldest = useCluster({ major: oldest, name: 'a' });
const seventeen = useCluster({ major: 17, name: 'a' });

/** Notifies on two channels, numbered, from a connection of its own, several at a time, until stopped. */
function storm(server: ServerConnection): { readonly sent: string[]; readonly stop: () => Promise<void> } {
  const sent: string[] = [];
  let running = true;
  const loop = (async () => {
    for (let n = 0; running;) {
      const batch = Array.from({ length: 1 + (n % 7) }, () => ({ channel: n % 3 === 0 ? 'other one' : 'plain', n: n++ }));
      // All in one transaction, or each in its own.
      const statements = batch.map(({ channel, n: number }) => `NOTIFY "${channel}", '${number}'`);
      await runSql(server, n % 2 === 0 ? statements.join(';') : `BEGIN;${statements.join(';')};COMMIT`);
      sent.push(...batch.map(({ channel, n: number }) => `${channel}: ${number}`));
    }
  })();
  return {
    sent,
    stop: async () => {
      running = false;
      await loop;
    },
  };
}

/** Moves what `old` listens to over to `next`, as a transfer does. */
async function move(old: ServerConnection, next: ServerConnection, outcome: 'swap' | 'undo', hearer: Hearer): Promise<void> {
  const state = await captureNow(old);
  const carrying = new PostgresCarrying('2 channels', old, state, nothing, 30_000);
  await carrying.collect(next);
  await carrying.beforeStatements(next);
  for (const channel of state.channels) await runSql(next, `LISTEN "${channel}"`);
  await carrying.afterStatements(next);
  await carrying.beforeSwap(next);
  if (outcome === 'undo') {
    await carrying.undo();
    next.destroy();
    return;
  }
  old.setOwner(null);
  hear(next, hearer);
  old.end();
}

describe.each([
  ['18', () => a().url()],
  ['16', () => sixteen().url()],
  ['17', () => seventeen().url()],
  ['15', () => fifteen().url()],
  [String(oldest), () => eldest().url()],
])('PostgreSQL %s', (_, url) => {
  test.each([['swap' as const], ['undo' as const]])('25 moves that end with %s: every notification once and in order', async (outcome) => {
    const hearer = new Hearer();
    let { old } = await connectBoth(url(), url());
    await runSql(old, 'LISTEN plain; LISTEN "other one"');
    hear(old, hearer);
    const { sent, stop } = storm(await connectServer(url()));
    const other = storm(await connectServer(url(), { database: 'template1' }));
    for (let round = 0; round < 25; round++) {
      const heardBefore = hearer.heard.length;
      // The storm is on before each move.
      await expect.poll(() => hearer.heard.length, { timeout: 20_000, interval: 1 }).toBeGreaterThan(heardBefore + 5);
      const next = await connectServer(url());
      await move(old, next, outcome, hearer);
      if (outcome === 'swap') old = next;
    }
    await stop();
    await other.stop();
    await expect.poll(() => hearer.heard.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(sent.length);
    expect(hearer.heard).toEqual(sent);
    expect(sent.length).toBeGreaterThan(25);
    expect((await runSql(old, 'SELECT pg_listening_channels()')).map(([channel]) => channel)).toHaveLength(2);
  });

  test('a target that dies, before or behind the barrier, costs no notification', async () => {
    const hearer = new Hearer();
    const { old } = await connectBoth(url(), url());
    await runSql(old, 'LISTEN plain; LISTEN "other one"');
    hear(old, hearer);
    const { sent, stop } = storm(await connectServer(url()));
    const killer = await connectServer(url());
    for (const moment of ['before', 'behind'] as const) {
      const next = await connectServer(url());
      const state = await captureNow(old);
      const carrying = new PostgresCarrying('2 channels', old, state, nothing, 30_000);
      await carrying.collect(next);
      await carrying.beforeStatements(next);
      await carrying.afterStatements(next);
      const kill = (): Promise<unknown> => runSql(killer, `SELECT pg_terminate_backend(${next.pid}, 10000)`);
      if (moment === 'before') {
        await kill();
        await expect(carrying.beforeSwap(next)).rejects.toThrow(/terminat|closed|lost/);
      } else {
        await carrying.beforeSwap(next);
        await kill();
      }
      await carrying.undo();
    }
    await stop();
    await expect.poll(() => hearer.heard.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(sent.length);
    expect(hearer.heard).toEqual(sent);
    expect(hearer.closed).toBe(null);
  });
});
