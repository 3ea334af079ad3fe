/** A pool whose server connections lead nowhere: what is written is kept, what the server says is said by the test. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { NO_CREDENTIAL } from '../../core/backend/credential.ts';
import { startupKey, type Login } from '../../core/backend/dial.ts';
import { ServerConnection } from '../../core/backend/server-connection.ts';
import { settings as settingsSchema, type Settings } from '../../core/contract/index.ts';
import { Pool } from '../../core/pool/pool.ts';
import { Share } from '../../core/pool/share.ts';
import { PREFER_TLS, type BackendTls } from '../../core/tls/backend-tls.ts';

export const ready = Buffer.from('Z\0\0\0\x05I');
/** The answers to DISCARD ALL and to an empty query. */
export const discarded = Buffer.concat([Buffer.from('C\0\0\0\x10DISCARD ALL\0'), ready]);
export const answered = Buffer.concat([Buffer.from('I\0\0\0\x04'), ready]);

/** See the head of this file. */
export class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  destroyed = false;
  ended = false;

  get isGone(): boolean {
    return this.destroyed || this.ended;
  }

  /** What was asked in simple queries, one after the other. */
  get asked(): string[] {
    return this.written.filter((bytes) => bytes[0] === 0x51).map((bytes) => bytes.toString('utf8', 5, bytes.length - 1));
  }

  says(bytes: Buffer): void {
    this.emit('data', bytes);
  }

  write(bytes: Buffer): boolean {
    this.written.push(bytes);
    return true;
  }

  resume(): this {
    return this;
  }

  end(bytes?: Buffer): void {
    if (bytes !== undefined) this.written.push(bytes);
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

export function loginOf(application = 'a', tls: BackendTls = PREFER_TLS, database = 'd'): Login {
  return {
    backend: { id: 'h:1', connect: { host: 'h', port: 1 } },
    tls,
    database,
    role: 'r',
    credential: NO_CREDENTIAL,
    startup: new Map([['application_name', application]]),
  };
}

/** A login under way that the test ends. */
export interface FakeDial {
  readonly login: Login;
  readonly signal: AbortSignal;
  succeed(): void;
  fail(error: Error): void;
}

/** What a test looks at. */
export interface PoolFigures {
  readonly active: number;
  readonly idle: number;
  readonly resetting: number;
  readonly checking: number;
  readonly cancelling: number;
  readonly connecting: number;
  readonly waiting: number;
  readonly opened: number;
  readonly reused: number;
}

/** See the head of this file. */
export interface PoolRig {
  readonly pool: Pool;
  /** In the order in which they were opened. */
  readonly sockets: FakeSocket[];
  /** Logins that wait for the test; only with `holdLogins`. */
  readonly dials: FakeDial[];
  readonly reports: string[];
  readonly resets: ServerConnection[];
  readonly paused: Set<string>;
  /** Live. */
  readonly limits: { -readonly [name in keyof Settings['pooling']]: Settings['pooling'][name] };
  readonly figures: () => PoolFigures;
  readonly socketOf: (connection: ServerConnection) => FakeSocket;
}

export function makePool(
  limits: Partial<Settings['pooling']> = {},
  options: { holdLogins?: boolean; share?: Share; database?: string } = {},
): PoolRig {
  const sockets: FakeSocket[] = [];
  const bySocket = new Map<ServerConnection, FakeSocket>();
  const dials: FakeDial[] = [];
  const reports: string[] = [];
  const resets: ServerConnection[] = [];
  const paused = new Set<string>();
  const pooling = { ...settingsSchema.shape.pooling.parse(undefined), ...limits };
  const open = ({ backend, tls, database, role, startup }: Login): ServerConnection => {
    const socket = new FakeSocket();
    sockets.push(socket);
    const connection = new ServerConnection(
      // The pool needs of a socket only what the fake has.
      { socket: socket as unknown as Socket, tls: null },
      {
        backend,
        tls,
        database,
        role,
        startupKey: startupKey(startup),
        pid: sockets.length,
        secret: Buffer.alloc(4),
        parameters: new Map(),
        rest: Buffer.alloc(0),
      },
    );
    bySocket.set(connection, socket);
    return connection;
  };
  const pool = new Pool(
    { backend: 'h:1', database: options.database ?? 'd', role: 'r' },
    options.share ?? new Share(() => pooling.perBackend),
    {
      settings: () => pooling,
      isPaused: (endpoint) => paused.has(endpoint),
      onReleased: () => {},
      onReset: (connection) => resets.push(connection),
      dial: (login, signal) => {
        if (options.holdLogins !== true) return Promise.resolve(open(login));
        return new Promise((resolve, reject) => {
          const settle = (how: () => void): void => {
            const at = dials.indexOf(dial);
            if (at >= 0) dials.splice(at, 1);
            how();
          };
          const dial: FakeDial = {
            login,
            signal,
            succeed: () => settle(() => resolve(open(login))),
            fail: (error) => settle(() => reject(error)),
          };
          signal.addEventListener('abort', () => dial.fail(new Error('given up')));
          dials.push(dial);
        });
      },
      report: (_level, code) => reports.push(code),
    },
  );
  return {
    pool,
    sockets,
    dials,
    reports,
    resets,
    paused,
    limits: pooling,
    figures: () => ({
      active: pool.stock.count('active'),
      idle: pool.stock.count('idle'),
      resetting: pool.stock.count('resetting'),
      checking: pool.stock.count('checking'),
      cancelling: pool.stock.count('cancelling'),
      connecting: pool.connecting,
      waiting: pool.waiting,
      opened: pool.opened,
      reused: pool.reused,
    }),
    socketOf: (connection) => {
      const socket = bySocket.get(connection);
      if (socket === undefined) throw new Error('that connection is not of this rig');
      return socket;
    },
  };
}
