/**
 * pgbench in one of its three protocols. It checks its own answers: each transaction is numbered, what comes back is compared in the
 * script, and a difference is an error of the server, which ends it with an exit code. Some hundred transactions, then new sessions.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runProgram } from '../../../support/programs.ts';
import { same, type Door, type SoakClient } from '../soak-client.ts';

const TRANSACTIONS = 150;

const script = (thinkMs: number): string => `\\set n :n + 1
\\if :n = 1
SELECT set_config('soak.mine', :client_id::int::text, false) AS mine \\gset
\\endif
SELECT :n::int + 1 AS seen, current_setting('soak.mine') AS mine \\gset
\\if :seen <> :n + 1
SELECT 'a wrong answer'::int;
\\endif
\\if :mine <> :client_id
SELECT 'another session''s setting'::int;
\\endif
BEGIN;
SELECT pg_backend_pid() AS pid \\gset
SELECT pg_backend_pid() AS pid_again, :n::int + 2 AS seen \\gset
COMMIT;
\\if :pid <> :pid_again
SELECT 'a transaction torn apart'::int;
\\endif
\\if :seen <> :n + 2
SELECT 'a wrong answer'::int;
\\endif
\\set think random(1, ${Math.max(1, thinkMs)})
\\sleep :think ms
`;

/** `sessions`: of one process. */
export function pgbench(
  program: string,
  protocol: 'simple' | 'extended' | 'prepared',
  name: string,
  door: Door,
  sessions: number,
  thinkMs: number,
): SoakClient {
  return {
    name,
    async run(stop) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'switchyard-soak-'));
      const file = path.join(folder, 'script.sql');
      writeFileSync(file, script(thinkMs));
      const counts = ['-c', String(sessions), '-j', '1', '-t', String(TRANSACTIONS), '-D', 'n=0'];
      const where = ['-h', door.host, '-p', String(door.port), '-U', 'postgres', door.database];
      let answers = 0;
      try {
        while (!stop.aborted) {
          const { code, stdout, stderr } = await runProgram(program, ['-n', '-M', protocol, ...counts, '-f', file, ...where], {
            env: { PGAPPNAME: name },
            timeoutMs: 900_000,
          });
          const done = /actually processed: (\d+)/.exec(stdout)?.[1];
          if (code !== 0) throw new Error(`pgbench ended with ${code}: ${stderr.trim().slice(-500)}`);
          same(done, String(sessions * TRANSACTIONS));
          answers += sessions * TRANSACTIONS * 3;
        }
        return answers;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
