/**
 * Asking for a session and restoring it, message by message (cockroach-migration.md 8.2 of the references), against dialect pods that
 * answer in every wrong way.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { ServerLost, type ServerConnection } from '../../core/backend/server-connection.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { restoreSession, restoreStatement } from '../../core/migration/cockroach/restore.ts';
import { askForState, forget, transferQuestion, type TransferState } from '../../core/migration/cockroach/transfer-state.ts';
import { Refusal, type Asking } from '../../core/migration/dialect.ts';
import { Server } from '../../core/wire/codes.ts';
import { noticeResponse } from '../../core/wire/errors.ts';
import { cstring, frame, int16, parameterStatus, parse, query, readyForQuery, syncMessage } from '../../core/wire/messages.ts';
import { commandComplete, dataRow, notification, rowDescription } from '../fakes/cockroach-dialect/answers.ts';
import type { Fault, Phase } from '../fakes/cockroach-dialect/faults.ts';
import type { Pod } from '../fakes/cockroach-dialect/pod.ts';
import { usePods } from '../fakes/cockroach-dialect/pods.ts';

const pods = usePods(2);
const KEY = 'foo-bar-baz';
const text = (name: string): { name: string; oid: number } => ({ name, oid: 25 });

async function connect(n = 1): Promise<ServerConnection> {
  const spec = { id: `pod-${n}`, ...parseBackendUrl(pods().pod(n).url()) };
  const server = await dial(loginFor(spec, 'app', 'defaultdb', new Map()));
  onTestFinished(() => server.destroy());
  return server;
}

/** Arms a knob for one time, for this test. */
function knob(pod: Pod, phase: Phase, fault: Fault): void {
  pod.faults.set(phase, fault, { times: 1 });
  onTestFinished(() => pod.faults.clear());
}

interface AskOptions {
  deadlineMs?: number;
  lateMs?: number;
  unnamedParse?: Buffer;
  looks?: boolean;
  unasked?: Buffer[];
}

function ask(server: ServerConnection, options: AskOptions = {}): Asking<TransferState> {
  const { deadlineMs = 10_000, lateMs = 10_000, unnamedParse = null, looks = false, unasked = [] } = options;
  return askForState(
    server,
    { deadlineMs, lateMs, maxBytes: 1_000_000, looks, unnamedParse, onUnasked: (bytes) => void unasked.push(Buffer.from(bytes)) },
    KEY,
  );
}

/** What a question comes to, once its connection is quiet: the error, and whether the session can go on. */
async function outcome({ answer, quiet }: Asking<TransferState>, server: ServerConnection): Promise<{ error: unknown; goesOn: boolean }> {
  const error = await answer.then(
    () => null,
    (reason: unknown) => reason,
  );
  await quiet;
  return { error, goesOn: server.isOpen };
}

const alive = async (server: ServerConnection): Promise<string> =>
  (await server.exchange(query('SELECT 1'), 1, { deadlineMs: 10_000 }).answer).map(({ type }) => String.fromCharCode(type)).join('');

