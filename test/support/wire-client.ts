/**
 * The client side of PostgreSQL's protocol, byte for byte and with no opinion: what a driver would never send can be sent, and
 * every answer is seen as it came. Written without core/wire, so that a mistake there is not repeated here.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** One message of the server. */
export interface WireMessage {
  type: string;
  body: Buffer;
}

const deadlineMs = 15_000;

/** A connection; every wait ends after 15 seconds with an error that says what was waited for. */
export class WireClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #failure: Error | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
    socket.on('error', (error) => (this.#failure = error));
    socket.on('close', () => (this.#closed = true));
  }

  /** Opens a TCP connection; sends nothing. A client that half-closes stays readable. */
  static async open(port: number, host = '127.0.0.1'): Promise<WireClient> {
    const socket = connect({ port, host, allowHalfOpen: true });
    const client = new WireClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Speaks through a socket that somebody else opened: the TLS layer over another one, for example. */
  static over(socket: Socket): WireClient {
    return new WireClient(socket);
  }

  /** Opens, sends a StartupMessage and reads up to the first ReadyForQuery. */
  static async start(
    port: number,
    parameters: Record<string, string> = {},
    host = '127.0.0.1',
  ): Promise<{ client: WireClient; greeting: WireMessage[] }> {
    const client = await WireClient.open(port, host);
    client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
    return { client, greeting: await client.until('Z') };
  }

  /**
   * A connection that is encrypted with TLS from here on, after an SSLRequest or (`direct`) without one; what this client had not
   * read is lost. The names `options` leaves out are not checked.
   */
  static async encrypted(port: number, options: ConnectionOptions & { direct?: boolean } = {}): Promise<WireClient> {
    const { direct = false, ...rest } = options;
    const plain = await WireClient.open(port);
    if (!direct) {
      plain.write(sslRequest);
      const answer = (await plain.bytes(1)).toString();
      if (answer !== 'S') throw new Error(`the SSLRequest was answered ${answer}`);
    }
    return await plain.encrypt({ ...(direct ? { ALPNProtocols: ['postgresql'] } : {}), ...rest });
  }

  /** Runs the client's side of the TLS handshake over this connection; rejects when it fails. */
  async encrypt(options: ConnectionOptions = {}): Promise<WireClient> {
    this.socket.removeAllListeners('data');
    const secure: TLSSocket = connectTls({ socket: this.socket, servername: 'localhost', rejectUnauthorized: false, ...options });
    const client = new WireClient(secure);
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('the connection was closed during the TLS handshake')));
    });
    return client;
  }

  /** Writes any bytes. */
  write(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Sends a simple query and reads up to its ReadyForQuery. */
  async query(text: string): Promise<WireMessage[]> {
    this.write(message('Q', cstring(text)));
    return await this.until('Z');
  }

  /** The next message; an error when the connection ends first. */
  async next(): Promise<WireMessage> {
    const type = (await this.#wait(5, 'a message')).toString('latin1', 0, 1);
    const length = this.#received.readInt32BE(1);
    const whole = await this.bytes(1 + length);
    return { type, body: whole.subarray(5) };
  }

  /** Messages up to and with the first of this type. */
  async until(type: string): Promise<WireMessage[]> {
    const messages: WireMessage[] = [];
    for (;;) {
      const next = await this.next().catch((error: unknown) => {
        throw new Error(`waiting for ${type} after [${messages.map(describe).join(' ')}]: ${String(error)}`);
      });
      messages.push(next);
      if (next.type === type) return messages;
    }
  }

  /** Takes exactly this many bytes, for answers that are no messages (`N` to an SSLRequest). */
  async bytes(count: number): Promise<Buffer> {
    const taken = Buffer.from((await this.#wait(count, `${count} bytes`)).subarray(0, count));
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** Waits until the server has closed its side. */
  async closed(): Promise<void> {
    if (this.#closed || this.socket.readableEnded) return;
    await this.#event(['end', 'close'], 'the end of the connection');
  }

  /** True once the server has closed its side or the connection broke. */
  get isClosed(): boolean {
    return this.#closed || this.socket.readableEnded;
  }

  /** Sends FIN and keeps reading. */
  halfClose(): void {
    this.socket.end();
  }

  /** Drops the connection without a goodbye. */
  destroy(): void {
    this.socket.destroy();
  }

  async #wait(count: number, what: string): Promise<Buffer> {
    while (this.#received.length < count) {
      if (this.isClosed) throw this.#failure ?? new Error(`connection closed while waiting for ${what}`);
      await this.#event(['data', 'end', 'close'], what);
    }
    return this.#received;
  }

  #event(names: string[], what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        for (const name of names) this.socket.off(name, done);
        if (error === undefined) resolve();
        else reject(error);
      };
      const done = (): void => settle();
      const timer = setTimeout(() => settle(new Error(`no ${what} within ${deadlineMs / 1_000} s`)), deadlineMs);
      for (const name of names) this.socket.on(name, done);
    });
  }
}

