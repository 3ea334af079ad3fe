/** The login with a session's token (cockroach-migration.md sections 3 and 8.5), over a real socket. */
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DialFailure } from '../../core/backend/dial.ts';
import { passwordCredential } from '../../core/backend/credential.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { WaitingChannel } from '../../core/backend/waiting-channel.ts';
import { tokenRefusal } from '../../core/migration/cockroach/refusals.ts';
import { say, ScriptedServer, startupParameters, welcome, type Script } from '../support/scripted-server.ts';

const TOKEN = Buffer.from('who has this is let in').toString('base64');

interface Attempt {
  readonly server: ScriptedServer;
  readonly token: Buffer;
  readonly done: Promise<ServerConnection>;
}

async function logIn(script: Script | Buffer, options: { remoteAddress?: string; deadlineMs?: number } = {}): Promise<Attempt> {
  const server = await ScriptedServer.start(typeof script === 'function' ? script : (_message, socket) => void socket.write(script));
  const login = { ...server.login, credential: passwordCredential('not for this') };
  const channel = await WaitingChannel.open(login);
  expect(server.heard).toEqual([]);
  const token = Buffer.from(TOKEN);
  const done = channel.logIn(login, token, options);
  done.then(
    (connection) => onTestFinished(() => connection.destroy()),
    () => {},
  );
  return { server, token, done };
}

async function failureOf({ done, server, token }: Attempt): Promise<DialFailure> {
  const failure: unknown = await done.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DialFailure);
  expect(JSON.stringify(failure) + (failure as Error).message).not.toContain(TOKEN);
  expect(token.every((byte) => byte === 0)).toBe(true);
  await expect.poll(() => server.sockets.size).toBe(0);
  return failure as DialFailure;
}

describe('the login with a token', () => {
  it('sends the session’s own startup parameters and the token, and no password', async () => {
    const { server, token, done } = await logIn(welcome(), { remoteAddress: '10.0.0.1:5000' });
    const connection = await done;
    expect([...startupParameters(server.heard[0]?.body ?? Buffer.alloc(0))]).toEqual([
      ['user', 'ada'],
      ['database', 'movies'],
      ['application_name', 'billing'],
      ['crdb:remote_addr', '10.0.0.1:5000'],
      ['crdb:session_revival_token_base64', TOKEN],
    ]);
    expect(server.heard).toHaveLength(1);
    expect(token.every((byte) => byte === 0)).toBe(true);
    expect(connection).toMatchObject({ pid: 42, role: 'ada', database: 'movies', isOpen: true });
    expect(connection.parameters.get('crdb_version')).toBe('CockroachDB CCL v25.1.0');
    expect(JSON.stringify(connection)).not.toContain(TOKEN);
  });

  it('takes any number of messages, notices and NegotiateProtocolVersion too', async () => {
    const many = Array.from({ length: 60 }, (_, at) => say.parameter(`p${at}`, 'x'));
    const negotiate = say.frame('v', Buffer.alloc(8));
    const { done } = await logIn(Buffer.concat([negotiate, say.authentication(0), say.notice('hello'), ...many, say.key(7), say.ready()]));
    expect(await done).toMatchObject({ pid: 7 });
    expect((await done).parameters.size).toBe(60);
  });

  it.each([
    ['clear text', 3],
    ['MD5', 5],
    ['SASL', 10],
  ])('answers no question for a password (%s)', async (_what, code) => {
    const attempt = await logIn(say.authentication(code));
    expect((await failureOf(attempt)).message).toContain('asks for a password although it was given the session’s token'.replace('’', "'"));
    expect(attempt.server.heard).toHaveLength(1);
  });

  it.each<[string, string]>([
    ['invalid session revival token: token issue time is in the future (1 > 0)', 'token_time'],
    ['invalid session revival token: token expiration time is in the past (1 > 0)', 'token_time'],
    ['invalid session revival token: token expiration time is too far in the future (1 > 0)', 'token_time'],
    ['invalid session revival token: token is for the wrong user "a", wanted "b"', 'other_role'],
    ['invalid session revival token: unsupported algorithm RSA', 'other_cluster'],
    ['invalid session revival token: invalid signature', 'other_cluster'],
    ['session revival tokens are not supported on this cluster', 'feature_off'],
  ])('that is refused ("%s") fails in the server’s words, for which there is a finding', async (words, code) => {
    const attempt = await logIn(say.error(words, '28000', 'FATAL'));
    const failure = await failureOf(attempt);
    expect(failure).toMatchObject({ kind: 'authentication', fields: { message: words } });
    expect(tokenRefusal(failure, 'pod-b')).toMatchObject({ level: 'block', code });
  });

  it('that fails for another reason is no refusal', async () => {
    const failure = await failureOf(await logIn(say.error('sorry, too many clients already', '53300', 'FATAL')));
    expect(failure).toMatchObject({ kind: 'refused' });
    expect(tokenRefusal(failure, 'pod-b')).toBeNull();
  });

  it.each<[string, Buffer]>([
    ['BindComplete', say.frame('2')],
    ['ready without having accepted', say.ready()],
    [
      'more than a login may be long',
      Buffer.concat([say.authentication(0), ...Array.from({ length: 9 }, () => say.parameter('x', 'y'.repeat(512 * 1024)))]),
    ],
  ])('fails at an answer that is none: %s', async (_what, answer) => {
    expect(await failureOf(await logIn(answer))).toMatchObject({ kind: 'protocol' });
  });

  it('fails when the server closes or is silent', async () => {
    expect(await failureOf(await logIn((_message, socket) => void socket.end()))).toMatchObject({ kind: 'protocol' });
    expect(await failureOf(await logIn(() => {}, { deadlineMs: 30 }))).toMatchObject({ kind: 'silent' });
  });
});

describe('a channel that waits', () => {
  it('says when it is lost, once, and cannot be used any more', async () => {
    const server = await ScriptedServer.start(() => {});
    const channel = await WaitingChannel.open(server.login);
    const reasons: string[] = [];
    channel.watch((reason) => reasons.push(reason));
    for (const socket of server.sockets) socket.end();
    await expect.poll(() => reasons).toEqual(['it closed the connection']);
    expect(channel.isOpen).toBe(false);
    const token = Buffer.from(TOKEN);
    await expect(channel.logIn(server.login, token)).rejects.toThrow('closed the connection before the login');
    expect(token.every((byte) => byte === 0)).toBe(true);
    expect(reasons).toHaveLength(1);
  });

  it('is lost when the server speaks unasked', async () => {
    const server = await ScriptedServer.start(() => {});
    const channel = await WaitingChannel.open(server.login);
    await expect.poll(() => server.sockets.size).toBe(1);
    for (const socket of server.sockets) socket.write(say.ready());
    await expect.poll(() => channel.isOpen).toBe(false);
  });

  it('leaves nothing open when it is not used', async () => {
    const server = await ScriptedServer.start(() => {});
    const channel = await WaitingChannel.open(server.login);
    await expect.poll(() => server.sockets.size).toBe(1);
    const [socket] = server.sockets;
    channel.watch(() => expect.unreachable());
    channel.discard();
    if (socket !== undefined && !socket.destroyed) await once(socket, 'close');
    expect(channel.isOpen).toBe(false);
  });

  it('cannot be had where nobody listens', async () => {
    const server = await ScriptedServer.start(() => {});
    const { login } = server;
    await server.stop();
    await expect(WaitingChannel.open(login)).rejects.toMatchObject({ kind: 'unreachable' });
  });
});
