/**
 * A relay in front of a server that follows the protocol: it knows each exchange (what is asked up to the last Query or Sync, and the answer
 * up to as many ReadyForQuery), asks somebody whether to strike it, and spoils the answer of the one that is struck.
 */
import { once } from 'node:events';
import net from 'node:net';
import { cstring, message } from '../../support/wire-client.ts';
import type { Fault, Side } from './strike.ts';

/** An exchange that begins. */
export interface ExchangeBegun {
  readonly side: Side;
  /** On a connection of the proxy's own, for its own questions. */
  readonly isOwn: boolean;
}

/** What happens to its answer. */
export interface Strike {
  readonly fault: Fault;
  /** The answer comes as it is, and the fault right behind it. */
  readonly behind: boolean;
  /** How long a delay is. */
  readonly delayMs: number;
  /** Faults that are not of this connection alone. */
  readonly elsewhere: () => void;
}

const OWN = '\0application_name\0switchyard\0';
const PROTOCOL_3 = 196_608;
const ready = message('Z', Buffer.from('I'));
const nonsense = message('D', Buffer.from([0, 1, 0, 0, 0, 8]), Buffer.from('nonsense'));
const error = (severity: string): Buffer =>
  message('E', Buffer.concat([`S${severity}`, `V${severity}`, 'CXX000', 'Mas the test has it'].map(cstring)), Buffer.from([0]));

/** See the head of this file. */
export class StrikingRelay {
  readonly side: Side;
  /** Asked at the start of every exchange. */
  onExchange: (begun: ExchangeBegun) => Strike | null = () => null;
  readonly #upstreamPort: number;
  readonly #pairs = new Set<Pair>();
  readonly #server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));

