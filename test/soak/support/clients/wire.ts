/**
 * The protocol by hand, as Go's lib/pq and JDBC use it: an unnamed statement parsed once and used again and again, a named one, and
 * pipelines of several Syncs. It never sends a Query, which would end the unnamed statement.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../fuzz/support/random.ts';
import { bind, columns, execute, parse, sync, terminate, WireClient } from '../../../support/wire-client.ts';
import { same, type Door, type SoakClient } from '../soak-client.ts';

/** `thinkMs`: most time between two pipelines. */
export function wire(name: string, door: Door, random: Random, thinkMs: number): SoakClient {
  return {
    name,
    async run(stop) {
      const { client } = await WireClient.start(door.port, { database: door.database, application_name: name }, door.host);
      try {
        let answers = 0;
        await batch(client, [parse('named', `SELECT 'named', $1::int, '${name}'::text`), sync], '1Z', []);
        await batch(client, [parse('', `SELECT 'unnamed', $1::int, '${name}'::text`), sync], '1Z', []);
        while (!stop.aborted) {
          const count = random.between(1, 4);
          const asked = Array.from({ length: count }, (_, at) => ({ statement: random.oneIn(2) ? 'named' : '', n: answers + at }));
          await batch(
            client,
            asked.flatMap(({ statement, n }) => [bind('', statement, [String(n)]), execute(''), sync]),
            '2DCZ'.repeat(count),
            asked.map(({ statement, n }) => [statement === '' ? 'unnamed' : statement, String(n), name]),
          );
          answers += count;
          if (thinkMs > 0) await sleep(random.below(thinkMs));
        }
        client.write(terminate);
        await client.closed();
        return answers;
      } finally {
        client.destroy();
      }
    },
  };
}

async function batch(client: WireClient, messages: Buffer[], types: string, rows: (string | null)[][]): Promise<void> {
  client.write(...messages);
  const answers = [];
  for (let syncs = messages.filter((each) => each.equals(sync)).length; syncs > 0; syncs--) answers.push(...(await client.until('Z')));
  same(answers.map(({ type, body }) => (type === 'E' ? body.toString() : type)).join(''), types);
  same(answers.filter(({ type }) => type === 'D').map(columns), rows);
}
