/** What happens between the two looks at a session that is moved ahead of its client: the restore waits, and the client goes on. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TransferMode, TransferRow } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { sessionId, transfer, type Asked } from '../support/migration.ts';
import { startRelay, type Relay } from '../support/relay.ts';
import { bind, cstring, describeStatement, execute, fields, message, parse, rows, sync, WireClient } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });

let relayA: Relay;
let relayB: Relay;
let running: Yard;
const yard = (): Yard => running;
beforeAll(async () => {
  relayA = await startRelay(a().port);
  relayB = await startRelay(b().port);
  const url = (relay: Relay): string => `postgresql://postgres@127.0.0.1:${relay.port}/postgres`;
  running = await startYard({
    endpoints: { 'ep-a': url(relayA), 'ep-b': url(relayB) },
    // Faults are ended by the tests themselves, on a machine that may be slow; only what is to run out is short.
    options: { deadlines: { restoreMs: 20_000, checkMs: 20_000 }, settings: { resurrection: { enabled: false } } },
  });
});
afterAll(async () => {
  await running.stop();
  await relayA.close();
  await relayB.close();
});

const open: WireClient[] = [];
afterEach(() => {
  relayA.release();
  relayA.unmute();
  relayB.release();
  for (const client of open.splice(0)) client.destroy();
});

let named = 0;
async function connect(): Promise<{ client: WireClient; id: number }> {
  const name = `between ${++named}`;
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: name });
  open.push(client);
  return { client, id: await sessionId(yard(), name) };
}

/** What a restore on the target, and a second look at the session, have in them. */
const RESTORE = '_swy_state';
const LOOK = '_swy_print';
const query = (sql: string): Buffer => message('Q', cstring(sql));

async function portOf(client: WireClient): Promise<number> {
  return Number(rows(await client.query('select inet_server_port()'))[0]?.[0]);
}

/** Begins a move and stops it when the session has been captured and its restore is about to begin. */
async function stopped(id: number, asked: Asked = {}): Promise<{ moved: Promise<TransferRow> }> {
  // On a connection to the target the first is the look at its defaults.
  relayB.arm('silence', RESTORE, 2);
  const moved = transfer(yard(), id, 'ep-b', { withinMs: 60_000, ...asked });
  await relayB.struck();
  return { moved };
}

/** The client does something between the two looks, and then the move goes on. */
async function moveAround(id: number, meanwhile: () => Promise<unknown>, asked: Asked = {}): Promise<TransferRow> {
  const { moved } = await stopped(id, asked);
  await meanwhile();
  relayB.release();
  return await moved;
}

/** What a client has sent before has been read by the proxy when another one has come and been answered. */
async function allRead(): Promise<void> {
  const { client } = await connect();
  await client.query('select 1');
}

