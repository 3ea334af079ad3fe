/** node-postgres: named statements, unnamed ones, several statements in one message, transactions, errors. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Random } from '../../../fuzz/support/random.ts';
import { same, type Door, type SoakClient } from '../soak-client.ts';

/** `thinkMs`: most time between two questions. */
export function nodePostgres(name: string, door: Door, random: Random, thinkMs: number): SoakClient {
  return {
    name,
    async run(stop) {
      const client = new pg.Client({ ...door, user: 'postgres', application_name: name });
      const failures: Error[] = [];
      client.on('error', (error) => failures.push(error));
      await client.connect();
      const timeout = 100_000 + random.below(1_000);
      await client.query(
        `SET soak.mine = '${name}'; SET statement_timeout = ${timeout}; PREPARE mine(int) AS SELECT $1 + 1 AS n, '${name}'::text AS who`,
      );
      let answers = 0;
      while (!stop.aborted) {
        await ask(client, answers, random, { name, timeout: String(timeout) });
        answers++;
        if (failures[0] !== undefined) throw failures[0];
        if (thinkMs > 0) await sleep(random.below(thinkMs));
      }
      await client.end();
      return answers;
    },
  };
}

async function ask(client: pg.Client, n: number, random: Random, state: { name: string; timeout: string }): Promise<void> {
  switch (random.below(7)) {
    case 0: {
      const { rows } = await client.query<{ n: number }>('SELECT $1::int AS n', [n]);
      return same(rows, [{ n }]);
    }
    case 1: {
      const results = (await client.query(`SELECT ${n} AS n; SELECT ${n} + 1 AS n`)) as unknown as pg.QueryResult[];
      return same(
        results.map(({ rows }) => rows as unknown[]),
        [[{ n }], [{ n: n + 1 }]],
      );
    }
    case 2:
      return await inTransaction(client, n);
    case 3: {
      const error = await client.query(`SELECT ${n} / 0`).then(
        () => null,
        (reason: unknown) => (reason as pg.DatabaseError).code,
      );
      return same(error, '22012');
    }
    case 4: {
      const { rows } = await client.query<{ n: number; mine: string; timeout: string }>(
        `SELECT ${n} AS n, current_setting('soak.mine') AS mine, (SELECT setting FROM pg_settings WHERE name = 'statement_timeout') AS timeout`,
      );
      return same(rows, [{ n, mine: state.name, timeout: state.timeout }]);
    }
    case 5:
      return same((await client.query(`EXECUTE mine(${n})`)).rows, [{ n: n + 1, who: state.name }]);
    default: {
      const { rows } = await client.query<{ i: number }>({
        name: `q${n % 3}`,
        text: `SELECT i, ${n % 3} AS k FROM generate_series($1::int, $1::int + 5) AS i`,
        values: [n],
      });
      return same(
        rows,
        Array.from({ length: 6 }, (_, at) => ({ i: n + at, k: n % 3 })),
      );
    }
  }
}

/** Nothing of a transaction is anywhere else than the rest of it. */
async function inTransaction(client: pg.Client, n: number): Promise<void> {
  const where = async (): Promise<unknown> =>
    (
      await client.query<{ n: number; pid: number; port: number }>(
        'SELECT $1::int AS n, pg_backend_pid() AS pid, inet_server_port() AS port',
        [n],
      )
    ).rows;
  await client.query('BEGIN');
  const first = await where();
  await client.query("SET LOCAL work_mem = '5MB'");
  same(await where(), first);
  same((await client.query('SHOW work_mem')).rows, [{ work_mem: '5MB' }]);
  await client.query(n % 2 === 0 ? 'COMMIT' : 'ROLLBACK');
}
