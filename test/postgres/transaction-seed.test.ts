/** The first checks that pooling ever had, with real psql: who shares a server connection, and who never does. */
import { describe, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { useYard, type Yard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });

const SIZE = 5;
/** The pid, and which server it is on. */
const WHO = 'SELECT pg_backend_pid(), inet_server_port()';

describeWithProgram('psql', 'psql through a pool', (psql) => {
  /** The answers of one psql: pid and port per query. */
  async function ask(yard: Yard, endpoint: string, queries: readonly string[]): Promise<{ pid: string; port: number }[]> {
    const commands = queries.flatMap((query) => ['-c', query]);
    const { code, stdout, stderr } = await runProgram(psql, ['-X', '-A', '-t', ...commands, yard.connectionString(endpoint)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout
      .split('\n')
      .filter((line) => line.includes('|'))
      .map((line) => line.split('|'))
      .map(([pid, port]) => ({ pid: String(pid), port: Number(port) }));
  }

  describe.each(['session', 'transaction'] as const)('in %s mode', (mode) => {
    const yard = useYard(() => ({
      endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
      options: { settings: { pooling: { mode, size: SIZE } } },
    }));

    test('five in a row have one pid, and one server connection was opened', async () => {
      const pids = new Set<string>();
      for (let turn = 0; turn < 5; turn++) for (const { pid } of await ask(yard(), 'ep-a', [WHO])) pids.add(pid);
      expect(pids.size).toBe(1);
      const pool = (await yard().snapshot()).pools.find(({ backend }) => backend.endsWith(`:${a().port}`));
      expect(pool?.opened).toBe(1);
    });

    test('two endpoints by turns never mix', async () => {
      const seen = { 'ep-a': new Set<string>(), 'ep-b': new Set<string>() };
      for (let turn = 0; turn < 4; turn++) {
        for (const endpoint of ['ep-a', 'ep-b'] as const) {
          for (const { pid, port } of await ask(yard(), endpoint, [WHO, WHO])) {
            expect(port).toBe(endpoint === 'ep-a' ? a().port : b().port);
            seen[endpoint].add(pid);
          }
        }
      }
      expect([seen['ep-a'].size, seen['ep-b'].size]).toEqual([1, 1]);
    });

    test('ten at once with three queries each need five server connections at most, and share them', async () => {
      const before = (await yard().snapshot()).pools.find(({ backend }) => backend.endsWith(`:${b().port}`))?.opened ?? 0;
      const slow = `SELECT pg_backend_pid(), inet_server_port() FROM pg_sleep(0.05)`;
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(yard(), 'ep-b', [slow, slow, slow])));
      expect(answers.map((answer) => answer.length)).toEqual(Array.from({ length: 10 }, () => 3));
      const sessionsOf = new Map<string, Set<number>>();
      for (const [session, answer] of answers.entries()) {
        for (const { pid } of answer) sessionsOf.set(pid, (sessionsOf.get(pid) ?? new Set()).add(session));
      }
      expect(sessionsOf.size).toBeLessThanOrEqual(SIZE);
      expect(Math.max(...[...sessionsOf.values()].map((sessions) => sessions.size))).toBeGreaterThan(1);
      const opened = (await yard().snapshot()).pools.find(({ backend }) => backend.endsWith(`:${b().port}`))?.opened ?? 0;
      expect(opened - before).toBeLessThanOrEqual(SIZE);
    });
  });
});
