import { describe, expect, it } from 'vitest';
import { Expected, ExpectedAnswers } from '../../core/session/expected-answers.ts';

/** A client's message as the model knows it; letters are the protocol's. `P`, `B`, `D`, `E`, `Q` may fail; `q`, `e` start a COPY. */
type Sent = {
  type: 'Q' | 'F' | 'S' | 'P' | 'B' | 'D' | 'E' | 'C' | 'd' | 'c' | 'f' | 'probe';
  fails?: boolean;
  copy?: 'early' | 'late' | 'good';
};

/** PostgreSQL's main loop and COPY loop, one message at a time, as its source has them; says what the server answers. */
class ModelServer {
  readonly inbox: Sent[] = [];
  #skipping = false;
  #copy: Sent | null = null;

  /** Nothing will come any more unless the client sends something; and what it sends next is taken as it is. */
  get isQuiet(): boolean {
    return this.inbox.length === 0 && !this.#skipping && this.#copy === null;
  }

  /** Works on one message; returns the letters of its answers. */
  step(): string[] {
    if (this.#copy?.copy === 'early') return this.#endCopy(true);
    const message = this.inbox.shift();
    if (message === undefined) return [];
    if (this.#copy !== null) return this.#inCopy(message);
    if (message.type === 'S') {
      this.#skipping = false;
      return message.fails === true ? ['E', 'Z'] : ['Z'];
    }
    if (this.#skipping) return [];
    return this.#answer(message);
  }

  #answer(message: Sent): string[] {
    switch (message.type) {
      case 'Q':
      case 'E':
        if (message.fails === true) return this.#fail(message);
        if (message.copy !== undefined) {
          this.#copy = message;
          return ['G'];
        }
        return message.type === 'Q' ? ['T', 'D', 'C', 'Z'] : ['D', 'C'];
      case 'F':
        return message.fails === true ? ['E', 'Z'] : ['V', 'Z'];
      case 'd':
      case 'c':
      case 'f':
        return [];
      case 'probe':
        return ['probe'];
      default:
        if (message.fails === true) return this.#fail(message);
        return { P: ['1'], B: ['2'], D: ['t', 'T'], C: ['3'] }[message.type as 'P' | 'B' | 'D' | 'C'];
    }
  }

  #fail(message: Sent): string[] {
    if (message.type === 'Q') return ['E', 'Z'];
    this.#skipping = true;
    return ['E'];
  }

  #inCopy(message: Sent): string[] {
    if (message.type === 'S') return [];
    if (message.type === 'd') return message.fails === true || this.#copy?.copy === 'late' ? this.#endCopy(true) : [];
    if (message.type === 'c') return this.#endCopy(false);
    if (message.type === 'f') return this.#endCopy(true);
    throw new Error(`the generator must not send ${message.type} in COPY`);
  }

  #endCopy(failed: boolean): string[] {
    const simple = this.#copy?.type === 'Q';
    this.#copy = null;
    if (simple) return [failed ? 'E' : 'C', 'Z'];
    this.#skipping = failed;
    return [failed ? 'E' : 'C'];
  }
}

function push(ring: ExpectedAnswers, { type }: Sent): void {
  const entries = {
    Q: Expected.Query,
    F: Expected.FunctionCall,
    S: Expected.Sync,
    P: Expected.Parse,
    B: Expected.Bind,
    D: Expected.Describe,
    E: Expected.Execute,
    C: Expected.Close,
    c: Expected.CopyEnd,
    f: Expected.CopyEnd,
    probe: Expected.Probe,
  };
  if (type !== 'd') ring.push(entries[type]);
}

function hear(ring: ExpectedAnswers, answer: string): void {
  switch (answer) {
    case 'Z':
      ring.ready();
      return;
    case 'E':
      ring.failed();
      return;
    case 'G':
      ring.copyInStarted();
      return;
    case '1':
      ring.parsed();
      return;
    case '2':
      ring.bound();
      return;
    case 'T':
      ring.described();
      return;
    case 'C':
      ring.completed();
      return;
    case '3':
      expect(ring.closed(), 'the client gets the answer to its own Close').toBe(false);
      return;
    case 'probe':
      expect(ring.closed(), 'the client does not get the answer to a probe').toBe(true);
      return;
    default:
  }
}

function isSafe(ring: ExpectedAnswers): boolean {
  return ring.outstanding === 0 && !ring.cycleOpen && !ring.copyIn && !ring.inDoubt;
}