describe('the client meanwhile', () => {
  test('asks something: a second look, and no more', async () => {
    const { client, id } = await connect();
    await client.query(`set app.kept = 'yes'`);
    const row = await moveAround(id, () => client.query('select 1'));
    expect(row).toMatchObject({ outcome: 'success', mode: 'two-phase', attempts: 1 });
    expect(row.holdsMs).toHaveLength(2);
    expect(rows(await client.query('show app.kept'))).toEqual([['yes']]);
    expect(await portOf(client)).toBe(b().port);
  });

  test('sends nothing: optimistic, whatever the restore has taken', async () => {
    const { client, id } = await connect();
    await client.query('select 1');
    expect(await moveAround(id, () => Promise.resolve())).toMatchObject({
      outcome: 'success',
      mode: 'optimistic',
      pauseMs: 0,
      attempts: 1,
    });
    expect(await portOf(client)).toBe(b().port);
  });

  test.each<[string, string, string, string]>([
    ['changes a setting', `set work_mem = '7MB'`, 'show work_mem', '7MB'],
    ['sets a custom setting that was not known before', `set app.late = 'yes'`, 'show app.late', 'yes'],
    ['sets a timeout that the look overrides', `set statement_timeout = '7s'`, 'show statement_timeout', '7s'],
    ['prepares a statement', 'prepare fresh as select 42', 'execute fresh', '42'],
    ['prepares one anew', 'deallocate again; prepare again as select 43', 'execute again', '43'],
    ['listens', 'listen late', 'select * from pg_listening_channels()', 'late'],
    ['sets a role', 'set role pg_monitor', 'select current_user', 'pg_monitor'],
  ])('%s: it is captured again, and moves with that', async (_, change, question, answer) => {
    const { client, id } = await connect();
    await client.query(`prepare again as select 42`);
    const row = await moveAround(id, () => client.query(change));
    expect(row).toMatchObject({ outcome: 'success', mode: 'optimistic', attempts: 2 });
    expect(rows(await client.query(question))).toEqual([[answer]]);
    expect(await portOf(client)).toBe(b().port);
  });

  test('changes its state each time: after three captures it is moved in one hold', async () => {
    const { client, id } = await connect();
    let struck: Promise<unknown> = (relayB.arm('silence', RESTORE, 2), relayB.struck());
    const moved = transfer(yard(), id, 'ep-b', { withinMs: 60_000 });
    for (let round = 1; round <= 3; round++) {
      await struck;
      await client.query(`set app.round = '${round}'`);
      relayB.release();
      if (round === 3) break;
      relayB.arm('silence', RESTORE, 2);
      struck = relayB.struck();
    }
    const row = await moved;
    expect(row).toMatchObject({ outcome: 'success', mode: 'preconnect', attempts: 4 });
    expect(rows(await client.query('show app.round'))).toEqual([['3']]);
    expect(await portOf(client)).toBe(b().port);
  });

  test('parses its unnamed statement anew: only that is brought along', async () => {
    const { client, id } = await connect();
    client.write(parse('', 'select 1'), describeStatement(''), sync);
    await client.until('Z');
    const row = await moveAround(id, async () => {
      client.write(parse('', 'select 2'), describeStatement(''), sync);
      await client.until('Z');
    });
    expect(row).toMatchObject({ outcome: 'success', mode: 'two-phase', attempts: 1 });
    client.write(bind('', ''), execute(''), sync);
    expect(rows(await client.until('Z'))).toEqual([['2']]);
    expect(await portOf(client)).toBe(b().port);
  });

  test('loses its unnamed statement: it is not there after the move either', async () => {
    const { client, id } = await connect();
    client.write(parse('', 'select 1'), sync);
    await client.until('Z');
    expect(await moveAround(id, () => client.query('select 3'))).toMatchObject({ outcome: 'success', mode: 'two-phase', attempts: 1 });
    client.write(bind('', ''), execute(''), sync);
    const answers = await client.until('Z');
    expect(answers.filter(({ type }) => type === 'E').map((error) => fields(error)['C'])).toEqual(['26000']);
    expect(await portOf(client)).toBe(b().port);
  });

  test('takes what cannot move: it stays, and is as good as before', async () => {
    const { client, id } = await connect();
    const row = await moveAround(id, () => client.query('select pg_advisory_lock(7)'));
    expect(row).toMatchObject({ outcome: 'refused', attempts: 2 });
    expect(row.findings.map(({ code }) => code)).toContain('advisory_lock');
    expect(rows(await client.query('select pg_advisory_unlock(7)'))).toEqual([['t']]);
    expect(await portOf(client)).toBe(a().port);
  });

  test('opens a transaction: the move waits for its end', async () => {
    const { client, id } = await connect();
    const { moved } = await stopped(id);
    await client.query('begin');
    relayB.release();
    const rowOf = async (): Promise<TransferRow | undefined> => (await yard().snapshot()).transfers.find((row) => row.sessionId === id);
    await expect.poll(async () => (await rowOf())?.reason ?? '', { timeout: 10_000 }).toMatch(/^busy in transaction since/);
    await client.query('commit');
    expect(await moved).toMatchObject({ outcome: 'success' });
    expect(await portOf(client)).toBe(b().port);
  });

  test('gets a notification from its old server', async () => {
    const { client, id } = await connect();
    await client.query('listen here');
    const row = await moveAround(id, async () => {
      const other = new pg.Client({ connectionString: a().url() });
      await other.connect();
      await other.query(`notify here, 'in between'`);
      await other.end();
      expect((await client.until('A')).at(-1)?.body.toString('latin1')).toContain('in between');
    });
    expect(row).toMatchObject({ outcome: 'success', mode: 'optimistic' });
    expect(await portOf(client)).toBe(b().port);
  });

  test('leaves: nothing stays behind', async () => {
    const { client, id } = await connect();
    const { moved } = await stopped(id);
    client.destroy();
    expect(await moved).toMatchObject({ outcome: 'error_recoverable', reason: 'the client left' });
    relayB.release();
    await expect.poll(async () => (await yard().snapshot()).pools.every((pool) => pool.active === 0), { timeout: 10_000 }).toBe(true);
    expect((await yard().sessions()).filter((row) => row.id === id)).toEqual([]);
  });

  test('is busy throughout a move that is to be optimistic: it is captured again', async () => {
    const { client, id } = await connect();
    const row = await moveAround(id, () => client.query('select 1'), { mode: 'optimistic' });
    expect(row).toMatchObject({ outcome: 'success', mode: 'optimistic', attempts: 2 });
    expect(await portOf(client)).toBe(b().port);
  });
});

