/**
 * A move that waits for its session's next safe point is woken by it, whatever else was done with the session in the meantime; and what the
 * session does while it waits ties it to nothing.
 */
import { describe, expect, it } from 'vitest';
import type { TransferMode, TransferRow } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { sessionId, transfer } from '../support/migration.ts';
import { cancel, driver, one, pooledYard, query, raw, soon } from '../support/pooled.ts';
import { bind, execute, parse, rows, sync } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yardWith = (size: number): Promise<Yard> => pooledYard({ 'ep-a': cluster().url(), 'ep-b': other().url() }, { size });

/** Far longer than any of it takes: a move that is not woken is seen by its outcome. */
const WITHIN_MS = 15_000;

/** Begins the move of a session that is not at a safe point; resolves once it waits for one. `settled`: its last row. */
async function arm(yard: Yard, application: string, mode?: TransferMode): Promise<{ id: number; settled: () => Promise<TransferRow> }> {
  const id = await sessionId(yard, application);
  const { operationId } = await yard.switchyard.handlers.migrate({ sessionIds: [id], to: 'ep-b', withinMs: WITHIN_MS, mode });
  const row = async (): Promise<TransferRow | undefined> =>
    (await yard.snapshot()).transfers.find((each) => each.operationId === operationId);
  await expect.poll(async () => (await row())?.phase, soon).toBe('armed');
  const settled = async (): Promise<TransferRow> => {
    await expect.poll(async () => (await row())?.outcome, { timeout: WITHIN_MS + 15_000 }).not.toBeNull();
    const last = await row();
    if (last === undefined) throw new Error('the transfer is not kept');
    return last;
  };
  return { id, settled };
}

describe('an armed move is woken', () => {
  it('after the statements of its session were given its own names', async () => {
    const yard = await yardWith(3);
    const client = await driver(yard, { application_name: 'namer' });
    await client.query('begin');
    const { settled } = await arm(yard, 'namer');
    // From here on the proxy talks to the server in the middle of the transaction, and suspends the session for that.
    await client.query('prepare mine as select 1 as n');
    await client.query('commit');
    expect(await settled()).toMatchObject({ outcome: 'success', reason: null });
    expect(await one(client, 'execute mine')).toBe('1');
    expect(await one(client, 'select inet_server_port()')).toBe(String(other().port));
  });

  it('when the operator has rolled back its transaction', async () => {
    const yard = await yardWith(3);
    const client = await driver(yard, { application_name: 'idler' });
    await client.query('begin');
    const { id, settled } = await arm(yard, 'idler');
    await yard.switchyard.handlers['session.rollback']({ sessionId: id });
    expect(await settled()).toMatchObject({ outcome: 'success', reason: null });
  });

  it('when what its client waits for is cancelled', async () => {
    const yard = await yardWith(1);
    const holder = await driver(yard, { application_name: 'holder' });
    const { client, key } = await raw(yard, { application_name: 'waiter' });
    await holder.query('begin');
    client.write(query('select 1'));
    await expect.poll(async () => (await yard.sessions()).find(({ application }) => application === 'waiter')?.state, soon).toBe('waiting');
    const { settled } = await arm(yard, 'waiter');
    await cancel(yard, key);
    await client.until('Z');
    expect(await settled()).toMatchObject({ outcome: 'success', reason: null });
    await holder.query('commit');
  });
});

describe('a statement that was prepared before the proxy could look at the settings', () => {
  it('ties its session to no server connection', async () => {
    const yard = await yardWith(3);
    const { client } = await raw(yard, { application_name: 'setter' });
    await client.query('begin');
    const { settled } = await arm(yard, 'setter', 'preconnect');
    // The answer to the first is a safe point, and there the move holds what comes behind it: the statement passes as soon as it is over.
    client.write(query("set datestyle = 'ISO, DMY'; commit"), parse('day', `select '01/02/2024'::date`), sync);
    await client.until('Z');
    await client.until('Z');
    const first = await settled();
    const day = async (): Promise<unknown> => {
      client.write(bind('', 'day'), execute(''), sync);
      return rows(await client.until('Z'));
    };
    expect(await day()).toEqual([['2024-02-01']]);
    expect(await transfer(yard, 'setter', first.outcome === 'success' ? 'ep-a' : 'ep-b')).toMatchObject({ outcome: 'success' });
    await client.query("set datestyle = 'ISO, MDY'");
    expect(await day()).toEqual([['2024-02-01']]);
    expect((await yard.sessions()).flatMap(({ pins }) => pins)).toEqual([]);
  });
});
