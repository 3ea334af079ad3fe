/** postgres.js: everything pipelined and prepared by the driver. It would connect anew without a word, so a lost connection is a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import type { Random } from '../../../fuzz/support/random.ts';
import { same, type Door, type SoakClient } from '../soak-client.ts';

/** `thinkMs`: most time between two bursts of questions. */
export function postgresJs(name: string, door: Door, random: Random, thinkMs: number): SoakClient {
  return {
    name,
    async run(stop) {
      let isLost = false;
      const sql = postgres({
        ...door,
        user: 'postgres',
        max: 1,
        idle_timeout: 0,
        max_lifetime: null,
        connection: { application_name: name },
        onnotice: () => undefined,
        onclose: () => (isLost = true),
      });
      try {
        await sql.unsafe(`SET soak.mine = '${name}'`);
        let answers = 0;
        while (!stop.aborted) {
          answers += await burst(sql, answers, random, name);
          if (isLost) throw new Error('the connection was lost');
          if (thinkMs > 0) await sleep(random.below(thinkMs));
        }
        return answers;
      } finally {
        await sql.end({ timeout: 10 });
      }
    },
  };
}

async function burst(sql: postgres.Sql, n: number, random: Random, name: string): Promise<number> {
  if (random.oneIn(6)) {
    const seen = await sql.begin(async (inside) => [
      ...(await inside<{ n: number; port: number }[]>`SELECT ${n}::int AS n, inet_server_port() AS port`),
      ...(await inside<{ n: number; port: number }[]>`SELECT ${n + 1}::int AS n, inet_server_port() AS port`),
    ]);
    const port = seen[0]?.port;
    same(seen, [
      { n, port },
      { n: n + 1, port },
    ]);
    return 2;
  }
  const count = random.between(1, 6);
  const asked = Array.from({ length: count }, async (_, at) => {
    const each = n + at;
    if (each % 3 === 0) same(await sql.unsafe(`SELECT ${each} AS n`), [{ n: each }]);
    else if (each % 3 === 1)
      same(await sql`SELECT ${each}::int AS n, ${'x'.repeat(each % 700)}::text AS x`, [{ n: each, x: 'x'.repeat(each % 700) }]);
    else same(await sql`SELECT ${each}::int AS n, current_setting('soak.mine') AS mine`, [{ n: each, mine: name }]);
  });
  await Promise.all(asked);
  return count;
}
