/** The console's commands that move sessions: what they ask of the facade, and what they answer. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallError } from '../../core/contract/index.ts';
import { at, endpointRow, startConsole, transferRow, type ConsoleRig, type FakeHost } from '../support/console-rig.ts';

let rig: ConsoleRig;
let host: FakeHost;
let client: pg.Client;

beforeEach(async () => {
  rig = await startConsole();
  host = rig.host;
  client = new pg.Client({ host: '127.0.0.1', port: rig.port, user: 'me', database: 'switchyard' });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await rig.stop();
  expect(rig.log.list().filter(({ code }) => code === 'internal')).toEqual([]);
});

const moved = [
  { id: '1', outcome: 'success', reason: null, pause_ms: '1.235', from_backend: '127.0.0.1:1', to_backend: '127.0.0.1:2' },
  { id: '2', outcome: 'success', reason: null, pause_ms: '1.235', from_backend: '127.0.0.1:1', to_backend: '127.0.0.1:2' },
];
const nothing = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };

describe('terms', () => {
  it.each([
    ['MODE two-phase', { forceAfterMs: null, mode: 'two-phase' }],
    ['FORCE AFTER 60 MODE Optimistic', { forceAfterMs: 60_000, mode: 'optimistic' }],
    ['carry advisory_locks,sequences', { forceAfterMs: null, carry: { ...nothing, advisoryLocks: true, sequences: true } }],
    [
      'CARRY held_cursors , temporary_tables WITHIN 3',
      { forceAfterMs: null, carry: { ...nothing, heldCursors: true, temporaryTables: true } },
    ],
    ["CARRY 'none' FORCE AFTER .5", { forceAfterMs: 500, carry: nothing }],
  ])('%s', async (terms, asked) => {
    const { rows, command } = await client.query(`MIGRATE CLIENT 1 TO ep-b ${terms}`);
    expect([rows, command]).toEqual([[moved[0]], 'MIGRATE']);
    expect(host.done).toEqual([`migrate ${JSON.stringify(asked)}`]);
    expect(host.asked).toEqual([{ ids: [1], to: 'ep-b', withinMs: terms.includes('WITHIN 3') ? 3_000 : 30_000 }]);
  });

  it.each([
    ['MIGRATE CLIENT 1 TO ep-b WITHIN 1 WITHIN 2', '42601', /"WITHIN"/],
    ['MIGRATE CLIENT 1 TO ep-b FORCE 3', '42601', /expected AFTER/],
    ['MIGRATE CLIENT 1 TO ep-b FORCE AFTER soon', '22023', /FORCE AFTER takes seconds/],
    ['MIGRATE CLIENT 1 TO ep-b MODE sideways', '22023', /no mode "sideways"/],
    ['MIGRATE CLIENT 1 TO ep-b CARRY coal', '22023', /"coal" cannot be carried/],
    ['MIGRATE CLIENT 1 TO ep-b CARRY sequences,', '42601', /end of input/],
    ['DRAIN BACKEND 127.0.0.1:1 TO ep-b MODE optimistic', '42601', /"MODE"/],
    ['DRAIN BACKEND 127.0.0.1:9 TO ep-b', '42704', /no backend "127.0.0.1:9"/],
    ['DRAIN ENDPOINT ep-a TO ep-b', '42601', /expected BACKEND/],
    ['DRAIN BACKEND 127.0.0.1:1 TO nowhere', '42704', /no endpoint "nowhere"/],
    ['REMAP ENDPOINT ep-a TO nowhere', '42704', /no endpoint "nowhere"/],
    ['REMAP CLIENT 1 TO ep-b', '42601', /expected ENDPOINT/],
    ['UNDRAIN BACKEND 127.0.0.1:1 NOW', '42601', /"NOW"/],
    ['UNDO OPERATION one', '22023', /an operation's id is a number/],
    ['UNDO OPERATION 1 FORCE AFTER 3', '42601', /UNDO takes WITHIN only/],
    ['CANCEL OPERATION', '42601', /end of input/],
  ])('%s is refused', async (sql, code, message) => {
    await expect(client.query(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown });
    expect([host.asked, host.done]).toEqual([[], []]);
  });
});

it('drains a backend, and answers a line for each session', async () => {
  const { rows, command } = await client.query('DRAIN BACKEND 127.0.0.1:1 TO ep-b WITHIN 90 FORCE AFTER 120');
  expect([rows, command]).toEqual([moved, 'DRAIN']);
  const asked = { backend: '127.0.0.1:1', to: 'ep-b', withinMs: 90_000, forceAfterMs: 120_000 };
  expect(host.done).toEqual([`backend.drain ${JSON.stringify(asked)}`]);
});

it('remaps an endpoint to another, or to a URL', async () => {
  await client.query('REMAP ENDPOINT ep-a TO EP-B CARRY sequences');
  expect((await client.query("REMAP ENDPOINT ep-a TO 'postgresql://me@127.0.0.1:7/app'")).rows).toEqual(moved);
  const terms = { withinMs: 30_000, forceAfterMs: null };
  expect(host.done).toEqual([
    `endpoints.remap ${JSON.stringify({ endpoint: 'ep-a', to: 'ep-b', ...terms, carry: { ...nothing, sequences: true } })}`,
    `endpoints.remap ${JSON.stringify({ endpoint: 'ep-a', to: 'postgresql://me@127.0.0.1:7/app', ...terms })}`,
  ]);
});

it('lets clients come again, undoes and cancels', async () => {
  expect(await client.query('UNDRAIN BACKEND $1', ['127.0.0.1:1'])).toMatchObject({ command: 'UNDRAIN', rows: [] });
  expect((await client.query('UNDO OPERATION $1 WITHIN 5', [7])).rows).toEqual([moved[0]]);
  expect(await client.query('CANCEL OPERATION 7')).toMatchObject({ command: 'CANCEL', rows: [] });
  const undo = JSON.stringify({ operationId: 7, withinMs: 5_000 });
  expect(host.done).toEqual(['backend.undrain 127.0.0.1:1', `operation.undo ${undo}`, 'operation.cancel 7']);
});

it('passes on what the facade refuses', async () => {
  host.answer = () => Promise.reject(new CallError('draining', 'it is being drained', 'Undo that first.'));
  await expect(client.query('DRAIN BACKEND 127.0.0.1:1 TO ep-b')).rejects.toMatchObject({
    code: '55000',
    message: 'it is being drained',
    hint: 'Undo that first.',
  });
});

it('lists what an operation waits for, what it is, and where new clients go', async () => {
  host.blocking = [
    {
      operationId: 3,
      sessionId: 1,
      application: 'app',
      reason: 'busy in transaction since 03:04:05 (9 s)',
      since: at,
      statementKind: 'UPDATE',
    },
  ];
  host.operations = () => [
    {
      id: 3,
      kind: 'drain',
      label: 'Drain 127.0.0.1:1 to ep-b',
      to: 'ep-b',
      backend: '127.0.0.1:1',
      startedAt: at,
      deadlineAt: at + 60_000,
      forceAt: at + 60_000,
      settledAt: null,
      total: 9,
      success: 7,
      recoverable: 0,
      fatal: 0,
      refused: 1,
      forced: 1,
      cancelled: false,
      undoable: false,
      blockers: 1,
    },
  ];
  host.endpoints = () => [{ ...endpointRow('ep-a', 1), redirectedTo: 'ep-b' }];
  expect((await client.query('SHOW BLOCKERS')).rows).toEqual([
    {
      operation: '3',
      client: '1',
      application_name: 'app',
      reason: 'busy in transaction since 03:04:05 (9 s)',
      since: '2026-01-02 03:04:05 UTC',
      statement_kind: 'UPDATE',
    },
  ]);
  expect((await client.query('SHOW OPERATIONS')).rows).toMatchObject([
    { kind: 'drain', backend: '127.0.0.1:1', force_at: '2026-01-02 03:05:05 UTC', forced: '1', blockers: '1', undoable: 'f' },
  ]);
  expect((await client.query('SHOW DATABASES')).rows).toMatchObject([{ redirected_to: 'ep-b' }]);
  expect((await client.query('SHOW ENDPOINTS')).rows).toMatchObject([{ redirected_to: 'ep-b' }]);
});

it('stops what it waits for when it is cancelled', async () => {
  let stopped = 0;
  const begun = new Promise<void>((begin) => {
    host.outcome = (id, to, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          stopped++;
          resolve(transferRow(id, to, 'error_recoverable', 'cancelled'));
        });
        begin();
      });
  });
  const outcome = client.query('DRAIN BACKEND 127.0.0.1:1 TO ep-b').then(
    () => null,
    (error: unknown) => error,
  );
  await begun;
  for (const each of rig.consoles) each.cancel();
  expect(await outcome).toMatchObject({ code: '57014' });
  expect(stopped).toBe(2);
});