/** Deterministic, so that a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below);
  };
}

function script(random: (below: number) => number, length: number): Sent[] {
  const sent: Sent[] = [];
  while (sent.length < length) {
    const type = (['Q', 'Q', 'S', 'S', 'P', 'B', 'D', 'E', 'E', 'C', 'F', 'd', 'c'] as const)[random(13)] ?? 'S';
    const fails = random(6) === 0;
    if ((type === 'Q' || type === 'E') && !fails && random(4) === 0) {
      sent.push({ type, copy: (['early', 'late', 'good', 'good'] as const)[random(4)] ?? 'good' });
      for (let left = random(5); left > 0; left--) sent.push(random(2) === 0 ? { type: 'S' } : { type: 'd', fails: random(4) === 0 });
      sent.push({ type: random(4) === 0 ? 'f' : 'c' });
    } else {
      sent.push({ type, fails });
    }
  }
  // The end of every script closes whatever it left open.
  return [...sent, { type: 'f' }, { type: 'S' }];
}

/** Runs a script with the server lagging behind at random; returns how often the ring said that the session is safe. */
function run(seed: number, length: number): { safe: number; probes: number; lost: number } {
  const random = generator(seed);
  const ring = new ExpectedAnswers();
  const server = new ModelServer();
  const todo = script(random, length);
  const story: string[] = [];
  let safe = 0;
  let probes = 0;
  const note = (): void => {
    if (ring.wantsProbe) {
      probes++;
      push(ring, { type: 'probe' });
      server.inbox.push({ type: 'probe' });
      story.push('(probe)');
    }
    if (!isSafe(ring)) return;
    safe++;
    const answers: string[] = [];
    while (server.inbox.length > 0) answers.push(...server.step());
    if (answers.length > 0) expect.fail(`seed ${seed}: said to be safe before ${answers.join(' ')}, after ${story.join(' ')}`);
    if (!server.isQuiet) expect.fail(`seed ${seed}: said to be safe while the server would not take a query, after ${story.join(' ')}`);
  };
  const listen = (): void => {
    for (const answer of server.step()) {
      story.push(`<${answer}`);
      hear(ring, answer);
      note();
    }
  };
  for (const message of todo) {
    for (let lag = random(4); lag > 0; lag--) listen();
    story.push(`${message.type}${message.fails === true ? '!' : ''}${message.copy === undefined ? '' : `(copy ${message.copy})`}`);
    push(ring, message);
    server.inbox.push(message);
    note();
  }
  for (let i = 0; i < 10 || server.inbox.length > 0; i++) listen();
  if (ring.isLost) return { safe, probes, lost: 1 };
  if (!isSafe(ring)) {
    const { outstanding, cycleOpen, copyIn, inDoubt } = ring;
    expect.fail(`seed ${seed}: not safe at the end of ${story.join(' ')}: ${JSON.stringify({ outstanding, cycleOpen, copyIn, inDoubt })}`);
  }
  return { safe, probes, lost: 0 };
}

describe('expected answers against a model of the server', () => {
  it('never say safe while an answer is due, and do once all are in', () => {
    let safe = 0;
    let probes = 0;
    let lost = 0;
    for (let seed = 1; seed <= 30_000; seed++) {
      const result = run(seed, 1 + (seed % 25));
      safe += result.safe;
      probes += result.probes;
      lost += result.lost;
    }
    expect(safe).toBeGreaterThan(30_000);
    expect(probes, 'the scripts reach the doubtful case').toBeGreaterThan(100);
    expect(lost, 'and few are beyond telling').toBeLessThan(1_000);
  });

  it('hold in long pipelines, where the ring grows', () => {
    let safe = 0;
    for (let seed = 1; seed <= 50; seed++) safe += run(seed, 1_000).safe;
    expect(safe).toBeGreaterThan(50);
  });
});

describe('expected answers, case by case', () => {
  const ring = (...entries: (typeof Expected)[keyof typeof Expected][]): ExpectedAnswers => {
    const made = new ExpectedAnswers();
    for (const entry of entries) made.push(entry);
    return made;
  };

  it('count a pipeline of queries', () => {
    const expected = ring(...Array.from({ length: 100 }, () => Expected.Query));
    for (let left = 100; left > 0; left--) {
      expect(expected.outstanding).toBe(left);
      expected.ready();
    }
    expect(expected.outstanding).toBe(0);
  });

  it('let an error skip a query that stands in front of the Sync', () => {
    const expected = ring(Expected.Parse, Expected.Query, Expected.Sync);
    expect(expected.outstanding).toBe(2);
    expected.failed();
    expect(expected.outstanding).toBe(1);
    expected.ready();
    expect(isSafe(expected)).toBe(true);
  });

  it('know that the server skips until the Sync that has not come yet', () => {
    const expected = ring(Expected.Parse, Expected.Query);
    expected.failed();
    expect(expected.outstanding).toBe(0);
    expect(isSafe(expected)).toBe(false);
    expected.push(Expected.Query);
    expect(expected.outstanding).toBe(0);
    expected.push(Expected.Sync);
    expect(expected.outstanding).toBe(1);
    expected.ready();
    expect(isSafe(expected)).toBe(true);
  });

  it('take a Flush with a body for an error, and for nothing while COPY data is taken', () => {
    const alone = new ExpectedAnswers();
    alone.push(Expected.BadFlush);
    alone.push(Expected.Query);
    alone.failed();
    expect([alone.outstanding, alone.skipping]).toEqual([0, true]);

    const ahead = new ExpectedAnswers();
    for (const entry of [Expected.Query, Expected.BadFlush, Expected.CopyEnd, Expected.Query]) ahead.push(entry);
    ahead.copyInStarted();
    expect(ahead.copyIn).toBe(false);
    ahead.completed();
    ahead.ready();
    expect(ahead.outstanding).toBe(1);
    ahead.ready();
    expect([ahead.outstanding, ahead.cycleOpen, ahead.isLost]).toEqual([0, false, false]);
  });

  it('end an open cycle with a simple query', () => {
    const expected = ring(Expected.Parse, Expected.Query);
    expected.parsed();
    expected.ready();
    expect(isSafe(expected)).toBe(true);
  });

  it('tell when skipped messages would have changed the unnamed statement', () => {
    const failing = ring(Expected.UnnamedParse, Expected.Bind, Expected.Sync);
    failing.failed();
    expect(failing.takeUnnamedSkipped()).toBe(false);
    const behind = ring(Expected.Bind, Expected.UnnamedParse, Expected.Sync);
    behind.failed();
    expect(behind.takeUnnamedSkipped()).toBe(true);
    expect(behind.takeUnnamedSkipped()).toBe(false);
  });
});