describe('the question', () => {
  it('has these words', () => {
    expect(transferQuestion(KEY)).toBe("SHOW TRANSFER STATE WITH 'foo-bar-baz'");
  });

  it('is answered with state and token, which are copies of their own', async () => {
    const server = await connect();
    const before = pods().pod(1).heard.sql('TRANSFER STATE').length;
    const { answer, quiet } = ask(server);
    const state = await answer;
    await quiet;
    const saved = state.state;
    expect(Buffer.from(state.token.toString('latin1'), 'base64').toString()).toContain('signature');
    expect(JSON.parse(Buffer.from(saved, 'base64').toString())).toMatchObject({ sessionUser: 'app' });
    expect(state.bytes).toBe(Buffer.from(saved, 'base64').length);
    expect(pods().pod(1).heard.sql('TRANSFER STATE').slice(before)).toEqual([transferQuestion(KEY)]);
    // Whatever comes later in the same buffers changes nothing.
    await server.exchange(query("SELECT repeat('z', 100000)"), 1, { deadlineMs: 10_000 }).answer;
    expect(state.state).toBe(saved);
    forget(state);
    expect(state.token.every((byte) => byte === 0)).toBe(true);
  });

  it('cannot be sent: the session is lost with its server', async () => {
    const server = await connect();
    server.destroy('gone');
    const asking = (() => {
      try {
        return ask(server);
      } catch (error) {
        return { answer: Promise.reject(error instanceof Error ? error : new Error(String(error))), quiet: Promise.resolve() };
      }
    })();
    const { error, goesOn } = await outcome(asking, server);
    expect([error instanceof Error, goesOn]).toEqual([true, false]);
  });

  it.each(['show-T', 'show-D', 'show-C', 'show-Z'] as const)('loses its server at %s: nothing can be done', async (phase) => {
    for (const kind of ['close', 'reset'] as const) {
      const server = await connect();
      knob(pods().pod(1), phase, { kind });
      const { error, goesOn } = await outcome(ask(server), server);
      expect(error).toBeInstanceOf(ServerLost);
      expect(goesOn).toBe(false);
    }
  });

  it.each(['show-T', 'show-D', 'show-C', 'show-Z'] as const)(
    'is answered with an error at %s: at a counted safe point it is nobody else’s, and the session goes on',
    async (phase) => {
      const server = await connect();
      knob(pods().pod(1), phase, { kind: 'error', message: 'no' });
      const { error, goesOn } = await outcome(ask(server), server);
      expect(error).toBeInstanceOf(Refusal);
      expect((error as Refusal).message).toContain('no');
      expect(goesOn).toBe(true);
      expect(await alive(server)).toBe('TDCZ');
    },
  );

  it('is refused in the answer: those words, and the session goes on', async () => {
    const server = await connect();
    await server.exchange(query('CREATE TEMP TABLE t (x int)'), 1, { deadlineMs: 10_000 }).answer;
    const { error, goesOn } = await outcome(ask(server), server);
    expect((error as Refusal).message).toContain('cannot serialize session with temporary schemas');
    expect((error as Refusal).findings[0]?.code).toBe('temp_object');
    expect(goesOn).toBe(true);
    expect(await alive(server)).toBe('TDCZ');
  });

  it('hands what a server may say at any time on to the client, whole and in order', async () => {
    const server = await connect();
    const said = [noticeResponse({ severity: 'NOTICE', sqlState: '00000', message: 'by the way' }), notification(7, 'news', 'one')];
    knob(pods().pod(1), 'show-T', { kind: 'before', bytes: Buffer.concat(said) });
    const unasked: Buffer[] = [];
    const { answer, quiet } = ask(server, { unasked });
    await answer;
    await quiet;
    expect(Buffer.concat(unasked)).toEqual(Buffer.concat(said));
  });

  // Upstream hands these on to the client and goes on looking: there a query of the client's may still be running. Here none is.
  it.each([
    ['a BackendKeyData', 'show-T', { kind: 'before', bytes: frame(Server.BackendKeyData, Buffer.alloc(8)) }],
    ['8 KiB of RowDescription', 'show-T', { kind: 'before', bytes: rowDescription([text('x'.repeat(8_192))]) }],
    ['a RowDescription of one column', 'show-T', { kind: 'before', bytes: rowDescription([text('a')]) }],
    ['one of four other columns', 'show-T', { kind: 'wrong' }],
    ['a ReadyForQuery instead of the row', 'show-D', { kind: 'replace', bytes: readyForQuery() }],
    ['a row of three values', 'show-D', { kind: 'replace', bytes: dataRow([null, null, Buffer.from(KEY)]) }],
    ['another key', 'show-D', { kind: 'wrong' }],
    ['two rows', 'show-D', { kind: 'after', bytes: dataRow([null, null, null, Buffer.from(KEY)]) }],
    ['a ReadyForQuery instead of the tag', 'show-C', { kind: 'replace', bytes: readyForQuery() }],
    ['another tag', 'show-C', { kind: 'wrong' }],
    ['a transaction that is open afterwards', 'show-Z', { kind: 'replace', bytes: readyForQuery('T') }],
  ] as const)('is answered with %s: whose answer it is nobody knows, so the session ends', async (_what, phase, fault) => {
    const server = await connect();
    knob(pods().pod(1), phase, fault);
    const { error, goesOn } = await outcome(ask(server, { deadlineMs: 1_000, lateMs: 500 }), server);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(Refusal);
    expect(goesOn).toBe(false);
  });

  it('is answered with no ReadyForQuery at all: given up after its two deadlines', async () => {
    const server = await connect();
    knob(pods().pod(1), 'show-Z', { kind: 'replace', bytes: commandComplete('SHOW TRANSFER STATE 1') });
    const { error, goesOn } = await outcome(ask(server, { deadlineMs: 200, lateMs: 200 }), server);
    expect(String(error)).toContain('200 ms');
    expect(goesOn).toBe(false);
  });

  it.each(['show-T', 'show-D', 'show-C', 'show-Z'] as const)(
    'is answered too late at %s: the answer is swallowed, and only then the session goes on',
    async (phase) => {
      const server = await connect();
      const { faults } = pods().pod(1);
      knob(pods().pod(1), phase, { kind: 'silence' });
      const { answer, quiet } = ask(server, { deadlineMs: 100 });
      await expect(answer).rejects.toThrow(/100 ms/);
      faults.clear(phase);
      await quiet;
      expect(server.isOpen).toBe(true);
      expect(await alive(server)).toBe('TDCZ');
    },
  );

  it('may come in any pieces', async () => {
    const server = await connect();
    for (const phase of ['show-T', 'show-D', 'show-C', 'show-Z'] as const) {
      knob(pods().pod(1), phase, { kind: 'bytewise' });
      const { answer, quiet } = ask(server);
      expect((await answer).state.length).toBeGreaterThan(10);
      await quiet;
    }
  });

  it('is answered with more than is carried: refused, and the session goes on', async () => {
    const server = await connect();
    knob(pods().pod(1), 'show-D', { kind: 'huge', mib: 4 });
    const { error, goesOn } = await outcome(ask(server), server);
    expect((error as Refusal).findings.map(({ code }) => code)).toEqual(['state_too_large']);
    expect(goesOn).toBe(true);
    expect(await alive(server)).toBe('TDCZ');
  });

  it.each([true, false])('leaves the unnamed statement as it was, whether the server drops it (%s)', async (drops) => {
    pods().cluster.queryDropsUnnamed = drops;
    onTestFinished(() => void (pods().cluster.queryDropsUnnamed = true));
    const server = await connect();
    const unnamedParse = parse('', 'SELECT $1::int AS mine');
    await server.exchange(Buffer.concat([unnamedParse, syncMessage]), 1, { deadlineMs: 10_000 }).answer;
    const { answer, quiet } = ask(server, { unnamedParse, looks: true });
    const state = await answer;
    await quiet;
    expect(state.unnamed?.shape.includes('mine')).toBe(true);
    const described = await server.exchange(Buffer.concat([frame(0x44, Buffer.from('S'), cstring('')), syncMessage]), 1, {
      deadlineMs: 10_000,
    }).answer;
    expect(described.map(({ type }) => String.fromCharCode(type)).join('')).toBe('tTZ');
  });
});