  constructor(side: Side, upstreamPort: number) {
    this.side = side;
    this.#upstreamPort = upstreamPort;
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Connections of the proxy that are open. */
  get connections(): number {
    return [...this.#pairs].filter((pair) => !pair.isOver).length;
  }

  /** Gone as after a crash: what is open is reset, and nobody answers any more. */
  goDown(): void {
    this.#server.close();
    for (const pair of this.#pairs) pair.reset();
  }

  /** Ends silences: what was held flows on. */
  release(): void {
    for (const pair of this.#pairs) pair.release();
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) pair.reset();
  }

  #accept(socket: net.Socket): void {
    const pair = new Pair(socket, net.connect({ port: this.#upstreamPort, host: '127.0.0.1', noDelay: true }), (isOwn) =>
      this.onExchange({ side: this.side, isOwn }),
    );
    this.#pairs.add(pair);
    socket.once('close', () => this.#pairs.delete(pair));
  }
}

/** One connection of the proxy and the one to the server that belongs to it. */
class Pair {
  readonly #proxy: net.Socket;
  readonly #server: net.Socket;
  readonly #ask: (isOwn: boolean) => Strike | null;
  #asked: Buffer = Buffer.alloc(0);
  #heard: Buffer = Buffer.alloc(0);
  #isStarted = false;
  #isOwn = false;
  /** ReadyForQuery still to come. */
  #outstanding = 0;
  #strike: Strike | null = null;
  #isSilent = false;
  readonly #held: Buffer[] = [];

  constructor(proxy: net.Socket, server: net.Socket, ask: (isOwn: boolean) => Strike | null) {
    this.#proxy = proxy;
    this.#server = server;
    this.#ask = ask;
    proxy.on('error', () => undefined).on('close', () => server.destroy());
    server.on('error', () => undefined).on('close', () => proxy.destroy());
    proxy.on('data', (chunk: Buffer) => this.#onProxy(chunk));
    server.on('data', (chunk: Buffer) => this.#onServer(chunk));
  }

  get isOver(): boolean {
    return this.#proxy.destroyed;
  }

  reset(): void {
    // A reset in the middle of a shutdown fails in Node 20, and the handle is never closed.
    if (this.#proxy.writableEnded) this.#proxy.destroy();
    else this.#proxy.resetAndDestroy();
    this.#server.destroy();
  }

  release(): void {
    this.#isSilent = false;
    for (const bytes of this.#held.splice(0)) this.#proxy.write(bytes);
  }

  #onProxy(chunk: Buffer): void {
    this.#asked = Buffer.concat([this.#asked, chunk]);
    const groups = this.#takeGroups();
    if (groups > 0 && this.#outstanding === 0 && this.#strike === null) {
      this.#strike = this.#ask(this.#isOwn);
      if (this.#strike !== null) this.#begin(this.#strike);
    }
    this.#outstanding += groups;
    if (!this.#server.destroyed) this.#server.write(chunk);
  }

  /** How many ReadyForQuery what has been asked will bring. */
  #takeGroups(): number {
    let groups = 0;
    if (!this.#isStarted) {
      if (this.#asked.length < 8 || this.#asked.length < this.#asked.readInt32BE(0)) return 0;
      const packet = this.#asked.subarray(0, this.#asked.readInt32BE(0));
      this.#asked = this.#asked.subarray(packet.length);
      // A cancel request: nothing comes of it on this connection.
      if (packet.readInt32BE(4) !== PROTOCOL_3) return 0;
      this.#isStarted = true;
      this.#isOwn = packet.includes(OWN);
      groups++;
    }
    while (this.#asked.length >= 5) {
      const end = 1 + this.#asked.readInt32BE(1);
      if (this.#asked.length < end) break;
      if (this.#asked[0] === 0x51 || this.#asked[0] === 0x53) groups++;
      this.#asked = this.#asked.subarray(end);
    }
    return groups;
  }

  #begin({ fault, behind, elsewhere }: Strike): void {
    if (behind) return;
    if (fault === 'client gone' || fault.endsWith('server gone')) {
      this.#strike = null;
      elsewhere();
    }
  }

  #onServer(chunk: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, chunk]);
    while (this.#heard.length >= 5) {
      const end = 1 + this.#heard.readInt32BE(1);
      if (this.#heard.length < end) break;
      if (this.#heard[0] === 0x5a) this.#outstanding--;
      this.#heard = this.#heard.subarray(end);
    }
    const strike = this.#strike;
    if (this.#isSilent) this.#held.push(chunk);
    else if (strike === null) this.#proxy.write(chunk);
    else if (strike.behind) this.#strikeBehind(strike, chunk);
    else this.#spoil(strike, chunk);
  }

  #strikeBehind(strike: Strike, chunk: Buffer): void {
    this.#proxy.write(chunk);
    if (this.#outstanding > 0) return;
    this.#strike = null;
    if (strike.fault === 'close') this.#proxy.end();
    else if (strike.fault === 'reset') setImmediate(() => this.reset());
    else strike.elsewhere();
  }

  #spoil(strike: Strike, chunk: Buffer): void {
    switch (strike.fault) {
      case 'close':
        this.#proxy.end();
        this.#server.destroy();
        return;
      case 'reset':
        this.reset();
        return;
      case 'delay beyond deadline':
      case 'silence':
        this.#strike = null;
        this.#isSilent = true;
        this.#held.push(chunk);
        if (strike.fault === 'delay beyond deadline') setTimeout(() => this.release(), strike.delayMs).unref();
        return;
      default:
        this.#held.push(chunk);
        if (this.#outstanding > 0) return;
        this.#strike = null;
        this.#replace(strike.fault, Buffer.concat(this.#held.splice(0)));
    }
  }

  #replace(fault: Fault, answer: Buffer): void {
    const isLogin = answer[0] === 0x52;
    if (fault === 'wrong answer') this.#proxy.write(wronged(answer));
    else if (isLogin) this.#proxy.end(error('FATAL'));
    else this.#proxy.write(Buffer.concat([error('ERROR'), ready, answer.subarray(firstReady(answer))]));
  }
}

/** Where the first of the groups of an answer ends. */
function firstReady(answer: Buffer): number {
  let at = 0;
  while (answer[at] !== 0x5a) at += 1 + answer.readInt32BE(at + 1);
  return at + 1 + answer.readInt32BE(at + 1);
}

/** Every row is another one, and every description has another type; where there is neither, there is a row now. */
function wronged(answer: Buffer): Buffer {
  const said: Buffer[] = [];
  let isOther = false;
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    const frame = answer.subarray(at, at + 1 + answer.readInt32BE(at + 1));
    const other = otherThan(frame);
    isOther ||= other !== frame;
    said.push(other);
  }
  return Buffer.concat(isOther ? said : [nonsense, ...said]);
}

function otherThan(frame: Buffer): Buffer {
  if (frame[0] === 0x44) return nonsense;
  // Of a ParameterDescription the last type; of a RowDescription that of the last column, which eight bytes more follow.
  const isParameters = frame[0] === 0x74;
  if ((!isParameters && frame[0] !== 0x54) || frame.readInt16BE(5) === 0) return frame;
  const other = Buffer.from(frame);
  const at = frame.length - (isParameters ? 1 : 9);
  other.writeUInt8((other.readUInt8(at) ^ 1) & 0xff, at);
  return other;
}
