/** The target of a CockroachDB session before it is there: an open channel, and room in the pool. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { passwordCredential } from '../../core/backend/credential.ts';
import { UNSEEN } from '../../core/migration/cockroach/look.ts';
import { CockroachSide } from '../../core/migration/cockroach/side.ts';
import type { TransferState } from '../../core/migration/cockroach/transfer-state.ts';
import { Refusal, type Opening } from '../../core/migration/dialect.ts';
import { transferDeadlines } from '../../core/migration/transfer/deadlines.ts';
import { Pools } from '../../core/pool/pools.ts';
import { cleanWant } from '../../core/pool/want.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { settings } from '../../core/contract/index.ts';
import { say, ScriptedServer, startupParameters, welcome, type Script } from '../support/scripted-server.ts';

const TOKEN = 'crdb:session_revival_token_base64';
const state = (): TransferState => ({
  state: 'YQ==',
  token: Buffer.from('c2VjcmV0'),
  unnamed: null,
  look: UNSEEN,
  bytes: 1,
  messageBytes: 10,
});

interface Rig {
  readonly server: ScriptedServer;
  readonly pools: Pools;
  readonly opening: Opening;
  readonly abort: AbortController;
}

async function rig(script: Script = (_message, socket) => void socket.write(welcome()), size = 2): Promise<Rig> {
  const server = await ScriptedServer.start(script);
  const abort = new AbortController();
  const pooling = { ...settings.shape.pooling.parse(undefined), size };
  const pools = new Pools({ report: () => {}, onDial: () => {}, settings: () => pooling });
  onTestFinished(() => pools.close());
  const login = { ...server.login, credential: passwordCredential('x') };
  const opening: Opening = {
    login,
    journal: new SessionJournal([]),
    acquire: () => Promise.reject(new Error('not for this dialect')),
    release: (connection) => pools.release(connection, 'close'),
    reserve: () => pools.reserve(cleanWant(login, 'b')),
    tells: () => pools.tells(login),
    signal: abort.signal,
  };
  return { server, pools, opening, abort };
}

const deadlines = transferDeadlines({ dialMs: 10_000 });

describe('a target that is opened ahead', () => {
  it('logs in with the token, and belongs to the pool from then on', async () => {
    const { server, pools, opening } = await rig();
    const side = await CockroachSide.open(opening, deadlines);
    expect(side).toMatchObject({ isOpen: true, connection: null });
    expect(pools.rows()).toMatchObject([{ active: 0, opened: 0 }]);
    const carried = state();
    await side.logIn(carried, 10_000);
    expect(carried.token.every((byte) => byte === 0)).toBe(true);
    expect(startupParameters(server.heard[0]?.body ?? Buffer.alloc(0)).get(TOKEN)).toBe('c2VjcmV0');
    expect(pools.rows()).toMatchObject([{ active: 1, opened: 1 }]);
    side.discard();
    await expect.poll(() => server.sockets.size).toBe(0);
    expect(pools.rows()).toMatchObject([{ active: 0 }]);
  });

  it('takes its room in the pool before it is there, and gives it back', async () => {
    const { server, opening } = await rig(undefined, 1);
    const first = await CockroachSide.open(opening, deadlines);
    await expect(CockroachSide.open(opening, deadlines)).rejects.toThrow('is full');
    first.discard();
    first.discard();
    const second = await CockroachSide.open(opening, deadlines);
    second.discard();
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it('cannot be had where nobody listens; the room is free again', async () => {
    const { server, opening, pools } = await rig(undefined, 1);
    await server.stop();
    await expect(CockroachSide.open(opening, deadlines)).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(CockroachSide.open(opening, deadlines)).rejects.toMatchObject({ kind: 'unreachable' });
    expect(pools.rows()).toMatchObject([{ active: 0, connecting: 0 }]);
  });

  it('is given up with the transfer', async () => {
    const { opening, abort, server } = await rig();
    abort.abort(new Error('cancelled'));
    await expect(CockroachSide.open(opening, deadlines)).rejects.toMatchObject({ kind: 'aborted' });
    await expect.poll(() => server.sockets.size).toBe(0);
  });
});

describe('a channel that the server closes while it waits', () => {
  it('soon after it was opened is a loss', async () => {
    const { opening, server } = await rig();
    const side = await CockroachSide.open(opening, deadlines);
    onTestFinished(() => side.discard());
    const lost = new Promise<string>((resolve) => side.watch(resolve));
    await expect.poll(() => server.sockets.size).toBe(1);
    for (const socket of server.sockets) socket.end();
    expect(await lost).toBe('it closed the connection');
    expect(side.isOpen).toBe(false);
  });

  it('after a while is replaced by another one, and nobody hears of it', async () => {
    const { opening, server } = await rig();
    const side = await CockroachSide.open(opening, deadlines);
    side.watch(() => expect.unreachable());
    await expect.poll(() => server.sockets.size).toBe(1);
    const later = Date.now() + 5_000;
    vi.spyOn(Date, 'now').mockReturnValue(later);
    onTestFinished(() => void vi.restoreAllMocks());
    const [first] = server.sockets;
    first?.end();
    await vi.waitFor(() => expect([...server.sockets].some((socket) => socket !== first)).toBe(true), { timeout: 10_000 });
    expect(side.isOpen).toBe(true);
    await side.logIn(state(), 10_000);
    expect(side.connection?.isOpen).toBe(true);
    side.discard();
  });
});

describe('a login with the token', () => {
  it('that the server refuses is a refusal in its words', async () => {
    const { opening, server } = await rig(
      (_message, socket) => void socket.write(say.error('invalid session revival token: invalid signature', '28000', 'FATAL')),
    );
    const side = await CockroachSide.open(opening, deadlines);
    const failure: unknown = await side.logIn(state(), 10_000).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Refusal);
    expect((failure as Refusal).findings).toMatchObject([{ code: 'other_cluster' }]);
    side.discard();
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it('that hangs when the transfer is given up leaves nothing behind', async () => {
    const { opening, server, pools } = await rig(() => {});
    const side = await CockroachSide.open(opening, deadlines);
    const loggingIn = side.logIn(state(), 60_000);
    await expect.poll(() => server.heard.length).toBe(1);
    side.discard();
    await expect(loggingIn).rejects.toBeInstanceOf(Error);
    await expect.poll(() => server.sockets.size).toBe(0);
    expect(pools.rows()).toMatchObject([{ active: 0 }]);
  });

  it('has its deadline', async () => {
    const { opening } = await rig(() => {});
    const side = await CockroachSide.open(opening, deadlines);
    await expect(side.logIn(state(), 30)).rejects.toMatchObject({ kind: 'silent' });
    side.discard();
  });
});
