/** SHOW TRANSFER STATE and its answer, message by message (cockroach-migration.md 8.2), over a real socket. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ExchangeDeadline, ServerLost, type ServerConnection } from '../../core/backend/server-connection.ts';
import { query } from '../../core/wire/messages.ts';
import { Refusal, type Asking } from '../../core/migration/dialect.ts';
import {
  askForState,
  ForeignAnswer,
  forget,
  transferQuestion,
  type Question,
  type TransferState,
} from '../../core/migration/cockroach/transfer-state.ts';
import { parse } from '../../core/wire/messages.ts';
import { text } from '../support/matching.ts';
import { say, ScriptedServer, type Script } from '../support/scripted-server.ts';

const COLUMNS = ['error', 'session_state_base64', 'session_revival_token_base64', 'transfer_key'];
const STATE = Buffer.from('all that the session is').toString('base64');
const TOKEN = Buffer.from('a token').toString('base64');
const KEY = randomUUID();

const described = say.columns(...COLUMNS);
const given = (values: (string | null)[] = [null, STATE, TOKEN, KEY]): Buffer => say.row(...values);
const ended = Buffer.concat([say.done('SHOW TRANSFER STATE 1'), say.ready()]);
const right = Buffer.concat([described, given(), ended]);

interface Asked {
  readonly server: ScriptedServer;
  readonly connection: ServerConnection;
  readonly run: Asking<TransferState>;
  /** What went to the client. */
  readonly forwarded: Buffer[];
}

async function ask(script: Script | Buffer, changes: Partial<Question> = {}): Promise<Asked> {
  const server = await ScriptedServer.start(
    typeof script === 'function' ? script : ({ type }, socket) => void (type === 'Q' && socket.write(script)),
  );
  const connection = await server.connection();
  const forwarded: Buffer[] = [];
  const question: Question = {
    deadlineMs: 10_000,
    lateMs: 10_000,
    maxBytes: 1024,
    looks: false,
    unnamedParse: null,
    onUnasked: (frame) => forwarded.push(frame),
    ...changes,
  };
  return { server, connection, run: askForState(connection, question, KEY), forwarded };
}

/** The connection is as good as before. */
async function isInStep({ server, connection }: Asked): Promise<boolean> {
  server.script = (_message, socket) => void socket.write(Buffer.concat([say.done('SELECT 1'), say.ready()]));
  const messages = await connection.exchange(query('SELECT 1'), 1, { deadlineMs: 10_000 }).answer;
  return messages.map(({ type }) => String.fromCharCode(type)).join('') === 'CZ';
}

describe('the question', () => {
  it('has the exact words', async () => {
    const { server, run } = await ask(right);
    await run.answer;
    expect(transferQuestion('foo-bar-baz')).toBe("SHOW TRANSFER STATE WITH 'foo-bar-baz'");
    expect(server.heard.filter(({ type }) => type === 'Q').map(({ body }) => body.toString())).toEqual([
      `SHOW TRANSFER STATE WITH '${KEY}'\0`,
    ]);
  });

  it('has a new key each time', async () => {
    const { server, connection, run } = await ask(right);
    await run.answer;
    const question = { deadlineMs: 10_000, lateMs: 10_000, maxBytes: 1024, looks: false, unnamedParse: null, onUnasked: () => {} };
    const second = askForState(connection, question);
    await expect(second.answer).rejects.toThrow('another key');
    expect(server.heard.at(-1)?.body.toString()).toMatch(
      /^SHOW TRANSFER STATE WITH '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'\0$/,
    );
  });

  it('to a connection that is closed fails, and the session is lost with it', async () => {
    const server = await ScriptedServer.start(() => {});
    const connection = await server.connection();
    connection.destroy();
    const run = askForState(connection, {
      deadlineMs: 10_000,
      lateMs: 10_000,
      maxBytes: 1024,
      looks: false,
      unnamedParse: null,
      onUnasked: () => {},
    });
    await expect(run.answer).rejects.toBeInstanceOf(ServerLost);
    await run.quiet;
    expect(connection.isOpen).toBe(false);
  });
});

