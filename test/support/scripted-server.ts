/**
 * A server on a real socket that says what a test tells it to: for answers that no real server gives. Without core/wire, so that a mistake
 * there is not repeated here.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { dial } from '../../core/backend/dial.ts';
import { NO_CREDENTIAL } from '../../core/backend/credential.ts';
import type { Login } from '../../core/backend/login.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';

/** A message of the client's; the type of a startup packet is empty, that of a cancel request `!`. */
export interface Heard {
  readonly type: string;
  readonly body: Buffer;
}

/** Hears a message and answers on its socket. */
export type Script = (message: Heard, socket: Socket) => void;

/** What a server says. */
export const say = {
  frame: (type: string, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type, 0, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  },
  columns: (...names: string[]): Buffer =>
    say.frame('T', short(names.length), ...names.map((name) => Buffer.concat([text(name), Buffer.alloc(18)]))),
  row: (...values: (string | null)[]): Buffer =>
    say.frame(
      'D',
      short(values.length),
      ...values.map((value) => (value === null ? long(-1) : Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]))),
    ),
  done: (tag: string): Buffer => say.frame('C', text(tag)),
  ready: (status = 'I'): Buffer => say.frame('Z', Buffer.from(status)),
  error: (message: string, sqlState = 'XX000', severity = 'ERROR'): Buffer =>
    say.frame('E', text(`S${severity}`), text(`V${severity}`), text(`C${sqlState}`), text(`M${message}`), Buffer.alloc(1)),
  notice: (message: string): Buffer => say.frame('N', text('SNOTICE'), text('C00000'), text(`M${message}`), Buffer.alloc(1)),
  notification: (channel: string): Buffer => say.frame('A', long(7), text(channel), text('')),
  parameter: (name: string, value: string): Buffer => say.frame('S', text(name), text(value)),
  authentication: (code: number): Buffer => say.frame('R', long(code)),
  key: (pid = 42): Buffer => say.frame('K', long(pid), long(4711)),
};

/** A whole login that goes well. */
export const welcome = (): Buffer =>
  Buffer.concat([say.authentication(0), say.parameter('crdb_version', 'CockroachDB CCL v25.1.0'), say.key(), say.ready()]);

/** The parameters of a startup packet's body. */
export function startupParameters(body: Buffer): Map<string, string> {
  const words = body.toString('utf8', 4).split('\0');
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) found.set(words[i] ?? '', words[i + 1] ?? '');
  return found;
}

/** See the head of this file. */
export class ScriptedServer {
  readonly heard: Heard[] = [];
  readonly sockets = new Set<Socket>();
  script: Script;
  readonly #server: Server;

  private constructor(script: Script) {
    this.script = script;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens; gone when the test is over. */
  static async start(script: Script): Promise<ScriptedServer> {
    const server = new ScriptedServer(script);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    onTestFinished(() => server.stop());
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get login(): Login {
    const { port } = this;
    return {
      backend: { id: `127.0.0.1:${port}`, connect: { host: '127.0.0.1', port } },
      tls: { ...PREFER_TLS, mode: 'disable' },
      database: 'movies',
      role: 'ada',
      credential: NO_CREDENTIAL,
      startup: new Map([['application_name', 'billing']]),
    };
  }

  /** A connection that is logged in; the script answers only what comes after that. */
  async connection(): Promise<ServerConnection> {
    const { script } = this;
    this.script = (_message, socket) => void socket.write(welcome());
    const connection = await dial(this.login);
    this.script = script;
    onTestFinished(() => connection.destroy());
    return connection;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.sockets.add(socket);
    let buffered = Buffer.alloc(0);
    let begun = false;
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (;;) {
        const head = begun ? 1 : 0;
        if (buffered.length < head + 4 || buffered.length < head + buffered.readInt32BE(head)) return;
        const end = head + buffered.readInt32BE(head);
        const body = buffered.subarray(head + 4, end);
        const isCancel = !begun && body.readInt32BE(0) === 80877102;
        const message = { type: begun ? String.fromCharCode(buffered[0] ?? 0) : isCancel ? '!' : '', body };
        buffered = buffered.subarray(end);
        begun = true;
        this.heard.push(message);
        if (isCancel) socket.end();
        else this.script(message, socket);
      }
    });
  }
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function short(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
}

function long(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
}
