/** psql, fed line by line as a person would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../fuzz/support/random.ts';
import { same, type Door, type SoakClient } from '../soak-client.ts';

const ANSWER_MS = 30_000;

/** `thinkMs`: most time between two lines. */
export function psql(program: string, name: string, door: Door, random: Random, thinkMs: number): SoakClient {
  return {
    name,
    async run(stop) {
      const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('PG')));
      const where = `host=${door.host} port=${door.port} dbname=${door.database} user=postgres application_name=${name}`;
      const child = spawn(program, ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', where], { env: inherited });
      const exit = once(child, 'close');
      exit.catch(() => undefined);
      let complaints = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
      child.stdin.on('error', () => undefined);
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const next = async (): Promise<string> => {
        const late = sleep(ANSWER_MS, null, { ref: false });
        const line = await Promise.race([lines.next(), late]);
        if (line === null) throw new Error(`psql said nothing for ${ANSWER_MS} ms`);
        if (line.done === true) throw new Error(`psql ended: ${complaints}`);
        return line.value;
      };
      try {
        child.stdin.write(`SET soak.mine = '${name}';\nPREPARE mine(int) AS SELECT 'prepared', $1;\n`);
        let answers = 0;
        while (!stop.aborted) {
          const [sql, wanted] = question(answers, random, name);
          child.stdin.write(`${sql}\n`);
          for (const line of wanted) same(await next(), line);
          answers += wanted.length;
          if (complaints !== '') throw new Error(`psql complained: ${complaints}`);
          if (thinkMs > 0) await sleep(random.below(thinkMs));
        }
        child.stdin.end('\\q\n');
        same(await exit, [0, null]);
        return answers;
      } finally {
        child.kill('SIGKILL');
      }
    },
  };
}

function question(n: number, random: Random, name: string): [sql: string, wanted: string[]] {
  switch (random.below(4)) {
    case 0:
      return [`SELECT ${n}, current_setting('soak.mine');`, [`${n}|${name}`]];
    case 1:
      return [`EXECUTE mine(${n});`, [`prepared|${n}`]];
    case 2:
      return [`BEGIN; SELECT ${n}; SAVEPOINT s; SELECT ${n + 1}; ROLLBACK TO s; COMMIT;`, [String(n), String(n + 1)]];
    default:
      return [Array.from({ length: 4 }, (_, at) => `SELECT ${n + at};`).join('\n'), Array.from({ length: 4 }, (_, at) => String(n + at))];
  }
}
