/** Cancel requests where server connections change hands all the time (PgBouncer's test_cancel; pooling.md section 4). */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PoolMode, SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { asleep, cancel, driver, errorCodes, one, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { bind, execute, flush, parse, rows, sync } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const cluster = useCluster();
const yardWith = (pooling: SettingsInput['pooling'] = {}): Promise<Yard> => pooledYard({ 'ep-a': cluster().url() }, pooling);

describe('a cancel request in transaction mode', () => {
  it('reaches the statement on whatever server connection it runs, and no other', async () => {
    const yard = await yardWith({ size: 3 });
    const members = await Promise.all(Array.from({ length: 3 }, () => raw(yard)));
    for (let round = 0; round < 3; round++) {
      const victim = members[round % 3] ?? expect.fail();
      for (const { client } of members)
        client.write(query(client === victim.client ? 'select pg_sleep(60)' : `select 'well', pg_sleep(3)`));
      await asleep(cluster().port, 3);
      await cancel(yard, victim.key);
      for (const { client } of members) {
        const answers = await client.until('Z');
        if (client === victim.client) expect(errorCodes(answers)).toEqual(['57014']);
        else expect(rows(answers)).toEqual([['well', '']]);
      }
    }
  });

  it('reaches a statement while the pool is full and others wait; who waits is served next', async () => {
    const yard = await yardWith({ size: 2 });
    const holders = await Promise.all([raw(yard), raw(yard)]);
    for (const { client } of holders) client.write(query('select pg_sleep(60)'));
    await asleep(cluster().port, 2);
    const waiters = await Promise.all(Array.from({ length: 6 }, () => raw(yard)));
    for (const { client } of waiters) client.write(query("select 'served'"));
    await sessionsIn(yard, 'waiting', 6);
    await Promise.all(holders.map(({ key }) => cancel(yard, key)));
    for (const { client } of holders) expect(errorCodes(await client.until('Z'))).toEqual(['57014']);
    for (const { client } of waiters) expect(rows(await client.until('Z'))).toEqual([['served']]);
  });

  it('of more clients than the pool has server connections: all are answered, running or waiting', async () => {
    const yard = await yardWith({ size: 3 });
    const members = await Promise.all(Array.from({ length: 30 }, () => raw(yard)));
    for (const { client } of members) client.write(query('select pg_sleep(60)'));
    await sessionsIn(yard, 'waiting', 27);
    await sessionsIn(yard, 'active', 3);
    // Whoever is cancelled makes room for another one, whose own cancel may be over: asked until it is heard.
    const open = new Set(members);
    await Promise.all(
      members.map(async (member) => {
        const answer = member.client.until('Z').then((answers) => {
          open.delete(member);
          return answers;
        });
        while (open.has(member))
          await Promise.all([cancel(yard, member.key), Promise.race([answer, new Promise((r) => setTimeout(r, 250))])]);
        expect(errorCodes(await answer)).toEqual(['57014']);
      }),
    );
    for (const { client } of members.slice(0, 4)) expect(await value(client, 'select 1')).toBe('1');
    expect(await pool(yard)).toMatchObject({ waiting: 0, active: 0, cancelling: 0 });
  });

  it('of a session without a server connection does nothing, now or later', async () => {
    const yard = await yardWith({ size: 1 });
    const idle = await raw(yard);
    const other = await raw(yard);
    await idle.client.query('select 1');
    expect((await yard.sessions()).map(({ serverPid }) => serverPid)).toEqual([null, null]);
    other.client.write(query("select 'mine', pg_sleep(0.4)"));
    await sessionsIn(yard, 'active', 1);
    await Promise.all(Array.from({ length: 20 }, () => cancel(yard, idle.key)));
    expect(rows(await other.client.until('Z'))).toEqual([['mine', '']]);
    expect(rows(await idle.client.query("select 'next', pg_sleep(0.1)"))).toEqual([['next', '']]);
  });

  it('of a session that keeps its server connection, idle in a transaction or pinned, does nothing', async () => {
    const yard = await yardWith({ size: 2 });
    const open = await raw(yard);
    await open.client.query('begin');
    const pinned = await raw(yard);
    await pinned.client.query('create temp table kept (a int)');
    await expect
      .poll(async () => (await yard.sessions()).flatMap(({ pins }) => pins.map(({ code }) => code)), soon)
      .toEqual(['temp_object']);
    await Promise.all([cancel(yard, open.key), cancel(yard, pinned.key)]);
    expect(await value(open.client, 'select 1')).toBe('1');
    expect(await value(pinned.client, 'select count(*) from kept')).toBe('0');
  });

  it('reaches what only a Flush asks for, and fails a transaction, no more', async () => {
    const yard = await yardWith({ size: 1 });
    const { client, key } = await raw(yard);
    client.write(parse('', 'select pg_sleep(60)'), bind('', ''), execute(''), flush);
    await asleep(cluster().port, 1);
    await cancel(yard, key);
    expect(errorCodes(await client.until('E'))).toEqual(['57014']);
    client.write(sync);
    await client.until('Z');
    await client.query('begin');
    client.write(query('select pg_sleep(60)'));
    await asleep(cluster().port, 1);
    await cancel(yard, key);
    expect(errorCodes(await client.until('Z'))).toEqual(['57014']);
    expect(errorCodes(await client.query('select 1'))).toEqual(['25P02']);
    await client.query('rollback');
    expect(await value(client, 'select 1')).toBe('1');
  });

  it('works as node-postgres sends it', async () => {
    const yard = await yardWith({ size: 1 });
    const client = await driver(yard);
    const answer = client.query('select pg_sleep(60)').then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    await asleep(cluster().port, 1);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    // What the driver does for `query.cancel`, by its own means.
    const connection = new pg.Connection() as unknown as pg.Connection & {
      connect(port: number, host: string): void;
      cancel(pid: number, key: number): void;
    };
    onTestFinished(() => void connection.stream.destroy());
    connection.on('error', () => {});
    connection.once('connect', () => connection.cancel(processID, secretKey));
    connection.connect(yard.port, yard.host);
    expect(await answer).toBe('57014');
    expect(await one(client, 'select 2')).toBe('2');
  });
});

describe.each<[PoolMode, string]>([
  ['transaction', 'its next statement may be anybody’s'],
  ['session', 'all clients but one wait'],
])('100 cancels racing on a pool of one in %s mode (%s)', (mode) => {
  it('never hit a stranger’s statement', async () => {
    const yard = await yardWith({ mode, size: 1, wait: 0, waitNotice: 0 });
    // The victims' cancels arrive while they run, while they wait, between two statements, and while the server connection is
    // already somebody else's. Nobody ever cancels the bystanders.
    const isSession = mode === 'session';
    const victims = isSession ? [] : await Promise.all(Array.from({ length: 10 }, () => raw(yard)));
    const bystanders = isSession ? [] : await Promise.all(Array.from({ length: 5 }, () => raw(yard)));
    let running = true;
    let served = 0;
    const stand = async (client: Awaited<ReturnType<typeof raw>>['client'], at: number): Promise<void> => {
      const answers = await client.query(`select ${at}, pg_sleep(0.002)`);
      expect(errorCodes(answers), `bystander ${at}`).toEqual([]);
      expect(rows(answers)).toEqual([[String(at), '']]);
      served++;
    };
    const suffer = async (client: Awaited<ReturnType<typeof raw>>['client'], at: number, round: number): Promise<string | undefined> => {
      // In the first round every cancel comes in time, however slow the machine is.
      const answers = await client.query(`select ${at}, pg_sleep(${round === 0 ? 5 : 0.01})`);
      const code = errorCodes(answers)[0];
      if (code === undefined) expect(rows(answers)).toEqual([[String(at), '']]);
      else expect(code).toBe('57014');
      return code;
    };
    const outcomes = new Map<string, number>();
    const note = (code: string | undefined): void => void outcomes.set(code ?? 'done', (outcomes.get(code ?? 'done') ?? 0) + 1);
    if (isSession) {
      for (let round = 0; round < 10; round++) {
        const { client, key } = await raw(yard);
        const cancels = Promise.all(
          Array.from({ length: 100 }, async (_, i) => {
            await new Promise((resolve) => setTimeout(resolve, i % 12));
            await cancel(yard, key);
          }),
        );
        note(await suffer(client, 0, round));
        client.destroy();
        const next = await raw(yard);
        for (let i = 0; i < 10; i++) await stand(next.client, i);
        await cancels;
        next.client.destroy();
        await expect.poll(async () => (await yard.sessions()).length, soon).toBe(0);
      }
    } else {
      const bystanding = bystanders.map(async ({ client }, at) => {
        while (running) await stand(client, at);
      });
      for (let round = 0; round < 12; round++) {
        const cancels = Promise.all(
          Array.from({ length: 100 }, async (_, i) => {
            await new Promise((resolve) => setTimeout(resolve, (i % 20) * 5));
            await cancel(yard, victims[i % victims.length]?.key ?? expect.fail());
          }),
        );
        await Promise.all(victims.map(async ({ client }, at) => note(await suffer(client, at, round))));
        await cancels;
      }
      running = false;
      await Promise.all(bystanding);
      // Who was cancelled in the queue, or as it ran, lives on; and nothing of the cancels is left.
      for (const { client } of victims) expect(await value(client, "select 'alive'")).toBe('alive');
    }
    expect(served).toBeGreaterThan(50);
    expect(outcomes.get('57014') ?? 0, JSON.stringify([...outcomes])).toBeGreaterThan(0);
    expect(await pool(yard)).toMatchObject({ waiting: 0, cancelling: 0 });
    expect((await pool(yard)).opened, 'cancels cost no server connection').toBeLessThan(isSession ? 12 : 4);
  }, 120_000);
});

describeWithProgram('psql', 'psql interrupted in transaction mode', (psql) => {
  it('hears 57014; its server connection serves the next', async () => {
    const yard = await yardWith({ size: 1 });
    const child = spawn(psql, ['-X', '-v', 'VERBOSITY=verbose', '-c', 'select pg_sleep(60)', yard.connectionString('ep-a')]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'close');
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await asleep(cluster().port, 1);
    child.kill('SIGINT');
    await ended;
    expect(said).toContain('57014');
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(1);
    const next = await runProgram(psql, ['-XAtc', "select 'next'", yard.connectionString('ep-a')]);
    expect(next).toMatchObject({ code: 0, stdout: 'next\n' });
    expect((await pool(yard)).opened).toBe(1);
  });
});
