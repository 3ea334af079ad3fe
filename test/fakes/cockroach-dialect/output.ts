/** What a pod says on one connection: a whole answer in one write, but for the knobs. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Faults, Phase } from './faults.ts';
import { Gone, SqlError } from './sql-error.ts';
import { hugeState, wrongAnswer } from './wrong-answers.ts';

/** Written at the latest when so many bytes have come together. */
const FLUSH_BYTES = 32 * 1024;

/** See the head of this file. */
export class Output {
  readonly #faults: Faults;
  /** Aborted when the connection is gone. */
  readonly #gone: AbortSignal;
  /** The TCP connection, for a RST. */
  readonly #raw: Socket;
  #socket: Socket;
  #pending: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Socket, faults: Faults, gone: AbortSignal) {
    this.#raw = socket;
    this.#socket = socket;
    this.#faults = faults;
    this.#gone = gone;
  }

  /** What is said from now on is encrypted. */
  encrypt(socket: Socket): void {
    this.#socket = socket;
  }

  /** Says one message (of a phase). Rejects with `SqlError` where a knob wants an error in its place, with `Gone` when it ends here. */
  async say(frame: Buffer, phase?: Phase, text?: string): Promise<void> {
    const fault = phase === undefined ? null : this.#faults.take(phase, text);
    if (fault === null || phase === undefined) await this.#append(frame);
    else await this.#misbehave(fault, phase, frame);
  }

  /** What has been said goes out; waits while the peer reads too slowly. */
  async flush(): Promise<void> {
    if (this.#gone.aborted || this.#socket.destroyed) throw new Gone('the connection is gone');
    if (this.#bytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#bytes = 0;
    if (!this.#socket.write(bytes)) await this.#unlessGone(once(this.#socket, 'drain', { signal: this.#gone }));
  }

  /** Says what is left and sends FIN. */
  async end(): Promise<void> {
    await this.flush();
    this.#socket.end();
  }

  async #append(frame: Buffer): Promise<void> {
    this.#pending.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes >= FLUSH_BYTES) await this.flush();
  }

  async #misbehave(fault: Fault, phase: Phase, frame: Buffer): Promise<void> {
    switch (fault.kind) {
      case 'delay':
        await this.flush();
        await this.#unlessGone(sleep(fault.ms, undefined, { signal: this.#gone }));
        return await this.#append(frame);
      case 'silence': {
        // Heard of before anybody can know that it has begun.
        const over = this.#faults.silence(phase);
        await this.flush();
        await this.#unlessGone(Promise.race([over, once(this.#gone, 'abort')]));
        return await this.#append(frame);
      }
      case 'close':
        await this.end();
        throw new Gone(`closed at ${phase}`);
      case 'reset':
        await this.flush();
        this.#raw.resetAndDestroy();
        throw new Gone(`reset at ${phase}`);
      case 'error':
        throw new SqlError(fault.sqlState ?? 'XX000', fault.message ?? `an error for the test at ${phase}`);
      case 'wrong':
        return await this.#append(wrongAnswer(phase, frame));
      case 'replace':
        return await this.#append(fault.bytes);
      case 'before':
        return await this.#append(Buffer.concat([fault.bytes, frame]));
      case 'after':
        return await this.#append(Buffer.concat([frame, fault.bytes]));
      case 'apart':
        await this.flush();
        await this.#append(frame);
        await this.flush();
        return await this.#unlessGone(new Promise<void>((resolve) => setImmediate(resolve)));
      case 'bytewise':
        await this.flush();
        for (const byte of frame) {
          await this.#append(Buffer.from([byte]));
          await this.flush();
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        return;
      case 'huge':
        return await this.#append(hugeState(frame, fault.mib));
    }
  }

  async #unlessGone(wait: Promise<unknown>): Promise<void> {
    await wait.catch((error: unknown) => {
      if (!this.#gone.aborted) throw error;
    });
    if (this.#gone.aborted) throw new Gone('the connection is gone');
  }
}
