/** The first seed's loop, driven through the console: one busy client is moved to and fro while others query. */
import pg from 'pg';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { sessionId, type MoveRow } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';

const MOVES = 200;

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

/** A client that asks without a pause and checks every answer; errors end up in its promise. */
function asker(ask: (n: number) => Promise<number | undefined>): { stop(): Promise<number> } {
  let running = true;
  const loop = (async () => {
    let n = 0;
    for (; running; n++) {
      const answer = await ask(n);
      if (answer !== n) throw new Error(`question ${n} was answered ${String(answer)}`);
    }
    return n;
  })();
  loop.catch(() => {});
  return {
    stop() {
      running = false;
      return loop;
    },
  };
}

test(`a busy client is moved ${MOVES} times while eight more query: every answer once, in order, nothing fatal`, async () => {
  const clients = await Promise.all(
    Array.from({ length: 7 }, async (_, index) => {
      const client = new pg.Client({ connectionString: yard().connectionString(index % 2 === 0 ? 'ep-a' : 'ep-b') });
      await client.connect();
      return client;
    }),
  );
  const sql = postgres(yard().connectionString('ep-b'), { max: 2 });
  const moved = clients[0];
  if (moved === undefined) throw new Error('no client');
  await moved.query(`SET app.user_id = '7'; LISTEN signals`);
  const ask =
    (client: pg.Client, name: string) =>
    async (n: number): Promise<number | undefined> =>
      (await client.query<{ v: number }>({ name, text: 'SELECT $1::int AS v', values: [n] })).rows[0]?.v;
  const work = [
    ...clients.map((client, index) => asker(ask(client, `question ${index}`))),
    asker(async (n) => (await sql<{ v: number }[]>`SELECT ${n}::int AS v`)[0]?.v),
    asker(async (n) => (await sql.unsafe<{ v: number }[]>(`SELECT ${n}::int AS v`))[0]?.v),
  ];
  const id = await sessionId(yard(), moved);
  const consoleClient = await yard().consoleClient();
  const outcomes: MoveRow[] = [];
  for (let n = 0; n < MOVES; n++) {
    outcomes.push(...(await consoleClient.query<MoveRow>(`MIGRATE CLIENT ${id} TO ${n % 2 === 0 ? 'ep-b' : 'ep-a'}`)).rows);
  }
  const counts = await Promise.all(work.map((each) => each.stop()));
  expect(Math.min(...counts)).toBeGreaterThan(MOVES / 2);
  expect(outcomes).toHaveLength(MOVES);
  for (const row of outcomes) {
    if (row.outcome !== 'success') expect(row).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/./) as string });
  }
  expect(outcomes.filter((row) => row.outcome === 'success').length).toBeGreaterThan(MOVES * 0.95);
  const { counters, sessions } = await yard().snapshot();
  expect(counters.attempted).toBe(counters.success + counters.error_recoverable + counters.error_fatal);
  expect(counters).toMatchObject({ error_fatal: 0, error_recoverable: 0 });
  expect(sessions.find((row) => row.id === id)?.migrations).toBe(counters.success);
  expect((await moved.query('SHOW app.user_id')).rows).toEqual([{ 'app.user_id': '7' }]);
  await consoleClient.end();
  await sql.end();
  await Promise.all(clients.map((client) => client.end()));
});
