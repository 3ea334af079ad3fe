import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallError, type OperationRow } from '../../core/contract/index.ts';
import { startConsole, type ConsoleRig, type FakeHost } from '../support/console-rig.ts';
import { operationRowOf } from '../support/operation-row.ts';

let rig: ConsoleRig;
let host: FakeHost;
let client: pg.Client;

beforeEach(async () => {
  rig = await startConsole();
  ({ host } = rig);
  client = new pg.Client({ host: '127.0.0.1', port: rig.port, user: 'me', database: 'switchyard' });
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await rig.stop();
});

function row(change: Partial<OperationRow>): OperationRow {
  const of = { id: 7, kind: 'restart', label: 'Restart 127.0.0.1:1: restart it now', to: '127.0.0.1:1', backend: '127.0.0.1:1' } as const;
  return operationRowOf({ ...of, ...change });
}

describe('RESTART BACKEND', () => {
  it('says when the server may be restarted', async () => {
    host.restartable = () => Promise.resolve(row({}));
    const { rows, command } = await client.query('RESTART BACKEND 127.0.0.1:1');
    expect([rows, command]).toEqual([[{ operation: '7', state: 'restart it now', sessions: '3' }], 'RESTART']);
    await client.query('RESTART BACKEND $1 WITHIN $2', ['127.0.0.1:1', '90']);
    expect(host.done).toEqual(['backend.restart 127.0.0.1:1 300000', 'backend.restart 127.0.0.1:1 90000']);
  });

  it('says when it could not be', async () => {
    host.restartable = () => Promise.resolve(row({ label: 'Restart 127.0.0.1:1', settledAt: 2, recoverable: 2 }));
    await expect(client.query('RESTART BACKEND 127.0.0.1:1')).rejects.toMatchObject({
      code: '55000',
      message: expect.stringMatching(/could not be restarted/) as unknown,
    });
    host.answer = () => Promise.reject(new CallError('restarting', 'it is under way already'));
    await expect(client.query('RESTART BACKEND 127.0.0.1:1')).rejects.toMatchObject({ code: '55000', message: 'it is under way already' });
  });

  it.each([
    ['RESTART', '42601', /BACKEND/],
    ['RESTART BACKEND', '42601', /end of input/],
    ['RESTART BACKEND 127.0.0.1:9', '42704', /no backend "127.0.0.1:9"/],
    ['RESTART BACKEND 127.0.0.1:1 NOW', '42601', /expected WITHIN or the end/],
    ['RESTART BACKEND 127.0.0.1:1 WITHIN ever', '22023', /WITHIN takes seconds/],
  ])('%s is refused', async (sql, code, message) => {
    await expect(client.query(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown });
    expect(host.done).toEqual([]);
  });
});