describe('the operator meanwhile', () => {
  test('cancels: the session stays, and nobody notices', async () => {
    const { client, id } = await connect();
    const { moved } = await stopped(id);
    const operation = (await yard().snapshot()).operations.at(-1);
    await yard().switchyard.handlers['operation.cancel']({ operationId: operation?.id ?? 0 });
    expect(await moved).toMatchObject({ outcome: 'error_recoverable', reason: 'cancelled by the operator', pauseMs: 0 });
    expect(await portOf(client)).toBe(a().port);
  });
});

describe('the servers meanwhile', () => {
  async function killOld(): Promise<void> {
    const killer = new pg.Client({ connectionString: a().url() });
    await killer.connect();
    await killer.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    );
    await killer.end();
  }

  test.each<TransferMode>(['optimistic', 'preconnect'])(
    'the old one has a notification on its way at the swap (%s): it arrives',
    async (mode) => {
      const { client, id } = await connect();
      await client.query('listen here');
      const { moved } = await stopped(id, { mode });
      relayA.mute();
      const other = new pg.Client({ connectionString: a().url() });
      await other.connect();
      await other.query(`notify here, 'on its way'`);
      await other.end();
      relayB.release();
      expect(await moved).toMatchObject({ outcome: 'success', mode });
      expect(await portOf(client)).toBe(b().port);
      relayA.unmute();
      expect((await client.until('A')).at(-1)?.body.toString('latin1')).toContain('on its way');
      expect(await portOf(client)).toBe(b().port);
      // The old server connection is as good as any.
      const stays = await connect();
      expect(rows(await stays.client.query('select * from pg_listening_channels()'))).toEqual([]);
    },
  );

  test('the old one dies under a client that has sent nothing: it is rescued, and what it sends waits until then', async () => {
    const { client, id } = await connect();
    await client.query(`set app.kept = 'yes'`);
    const { moved } = await stopped(id);
    await killOld();
    await expect.poll(async () => (await yard().sessions()).find((row) => row.id === id)?.serverPid, { timeout: 10_000 }).toBeNull();
    client.write(query('show app.kept'));
    await allRead();
    relayB.release();
    const row = await moved;
    expect(row).toMatchObject({ outcome: 'success', mode: 'optimistic', attempts: 1, heldBytes: query('show app.kept').length });
    expect(rows(await client.until('Z'))).toEqual([['yes']]);
    expect(await portOf(client)).toBe(b().port);
  });

  test('both are lost: the client is told why', async () => {
    const { client, id } = await connect();
    await client.query(`set app.kept = 'yes'`);
    const { moved } = await stopped(id);
    await killOld();
    await expect.poll(async () => (await yard().sessions()).find((row) => row.id === id)?.serverPid, { timeout: 10_000 }).toBeNull();
    await running.switchyard.handlers['operation.cancel']({ operationId: (await yard().snapshot()).operations.at(-1)?.id ?? 0 });
    expect(await moved).toMatchObject({
      outcome: 'error_fatal',
      reason: expect.stringMatching(/^the old server was lost during the move/) as string,
    });
    const told = (await client.until('E')).at(-1);
    expect(told && fields(told)['C']).toBe('57P01');
    await client.closed();
  });

  test('the target is lost: the session stays, and nobody notices', async () => {
    const { client, id } = await connect();
    relayB.arm('close', RESTORE, 2);
    const row = await transfer(yard(), id, 'ep-b');
    expect(row).toMatchObject({ outcome: 'error_recoverable', pauseMs: 0 });
    expect(await portOf(client)).toBe(a().port);
  });

  test('the old server is slow at the second look: what the client sends is held, and goes to the new one', async () => {
    const { client, id } = await connect();
    relayA.arm('silence', LOOK, 2);
    const moved = transfer(yard(), id, 'ep-b', { mode: 'two-phase' });
    await relayA.struck();
    const asked = query(`select 42 -- ${'x'.repeat(50_000)}`);
    client.write(asked);
    expect((await yard().sessions()).find((row) => row.id === id)?.state).toBe('migrating');
    await allRead();
    relayA.release();
    const row = await moved;
    expect(row).toMatchObject({ outcome: 'success', mode: 'two-phase', heldBytes: asked.length });
    expect(rows(await client.until('Z'))).toEqual([['42']]);
    expect(await portOf(client)).toBe(b().port);
  });
});
