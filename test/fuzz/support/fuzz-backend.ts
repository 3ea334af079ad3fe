/**
 * The fuzz backend: no PostgreSQL, but what one once said, played back word for word, and spoiled at one place per case. First a
 * `Recorder` stands in front of a real server and learns its answers; then the `FuzzBackend` gives them.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { int32, message } from '../../support/wire-client.ts';

/** What a server said to one session. */
export interface Repertoire {
  /** Behind the startup packet. */
  greeting: Buffer;
  /** By the requests they belong to, in the order in which they were given to the same request; the last one goes on. */
  readonly answers: Map<string, Buffer[]>;
}

/** One that has still to be learnt. */
export function emptyRepertoire(): Repertoire {
  return { greeting: Buffer.alloc(0), answers: new Map() };
}

/** What is to be spoiled: an answer of a connection of this `database`. */
export interface Fault {
  /** Where to strike: asked for each answer. `exchange`: 0 is the login. */
  strikes(at: { server: string; own: boolean; exchange: number; request: Buffer }): boolean;
  spoil(answer: Buffer): Buffer[];
  /** The spoiled answer is out, and its connection closed if that is how it ends. */
  over(): void;
  /** What the server does behind the spoiled answer. */
  readonly ending: 'fin' | 'reset' | 'go on';
}

const NOTHING = Buffer.alloc(0);