/** A message with type and length. */
export function message(type: string, ...body: Uint8Array[]): Buffer {
  const content = Buffer.concat(body);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** A startup packet without a type: parameters, and the protocol version 3.`minor`. */
export function startup(parameters: Record<string, string | Uint8Array>, minor = 0): Buffer {
  const words = Object.entries(parameters).flatMap(([name, value]) => [
    cstring(name),
    typeof value === 'string' ? cstring(value) : Buffer.concat([value, Buffer.from([0])]),
  ]);
  return packet(int32(196_608 + minor), ...words, Buffer.from([0]));
}

/** SSLRequest, GSSENCRequest. */
export const sslRequest = packet(int32(80_877_103));
export const gssEncRequest = packet(int32(80_877_104));

/** CancelRequest with the body of a BackendKeyData message. */
export function cancelRequest(backendKeyData: Buffer): Buffer {
  return packet(int32(80_877_102), backendKeyData);
}

/** A length, then the content. */
export function packet(...body: Uint8Array[]): Buffer {
  const content = Buffer.concat(body);
  return Buffer.concat([int32(content.length + 4), content]);
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

/** Extended protocol, text formats. */
export const parse = (name: string, sql: string): Buffer => message('P', cstring(name), cstring(sql), int16(0));
export const bind = (portal: string, statement: string, values: (string | null)[] = []): Buffer =>
  message('B', cstring(portal), cstring(statement), int16(0), int16(values.length), ...values.flatMap(bindValue), int16(0));
export const describeStatement = (name: string): Buffer => message('D', Buffer.from('S'), cstring(name));
export const execute = (portal: string, rows = 0): Buffer => message('E', cstring(portal), int32(rows));
export const closeStatement = (name: string): Buffer => message('C', Buffer.from('S'), cstring(name));
export const flush = message('H');
export const sync = message('S');
export const terminate = message('X');

/** The fields of ErrorResponse and NoticeResponse by their letters: `S` severity, `C` code, `M` message, `H` hint. */
export function fields(answer: WireMessage): Record<string, string> {
  const result: Record<string, string> = {};
  for (const part of answer.body.toString('utf8').split('\0')) {
    if (part !== '') result[part.slice(0, 1)] = part.slice(1);
  }
  return result;
}

/** The columns of a DataRow, as text. */
export function columns(row: WireMessage): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 2;
  for (let left = row.body.readInt16BE(0); left > 0; left--) {
    const length = row.body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : row.body.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}

/** The rows among some messages. */
export function rows(messages: WireMessage[]): (string | null)[][] {
  return messages.filter(({ type }) => type === 'D').map(columns);
}

function bindValue(value: string | null): Buffer[] {
  if (value === null) return [int32(-1)];
  const bytes = Buffer.from(value, 'utf8');
  return [int32(bytes.length), bytes];
}

function describe(answer: WireMessage): string {
  if (answer.type !== 'E' && answer.type !== 'N') return answer.type;
  const { S, C, M } = fields(answer);
  return `${answer.type}(${S} ${C} ${M})`;
}
