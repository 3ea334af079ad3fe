/** Plays one session's steps against a port and writes down what is answered. */
import { RawClient } from '../../fuzz/support/raw-client.ts';
import { cancelRequest, startup as startupPacket, WireClient } from '../../support/wire-client.ts';
import { IN_FAILED, isAside, line, type Answer } from './answers.ts';
import { encode, readyCount, wording, type Frame, type Step } from './script.ts';

/** Where a session is played: directly, or through the proxy. */
export interface Stage {
  readonly port: number;
  /** How long an answer may take, waiting for a server connection included. */
  readonly answerMs: number;
  /** What clients call the database. */
  readonly database: string;
  /** Resolves once a backend runs a statement with this word in it, or at the signal; rejects when none does in time. */
  running(mark: string, signal: AbortSignal): Promise<void>;
}

/** See the head of this file. */
export class Player {
  readonly #stage: Stage;
  #client: RawClient | null = null;
  #key: Buffer | null = null;
  #owed = 0;
  #copying = false;
  #failed = false;
  /** Transaction status of the last ReadyForQuery. */
  #status = 'I';
  /** What came that may come at any time, in order, one list per connection. */
  readonly asides: string[][] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The client's port: how the proxy tells it from others. Undefined while it is not connected. */
  get localPort(): number | undefined {
    return this.#client?.isOver === false ? this.#client.socket.localPort : undefined;
  }

  /** Plays a step; the lines of what was answered. Rejects when the answer does not come or is no message. */
  async play(step: Step): Promise<string[]> {
    const heard: string[] = [];
    try {
      await this.#play(step, heard);
      return heard;
    } catch (error) {
      throw new Error(`${wording(step)}: ${error instanceof Error ? error.message : String(error)}; so far: ${JSON.stringify(heard)}`);
    }
  }

  /** Drops what is left of it. */
  drop(): void {
    this.#client?.destroy();
  }

  async #play(step: Step, heard: string[]): Promise<void> {
    if (step.do === 'open') return await this.#open(step.startup, heard);
    const client = this.#client;
    if (client === null || client.isOver) {
      for (let left = await client?.message(this.#stage.answerMs); left != null; left = await client?.message(this.#stage.answerMs))
        this.#note(left, heard);
      heard.push('(not connected)');
      return;
    }
    switch (step.do) {
      case 'send':
        if (step.ifCopying === true && !this.#copying) {
          heard.push('(no COPY)');
          return;
        }
        this.#owed += step.owes ?? readyCount(step.frames);
        await this.#send(client, step.frames, step.split === true);
        await this.#hear(client, heard, step.until ?? '');
        return;
      case 'cancel':
        this.#owed += readyCount(step.frames);
        await this.#send(client, step.frames, false);
        await this.#hearCancelled(client, heard, step.mark);
        return;
      case 'leave':
        await this.#leave(client, step, heard);
    }
  }

  async #open(parameters: Readonly<Record<string, string>>, heard: string[]): Promise<void> {
    this.#client?.destroy();
    const client = await RawClient.open(this.#stage.port, this.#stage.answerMs);
    this.#client = client;
    [this.#owed, this.#copying, this.#failed, this.#status] = [1, false, false, 'I'];
    client.socket.write(startupPacket({ user: 'postgres', ...parameters, database: this.#stage.database }));
    this.asides.push([]);
    await this.#hear(client, heard, '');
    if (this.#failed) {
      // Why nobody got in is told in the proxy's words, and before or after the cancel key with which a client may stop waiting.
      heard.splice(0, heard.length, ...heard.filter((said) => !/^[RK]$/.test(said)).map((said) => said.replace(/ ; M.*$/, '')));
      return;
    }
    // Which parameters are reported, and their values, count at the login; their order is the server's own business.
    heard.push(...(this.asides.pop() ?? []).toSorted());
    this.asides.push([]);
  }

  async #send(client: RawClient, frames: readonly Frame[], split: boolean): Promise<void> {
    const pieces = frames.map(encode);
    await client.send(split ? pieces : [Buffer.concat(pieces)]);
  }

  async #hear(client: RawClient, heard: string[], until: string): Promise<void> {
    // Behind an error the server says nothing before the Sync.
    if (until !== '' && this.#failed) return;
    while (this.#owed > 0) {
      const answer = await client.message(this.#stage.answerMs);
      if (answer === null) {
        heard.push('(closed)');
        return;
      }
      this.#note(answer, heard);
      if (until.includes(answer.type)) return;
    }
  }

  #note(answer: Answer, heard: string[]): void {
    if (answer.type === 'K') this.#key = Buffer.from(answer.body);
    if (answer.type === 'G') this.#copying = true;
    if (answer.type === 'E' || answer.type === 'Z' || answer.type === 'C') this.#copying = false;
    if (answer.type === 'E') this.#failed = true;
    if (answer.type === 'Z') {
      this.#owed--;
      this.#failed = false;
    }
    if (answer.type === 'E' && this.#status === 'E') {
      heard.push(IN_FAILED + line(answer));
      return;
    }
    if (answer.type === 'Z') this.#status = answer.body.toString('latin1');
    if (isAside(answer)) this.asides.at(-1)?.push(line(answer));
    else heard.push(line(answer));
  }

  async #hearCancelled(client: RawClient, heard: string[], mark: string): Promise<void> {
    const answered = new AbortController();
    const cancelled = this.#cancel(mark, answered.signal);
    await Promise.all([this.#hear(client, heard, '').finally(() => answered.abort()), cancelled]);
  }

  async #cancel(mark: string, answered: AbortSignal): Promise<void> {
    await this.#stage.running(mark, answered);
    if (answered.aborted) return;
    const canceller = await WireClient.open(this.#stage.port);
    canceller.write(cancelRequest(this.#key ?? Buffer.alloc(8)));
    await canceller.closed();
    canceller.destroy();
  }

  async #leave(client: RawClient, step: Step & { do: 'leave' }, heard: string[]): Promise<void> {
    const frames: readonly Frame[] = step.how === 'terminate' ? [...step.frames, { t: 'X' }] : step.frames;
    await this.#send(client, frames, false);
    if (step.how === 'vanish') {
      client.destroy();
      return;
    }
    if (step.how === 'half-close') client.finish();
    for (let answer = await client.message(this.#stage.answerMs); answer !== null; answer = await client.message(this.#stage.answerMs)) {
      this.#note(answer, heard);
    }
    heard.push('(closed)');
    client.destroy();
  }
}
