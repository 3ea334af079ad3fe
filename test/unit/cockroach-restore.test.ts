/** Restoring a session on the new connection (cockroach-migration.md 8.2), over a real socket. */
import { describe, expect, it } from 'vitest';
import { ServerLost } from '../../core/backend/server-connection.ts';
import { checkSame, restoreSession, restoreStatement } from '../../core/migration/cockroach/restore.ts';
import { UNSEEN } from '../../core/migration/cockroach/look.ts';
import type { TransferState, Unnamed } from '../../core/migration/cockroach/transfer-state.ts';
import { Refusal } from '../../core/migration/dialect.ts';
import { parse } from '../../core/wire/messages.ts';
import { text } from '../support/matching.ts';
import { say, ScriptedServer, type Script } from '../support/scripted-server.ts';

const STATE = Buffer.from('all that the session is').toString('base64');
const COLUMN = 'crdb_internal.deserialize_session';
const ended = Buffer.concat([say.done('SELECT 1'), say.ready()]);
const right = Buffer.concat([say.columns(COLUMN), say.row('t'), ended]);

async function restore(script: Script | Buffer, options: { unnamed?: Unnamed; deadlineMs?: number } = {}) {
  const server = await ScriptedServer.start(
    typeof script === 'function' ? script : ({ type }, socket) => void (type === 'Q' && socket.write(script)),
  );
  const connection = await server.connection();
  const state: TransferState = {
    state: STATE,
    token: Buffer.alloc(0),
    unnamed: options.unnamed ?? null,
    look: UNSEEN,
    bytes: 23,
    messageBytes: 100,
  };
  const done = restoreSession(connection, state, options.deadlineMs ?? 10_000).then((restored) => checkSame(state, new Map(), restored));
  return { server, connection, done };
}

describe('the restore', () => {
  it('has the exact words', async () => {
    const { server, done } = await restore(right);
    await done;
    expect(server.heard.at(-1)?.body.toString()).toBe(`SELECT crdb_internal.deserialize_session(decode('${STATE}', 'base64'))\0`);
  });

  it.each(["'", "YQ=='); DROP TABLE t; --", 'YQ==\0', 'a b', '==a'])('puts nothing but base64 into SQL: not %j', (state) => {
    expect(() => restoreStatement(state)).toThrow('not base64');
  });

  it('lets pass what a server says unasked, and knows the parameters that changed', async () => {
    const answer = [say.notice('one'), say.parameter('application_name', 'two'), right.subarray(0, -6), say.notice('three'), say.ready()];
    const { connection, done } = await restore(Buffer.concat(answer));
    await done;
    expect(connection.parameters.get('application_name')).toBe('two');
  });

  it.each<[string, Buffer]>([
    ['BackendKeyData first', Buffer.concat([say.key(), right])],
    ['no column', Buffer.concat([say.columns(), say.row('t'), ended])],
    ['two columns', Buffer.concat([say.columns(COLUMN, COLUMN), say.row('t'), ended])],
    ['another column', Buffer.concat([say.columns('deserialize_session'), say.row('t'), ended])],
    ['ReadyForQuery in the place of the row', Buffer.concat([say.columns(COLUMN), say.ready()])],
    ['no value', Buffer.concat([say.columns(COLUMN), say.row(), ended])],
    ['two values', Buffer.concat([say.columns(COLUMN), say.row('t', 't'), ended])],
    ['false', Buffer.concat([say.columns(COLUMN), say.row('f'), ended])],
    ['NULL', Buffer.concat([say.columns(COLUMN), say.row(null), ended])],
    ['ReadyForQuery in the place of the command', Buffer.concat([say.columns(COLUMN), say.row('t'), say.ready()])],
    ['SELECT 2', Buffer.concat([say.columns(COLUMN), say.row('t'), say.done('SELECT 2'), say.ready()])],
    ['a second command', Buffer.concat([say.columns(COLUMN), say.row('t'), say.done('SELECT 1'), ended])],
    ['a transaction', Buffer.concat([say.columns(COLUMN), say.row('t'), say.done('SELECT 1'), say.ready('T')])],
  ])('fails at another answer: %s', async (_what, answer) => {
    await expect((await restore(answer)).done).rejects.toThrow('the target answered the restore with something else');
  });

  it.each([
    ['cannot deserialize a session whilst inside a multi-statement transaction', '25000', 'in_transaction'],
    ['error deserializing session: unexpected EOF', '22023', 'state_refused'],
    ['can only deserialize matching session users', '42501', 'other_role'],
    ['only root can become root', '42501', 'root_user'],
    ['prepared statement "s2" already exists', '42P05', 'name_clash'],
  ])('that the server refuses (%s) is refused in its words', async (words, sqlState, code) => {
    const whole = `${COLUMN}(): ${words}`;
    const { done } = await restore(Buffer.concat([say.error(whole, sqlState), say.ready()]));
    const failure: unknown = await done.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Refusal);
    expect((failure as Refusal).findings).toMatchObject([{ level: 'block', code, message: text(whole) }]);
  });

  it('fails when the server is silent, or leaves', async () => {
    await expect((await restore(() => {}, { deadlineMs: 20 })).done).rejects.toThrow('no answer within 20 ms');
    await expect((await restore((_message, socket) => void socket.end())).done).rejects.toBeInstanceOf(ServerLost);
  });
});

describe('the unnamed statement', () => {
  const shapeOf = (column: string): Buffer[] => [say.frame('t', Buffer.from([0, 0])), say.columns(column)];
  const shape = (column: string): Buffer =>
    Buffer.concat(shapeOf(column).map((message) => Buffer.concat([message.subarray(0, 1), message.subarray(5)])));
  const unnamed: Unnamed = { parse: parse('', 'SELECT now()'), shape: shape('now') };
  const missing = Buffer.concat([say.error('unnamed prepared statement does not exist', '26000'), say.ready()]);

  /** `column`: what it looks like there; null: the server did not bring it along. `taken`: the server parses it. */
  function server(column: string | null, taken = true): Script {
    let present = column;
    return ({ type }, socket) => {
      if (type === 'Q') socket.write(right);
      else if (type === 'P') {
        if (taken) present = 'now';
        socket.write(taken ? say.frame('1') : say.error('relation "t" does not exist', '42P01'));
      } else if (type === 'S') socket.write(present === null ? missing : Buffer.concat([...shapeOf(present), say.ready()]));
    };
  }

  it('that came along is left as it is', async () => {
    const run = await restore(server('now'), { unnamed });
    await run.done;
    expect(run.server.heard.map(({ type }) => type).join('')).toBe('QDS');
  });

  it('that did not come along is parsed, and nothing is sent behind it that would drop it', async () => {
    const run = await restore(server(null), { unnamed });
    await run.done;
    expect(run.server.heard.map(({ type }) => type).join('')).toBe('QDSPDS');
  });

  it('that means something else on the target, or cannot be parsed there, ends the move', async () => {
    await expect((await restore(server('then'), { unnamed })).done).rejects.toThrow(
      'mean something else on the target, by their parameters or columns: the unnamed one',
    );
    await expect((await restore(server(null, false), { unnamed })).done).rejects.toThrow('does not take its unnamed statement');
  });
});