/** Bytes since the last Query or Sync, up to and with it; the server answers them with one ReadyForQuery. */
class Groups {
  #bytes: Buffer = NOTHING;
  #scanned = 0;

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  startup(): Buffer | null {
    if (this.#bytes.length < 4 || this.#bytes.length < this.#bytes.readInt32BE(0)) return null;
    return this.#take(this.#bytes.readInt32BE(0));
  }

  next(): Buffer | null {
    while (this.#bytes.length >= this.#scanned + 5) {
      const end = this.#scanned + 1 + this.#bytes.readInt32BE(this.#scanned + 1);
      if (this.#bytes.length < end) return null;
      const type = this.#bytes.toString('latin1', this.#scanned, this.#scanned + 1);
      this.#scanned = end;
      if ('QSX'.includes(type)) return this.#take(end);
    }
    return null;
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    // Even an empty rest would keep the memory that it is cut out of, once per connection.
    this.#bytes = length === this.#bytes.length ? NOTHING : this.#bytes.subarray(length);
    this.#scanned = 0;
    return taken;
  }
}

/** Forwards to a real server, one exchange after the other, and writes down what it answers to clients and to the proxy itself. */
export async function startRecorder(port: number, repertoire: Repertoire): Promise<{ port: number; close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    const groups = new Groups();
    const waiting: (string | null)[] = [];
    let heard: Buffer = Buffer.alloc(0);
    let startup: Buffer | null = null;
    for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => other.destroy());
    }
    client.on('data', (chunk: Buffer) => {
      groups.push(chunk);
      if (startup === null) {
        startup = groups.startup();
        if (startup !== null) waiting.push(null);
      }
      for (let group = groups.next(); group !== null; group = groups.next()) waiting.push(keyOf(group));
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      client.write(chunk);
      heard = Buffer.concat([heard, chunk]);
      for (let end = readyEnd(heard); end > 0; end = readyEnd(heard)) {
        const answer = Buffer.from(heard.subarray(0, end));
        heard = heard.subarray(end);
        const key = waiting.shift();
        if (key === null && !isOwn(startup)) repertoire.greeting = answer;
        if (key != null) repertoire.answers.set(key, [...(repertoire.answers.get(key) ?? []), answer]);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether a startup packet is that of a connection for the proxy's own questions. */
function isOwn(startup: Buffer | null): boolean {
  return startup?.includes('\0application_name\0switchyard\0') === true;
}

/** See the head of this file. */
export class FuzzBackend {
  readonly name: string;
  /** By database, which tells the cases apart that run side by side. */
  readonly faults: Map<string, Fault>;
  port = 0;
  readonly #repertoire: Repertoire;
  readonly #sockets = new Set<net.Socket>();
  readonly #server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));

  constructor(name: string, repertoire: Repertoire, faults: Map<string, Fault>) {
    this.name = name;
    this.#repertoire = repertoire;
    this.faults = faults;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as net.AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    const groups = new Groups();
    const given = new Map<string, number>();
    let database: string | null = null;
    let own = false;
    let exchange = 0;
    const answer = (request: Buffer, words: Buffer): void => {
      const fault = this.faults.get(database ?? '');
      if (fault?.strikes({ server: this.name, own, exchange, request }) !== true) {
        socket.write(words);
      } else {
        for (const piece of fault.spoil(words)) socket.write(piece);
        if (fault.ending === 'go on') setImmediate(() => fault.over());
        else socket.once('close', () => fault.over());
        if (fault.ending === 'fin') socket.end();
        else if (fault.ending === 'reset') setImmediate(() => socket.resetAndDestroy());
      }
      exchange++;
    };
    socket.on('data', (chunk: Buffer) => {
      groups.push(chunk);
      if (database === null) {
        const packet = groups.startup();
        if (packet === null) return;
        if (packet.readInt32BE(4) !== 196_608) return void socket.end();
        const words = packet.toString('utf8', 8).split('\0');
        database = words[words.indexOf('database') + 1] ?? '';
        own = isOwn(packet);
        answer(packet, this.#repertoire.greeting);
      }
      for (let group = groups.next(); group !== null; group = groups.next()) {
        if (group[0] === 0x58) return void socket.end();
        const key = keyOf(group);
        const before = given.get(key) ?? 0;
        given.set(key, before + 1);
        const answers = this.#repertoire.answers.get(key);
        answer(group, answers?.[Math.min(before, answers.length - 1)] ?? plainAnswer(group));
      }
    });
  }
}

const ready = message('Z', Buffer.from('I'));

/** What a server would say at least to what it was never asked before. */
function plainAnswer(group: Buffer): Buffer {
  const words: Record<string, Buffer> = { P: message('1'), B: message('2'), D: message('n'), E: tag, C: message('3'), Q: tag };
  const answers: Buffer[] = [];
  for (let at = 0; at + 5 <= group.length; at += 1 + group.readInt32BE(at + 1))
    answers.push(words[group.toString('latin1', at, at + 1)] ?? Buffer.alloc(0));
  return Buffer.concat([...answers, ready]);
}

const tag = message('C', Buffer.from('SET\0'));

/** Where the first ReadyForQuery ends; 0 when it is not there yet. */
function readyEnd(bytes: Buffer): number {
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) return 0;
    if (bytes[at] === 0x5a) return end;
    at = end;
  }
  return 0;
}

function keyOf(group: Buffer): string {
  return createHash('sha1').update(group).digest('base64');
}

/** Messages that no server sends there, or anywhere. */
export const odd: readonly Buffer[] = [
  message('Z', Buffer.from('I')),
  message('Z'),
  message('Z', Buffer.from('?')),
  message('A', int32(1)),
  message('A'),
  message('S'),
  message('S', Buffer.from('x')),
  message('S', Buffer.from('server_version\0\0')),
  message('S', Buffer.from('client_encoding\0LATIN1\0')),
  message('G', Buffer.from([0, 0, 0])),
  message('W', Buffer.from([0, 0, 0])),
  message('H', Buffer.from([0, 0, 0])),
  message('D', Buffer.from([0, 1, 0x7f, 0xff, 0xff, 0xff])),
  message('D'),
  message('T', Buffer.from([0x7f, 0xff])),
  message('t', Buffer.from([0x7f, 0xff, 0])),
  message('E'),
  message('E', Buffer.from('SFATAL\0C57P01\0Mgoodbye\0\0')),
  message('E', Buffer.from('SERROR\0VERROR\0C42P01\0Mno\0\0')),
  message('N', Buffer.from('no zero')),
  message('R', int32(3)),
  message('R', int32(10), Buffer.from('SCRAM-SHA-256\0\0')),
  message('K', int32(1)),
  message('v', int32(0), int32(0)),
  message('3'),
  message('c'),
  Buffer.from('D\x7f\xff\xff\xff', 'latin1'),
  Buffer.from('D\0\0\0\x03', 'latin1'),
  Buffer.from('Z\xff\xff\xff\xff', 'latin1'),
];