describe('the restore', () => {
  async function captured(prepare: Buffer[] = []): Promise<TransferState> {
    const server = await connect();
    for (const bytes of prepare) await server.exchange(bytes, 1, { deadlineMs: 10_000 }).answer;
    const { answer, quiet } = ask(server);
    const state = await answer;
    await quiet;
    return state;
  }

  it('has these words, and takes nothing but base64 into them', () => {
    expect(restoreStatement('QUJD')).toBe("SELECT crdb_internal.deserialize_session(decode('QUJD', 'base64'))");
    expect(() => restoreStatement("'); DROP TABLE t; --")).toThrow(/base64/);
  });

  it('brings settings and statements along', async () => {
    const state = await captured([query("SET application_name = 'mine'"), query('PREPARE p AS SELECT pod_id()')]);
    const target = await connect(2);
    await restoreSession(target, state, 10_000);
    const { answer } = target.exchange(Buffer.concat([query('SHOW application_name'), query('EXECUTE p')]), 2, { deadlineMs: 10_000 });
    const rows = (await answer).filter(({ type }) => type === Server.DataRow).map(({ body }) => body.toString('latin1', 6));
    expect(rows).toEqual(['mine', '2']);
  });

  it('cannot be sent, or loses its server: an error, and the new connection is no loss', async () => {
    const state = await captured();
    const closed = await connect(2);
    closed.destroy('gone');
    await expect((async () => await restoreSession(closed, state, 1_000))()).rejects.toThrow(/\w/);
    for (const phase of ['restore-T', 'restore-D', 'restore-C', 'restore-Z'] as const) {
      const target = await connect(2);
      knob(pods().pod(2), phase, { kind: 'reset' });
      await expect(restoreSession(target, state, 10_000)).rejects.toBeInstanceOf(ServerLost);
    }
  });

  it.each([
    ['a BackendKeyData first', 'restore-T', { kind: 'before', bytes: frame(Server.BackendKeyData, Buffer.alloc(8)) }],
    ['no columns', 'restore-T', { kind: 'replace', bytes: frame(Server.RowDescription, int16(0)) }],
    ['another column', 'restore-T', { kind: 'wrong' }],
    ['a ReadyForQuery instead of the row', 'restore-D', { kind: 'replace', bytes: readyForQuery() }],
    ['a row without values', 'restore-D', { kind: 'replace', bytes: dataRow([]) }],
    ['false', 'restore-D', { kind: 'wrong' }],
    ['a ReadyForQuery instead of the tag', 'restore-C', { kind: 'replace', bytes: readyForQuery() }],
    ['another tag', 'restore-C', { kind: 'wrong' }],
    ['a transaction that is open afterwards', 'restore-Z', { kind: 'replace', bytes: readyForQuery('T') }],
    ['no ReadyForQuery', 'restore-Z', { kind: 'wrong' }],
    ['silence', 'restore-D', { kind: 'silence' }],
  ] as const)('answered with %s fails', async (_what, phase, fault) => {
    const state = await captured();
    const target = await connect(2);
    knob(pods().pod(2), phase, fault);
    const failure = await restoreSession(target, state, 500).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(Refusal);
  });

  it('refused by the server is refused in its words', async () => {
    const state = await captured([query('PREPARE p AS SELECT 1')]);
    const target = await connect(2);
    await target.exchange(query('PREPARE p AS SELECT 2'), 1, { deadlineMs: 10_000 }).answer;
    const failure = await restoreSession(target, state, 10_000).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Refusal);
    expect((failure as Refusal).findings).toMatchObject([{ code: 'name_clash' }]);
  });

  it('lets the new server say what it likes in between', async () => {
    const state = await captured();
    const target = await connect(2);
    knob(pods().pod(2), 'restore-T', { kind: 'before', bytes: parameterStatus('TimeZone', 'Mars') });
    await restoreSession(target, state, 10_000);
    expect(target.parameters.get('TimeZone')).toBe('Mars');
  });
});