describe('the answer', () => {
  it('hands out state and token, as copies, and leaves the connection in step', async () => {
    const asked = await ask(right);
    const state = await asked.run.answer;
    await asked.run.quiet;
    expect({ ...state, token: state.token.toString() }).toEqual({
      state: STATE,
      token: TOKEN,
      unnamed: null,
      look: { statements: null, settings: null },
      bytes: 23,
      messageBytes: given().length,
    });
    expect(await isInStep(asked)).toBe(true);
    expect(state.token.toString()).toBe(TOKEN);
    forget(state);
    expect(state.token.every((byte) => byte === 0)).toBe(true);
  });

  it('may come byte by byte', async () => {
    const { run } = await ask(({ type }, socket) => {
      if (type !== 'Q') return;
      socket.setNoDelay(true);
      const step = (at: number): void =>
        void socket.write(right.subarray(at, at + 1), () => at + 1 < right.length && setImmediate(step, at + 1));
      step(0);
    });
    expect((await run.answer).state).toBe(STATE);
  });

  it('may have an empty error in the place of none', async () => {
    const { run } = await ask(Buffer.concat([described, given(['', STATE, TOKEN, KEY]), ended]));
    expect((await run.answer).state).toBe(STATE);
  });

  it('may have what a server says unasked around and in it: that is the client’s, in order', async () => {
    const unasked = [say.notice('one'), say.notification('two'), say.parameter('application_name', 'three'), say.notice('four')] as const;
    const answer = [unasked[0], described, unasked[1], given(), unasked[2], say.done('SHOW TRANSFER STATE 1'), unasked[3], say.ready()];
    const asked = await ask(Buffer.concat(answer));
    expect((await asked.run.answer).state).toBe(STATE);
    expect(asked.forwarded).toEqual(unasked);
    expect(asked.connection.parameters.get('application_name')).toBe('three');
    expect(await isInStep(asked)).toBe(true);
  });

  it.each<[string, string, string | null]>([
    ['cannot serialize a session which is inside a transaction', 'in_transaction', 'COMMIT'],
    ['cannot serialize a session which has active portals', 'open_portal', 'cursors'],
    ['cannot serialize a session which has portals or prepared statements', 'open_portal', 'cursors'],
    ['cannot serialize session with temporary schemas', 'temp_object', 'temporary tables'],
    ['no session is active', 'no_session', null],
    ['serialized session size 5.0 KiB exceeds max allowed size 2.0 KiB', 'state_too_large', 'max_session_size'],
    ['cannot create token for root user', 'root_user', 'another role'],
    ['session revival tokens are not supported on this cluster', 'feature_off', 'SET CLUSTER SETTING'],
    ['the moon is in the wrong house', 'server_refused', null],
  ])('with the error "%s" refuses the move in these words', async (words, code, hint) => {
    const asked = await ask(Buffer.concat([described, given([words, null, null, KEY]), ended]));
    const failure: unknown = await asked.run.answer.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Refusal);
    expect((failure as Refusal).findings).toEqual([
      { level: 'block', code, message: text(words), hint: hint === null ? null : text(hint) },
    ]);
    await asked.run.quiet;
    expect(await isInStep(asked)).toBe(true);
  });

  it.each([
    ['before anything else', say.error('at or near "transfer": syntax error', '42601')],
    ['behind the row', Buffer.concat([described, given(), say.error('out of memory', '53200')])],
  ])('that is an ErrorResponse, %s, refuses the move; the session goes on', async (_where, error) => {
    const asked = await ask(Buffer.concat([error, say.ready()]));
    await expect(asked.run.answer).rejects.toBeInstanceOf(Refusal);
    await asked.run.quiet;
    expect(await isInStep(asked)).toBe(true);
  });

  it.each<[string, Buffer]>([
    ['BackendKeyData first', Buffer.concat([say.key(), right])],
    ['columns of 8 KB', Buffer.concat([say.columns(...COLUMNS, 'x'.repeat(8192)), given(), ended])],
    ['one column', Buffer.concat([say.columns('error'), given(), ended])],
    ['four wrong columns', Buffer.concat([say.columns('a', 'b', 'c', 'd'), given(), ended])],
    ['columns in another order', Buffer.concat([say.columns(...COLUMNS.toReversed()), given(), ended])],
    ['ReadyForQuery in the place of the row', Buffer.concat([described, say.ready()])],
    ['three values', Buffer.concat([described, given([null, STATE, TOKEN]), ended])],
    ['five values', Buffer.concat([described, given([null, STATE, TOKEN, KEY, KEY]), ended])],
    ['another key', Buffer.concat([described, given([null, STATE, TOKEN, randomUUID()]), ended])],
    ['no key', Buffer.concat([described, given([null, STATE, TOKEN, null]), ended])],
    ['ReadyForQuery in the place of the command', Buffer.concat([described, given(), say.ready()])],
    ['another count', Buffer.concat([described, given(), say.done('SHOW TRANSFER STATE 2'), say.ready()])],
    ['a second command', Buffer.concat([described, given(), say.done('SHOW TRANSFER STATE 1'), say.done('SELECT 1'), say.ready()])],
    ['a second row', Buffer.concat([described, given(), given(), ended])],
    ['a transaction', Buffer.concat([described, given(), say.done('SHOW TRANSFER STATE 1'), say.ready('T')])],
    ['an error in a transaction', Buffer.concat([say.error('what?'), say.ready('E')])],
  ])(
    'that is another’s (%s) ends the old connection: nobody knows whose answer comes next; nothing of it reaches the client',
    async (_what, answer) => {
      const { run, connection, forwarded } = await ask(answer);
      await expect(run.answer).rejects.toBeInstanceOf(ForeignAnswer);
      await run.quiet;
      expect(connection.isOpen).toBe(false);
      expect(forwarded).toEqual([]);
    },
  );

  it('that is more than an answer ends the old connection', async () => {
    const { run, connection } = await ask(Buffer.concat([right, described]));
    await expect(run.answer).rejects.toBeInstanceOf(ServerLost);
    await run.quiet;
    expect(connection.isOpen).toBe(false);
  });

  it.each([
    ['a quote', `${STATE}'); DROP TABLE t; --`],
    ['nothing', null],
  ])('whose state is %s is of no use; the session goes on', async (_what, state) => {
    const asked = await ask(Buffer.concat([described, given([null, state, TOKEN, KEY]), ended]));
    await expect(asked.run.answer).rejects.toThrow('not base64');
    await asked.run.quiet;
    expect(await isInStep(asked)).toBe(true);
  });

  it.each([
    ['a little', 1026, '0.0 MiB'],
    ['by far', 1024 * 1024, 'more than'],
  ])('with a state that is too large %s refuses the move, and is read to its end', async (_how, bytes, words) => {
    const asked = await ask(Buffer.concat([described, given([null, Buffer.alloc(bytes, 7).toString('base64'), TOKEN, KEY]), ended]));
    await expect(asked.run.answer).rejects.toThrow(words);
    await asked.run.quiet;
    expect(await isInStep(asked)).toBe(true);
  });

  it('with the largest state is carried', async () => {
    const { run } = await ask(Buffer.concat([described, given([null, Buffer.alloc(1023, 7).toString('base64'), TOKEN, KEY]), ended]));
    expect((await run.answer).bytes).toBe(1023);
  });

  it.each([
    ['closes', (socket: { end(): void }) => socket.end()],
    ['resets', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ])('does not come, because the server %s the connection: the session is lost with it', async (_how, leave) => {
    const { run, connection } = await ask(({ type }, socket) => type === 'Q' && leave(socket));
    await expect(run.answer).rejects.toBeInstanceOf(ServerLost);
    await run.quiet;
    expect(connection.isOpen).toBe(false);
  });

  it('that comes late is swallowed, once the cancel has arrived, and the session goes on', async () => {
    const asked = await ask(
      ({ type }, socket) => {
        const held = (): void => {
          if (asked.server.heard.some((message) => message.type === '!')) socket.write(right);
          else setImmediate(held);
        };
        if (type === 'Q') setImmediate(held);
      },
      { deadlineMs: 20 },
    );
    await expect(asked.run.answer).rejects.toBeInstanceOf(ExchangeDeadline);
    await asked.run.quiet;
    expect(asked.connection.isOpen).toBe(true);
    expect(asked.connection.cancelsInFlight).toBe(0);
    expect(await isInStep(asked)).toBe(true);
  });

  it('that never comes is waited for to the end of its time, then the old connection is given up', async () => {
    const { run, connection, server } = await ask(() => {}, { deadlineMs: 20, lateMs: 50 });
    await expect(run.answer).rejects.toBeInstanceOf(ExchangeDeadline);
    await run.quiet;
    expect(connection.isOpen).toBe(false);
    expect(server.heard.some(({ type }) => type === '!')).toBe(true);
  });
});

describe('the unnamed statement', () => {
  const frame = parse('', 'SELECT $1::int');
  const shape = [say.frame('t', Buffer.from([0, 1, 0, 0, 0, 23])), say.columns('int4')];
  const present = Buffer.concat([...shape, say.ready()]);
  const missing = Buffer.concat([say.error('unnamed prepared statement does not exist', '26000'), say.ready()]);

  /** A server that drops it at every simple query, or does not. */
  function server(drops: boolean, known = true): Script {
    let isThere = known;
    return ({ type }, socket) => {
      if (type === 'Q') {
        socket.write(right);
        if (drops) isThere = false;
      } else if (type === 'P') {
        isThere = true;
        socket.write(say.frame('1'));
      } else if (type === 'S') socket.write(isThere ? present : missing);
    };
  }

  it('goes along with its shape where the server keeps it', async () => {
    const { run, server: scripted } = await ask(server(false), { unnamedParse: frame });
    const { unnamed } = await run.answer;
    await run.quiet;
    expect(unnamed?.parse).toEqual(frame);
    expect(unnamed?.shape.length).toBeGreaterThan(10);
    expect(scripted.heard.map(({ type }) => type).join('')).toBe('DSQDS');
  });

  it('is put back where the server drops it at a simple query', async () => {
    const { run, server: scripted } = await ask(server(true), { unnamedParse: frame });
    await run.answer;
    await run.quiet;
    expect(scripted.heard.map(({ type }) => type).join('')).toBe('DSQDSPDS');
  });

  it('that the server does not have is not carried, and not made', async () => {
    const { run, server: scripted } = await ask(server(true, false), { unnamedParse: frame });
    expect((await run.answer).unnamed).toBeNull();
    await run.quiet;
    expect(scripted.heard.map(({ type }) => type).join('')).toBe('DSQDS');
  });
});
