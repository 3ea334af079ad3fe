import { describe, expect, it } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { Link } from '../../core/session/link.ts';
import { RequestProcessor } from '../../core/session/request-processor.ts';
import { ResponseProcessor } from '../../core/session/response-processor.ts';
import { StatementNames } from '../../core/session/statements/names.ts';
import { PREPARED_LIMIT } from '../../core/session/statements/prepared-here.ts';
import { putBack } from '../../core/session/statements/put-back.ts';
import { SharedStatements } from '../../core/session/statements/shared.ts';
import { bind, closeStatement, cstring, describeStatement, execute, fields, int16, message, parse, sync } from '../support/wire-client.ts';

/** Both directions of a session, its client and its server being arrays. */
class Bench {
  readonly link = new Link();
  readonly toServer: Buffer[] = [];
  readonly toClient: Buffer[] = [];
  readonly uncarried: string[] = [];
  readonly server = {} as ServerConnection;
  readonly names: StatementNames;
  readonly request: RequestProcessor;
  readonly response: ResponseProcessor;

  constructor(shared = new SharedStatements()) {
    const journal = new SessionJournal([]);
    this.names = new StatementNames(shared, this.link.expected, journal, { uncarried: (reason) => this.uncarried.push(reason) });
    this.names.attached(this.server);
    this.link.names = this.names;
    const wrong = (reason: string): void => expect.fail(reason);
    this.request = new RequestProcessor(this.link, journal, {
      forward: (bytes) => this.toServer.push(Buffer.from(bytes)),
      terminated: () => {},
      violated: wrong,
      dropped: () => {},
      needsOwnNames: () => false,
    });
    this.response = new ResponseProcessor(this.link, journal, 1, {
      forward: (bytes) => this.toClient.push(Buffer.from(bytes)),
      parameter: () => {},
      copyInStarted: () => {},
      violated: wrong,
    });
  }

  say(...frames: Buffer[]): void {
    this.request.push(Buffer.concat(frames));
  }

  answer(types: string): void {
    for (const type of types) this.response.push(message(type, ...(type === 'Z' ? [Buffer.from('I')] : [])));
    if (this.request.isWaiting) this.request.pump();
  }

  fail(code: string, text: string): void {
    this.response.push(message('E', cstring('SERROR'), cstring(`C${code}`), cstring(`M${text}`), Buffer.from([0])));
  }

  /** What the server got since this was last asked. */
  sent(): string {
    return frames(Buffer.concat(this.toServer.splice(0)));
  }

  got(): string {
    return frames(Buffer.concat(this.toClient.splice(0)));
  }
}

function frames(bytes: Buffer): string {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    const body = bytes.toString('latin1', at + 5, at + 1 + bytes.readInt32BE(at + 1));
    found.push(`${String.fromCharCode(bytes[at] ?? 0)}${/_swy_\??\d*|unnamed/.exec(body)?.[0] ?? ''}`);
  }
  return found.join(' ');
}

describe('statement names', () => {
  it('are replaced however the bytes are cut', () => {
    const said = Buffer.concat([
      parse('a', 'select $1'),
      bind('portal', 'a', ['7']),
      describeStatement('a'),
      execute('portal'),
      parse('a', 'select 2'),
      bind('', 'nobody', []),
      parse('', 'select 3'),
      bind('', '', []),
      closeStatement('a'),
      bind('', 'a', []),
      closeStatement('_swy_1'),
      describeStatement('_swy_1'),
      execute(''),
      sync,
    ]);
    const whole = new Bench();
    whole.say(said);
    const expected = Buffer.concat(whole.toServer);
    expect(frames(expected)).toBe('P_swy_1 B_swy_1 D_swy_1 E P_swy_0 P_swy_0 B P B C_swy_? B C_swy_? D_swy_? E S');
    for (let cut = 1; cut < said.length; cut++) {
      const bench = new Bench();
      bench.say(said.subarray(0, cut));
      bench.say(said.subarray(cut));
      expect(Buffer.concat(bench.toServer).equals(expected), `cut at ${cut}`).toBe(true);
      expect(bench.link.bytesIn, `cut at ${cut}`).toBe(said.length);
    }
    const single = new Bench();
    for (const byte of said) single.say(Buffer.from([byte]));
    expect(Buffer.concat(single.toServer).equals(expected)).toBe(true);
    expect(single.link.bytesIn).toBe(said.length);
  });

  it('stand for what the server has confirmed: a Parse that fails leaves none, and one that is skipped neither', () => {
    const bench = new Bench();
    bench.say(parse('bad', 'selec'), parse('late', 'select 1'), sync);
    bench.fail('42601', 'syntax error at or near "selec"');
    bench.answer('Z');
    bench.sent();
    bench.say(bind('', 'bad'), bind('', 'late'), sync);
    expect(bench.sent()).toBe('B B S');
    bench.fail('26000', 'prepared statement "bad" does not exist');
    bench.answer('Z');
    bench.say(parse('bad', 'select 1'), sync);
    expect(bench.sent()).toBe('P_swy_2 S');
    bench.answer('1Z');
    expect(bench.names.names().map(({ name }) => name)).toEqual(['bad']);
  });

  it('wait for the outcome of an earlier cycle that decides what they stand for, and for nothing else', () => {
    const bench = new Bench();
    bench.say(parse('a', 'select 1'), sync, execute(''), parse('b', 'select 2'), bind('', 'b'), sync, bind('', 'a'), sync);
    expect(bench.sent()).toBe('P_swy_1 S E P_swy_2 B_swy_2 S');
    expect(bench.request.isWaiting).toBe(true);
    bench.answer('1');
    expect(bench.sent()).toBe('B_swy_1 S');
    bench.answer('ZC12Z2Z');
    expect([bench.got(), bench.request.isWaiting]).toEqual(['1 Z C 1 2 Z 2 Z', false]);
  });

  it('are put back into the errors that tell them', () => {
    const bench = new Bench();
    bench.say(parse('mine', 'select 1'), sync, parse('mine', 'select 2'), sync);
    bench.answer('1Z');
    expect(bench.sent()).toBe('P_swy_1 S P_swy_0 P_swy_0 S');
    bench.answer('1');
    bench.fail('42P05', 'prepared statement "_swy_0" already exists');
    bench.answer('Z');
    const told = Buffer.concat(bench.toClient);
    expect(told.includes('prepared statement "mine" already exists')).toBe(true);
    expect(frames(told)).toBe('1 Z E Z');
  });

  it('of an error are those of its statement, and only where an error names statements', () => {
    const error = (code: string, text: string): Buffer =>
      message('E', cstring('SERROR'), cstring(`C${code}`), cstring(`M${text}`), Buffer.from([0]));
    const said = (frame: Buffer | null): string | undefined =>
      frame === null ? undefined : fields({ type: 'E', body: frame.subarray(5) })['M'];
    const nameOf = (label: string): string | null => (label === '12' ? 'mine' : null);
    expect(said(putBack(error('26000', 'prepared statement "_swy_12" does not exist'), nameOf))).toBe(
      'prepared statement "mine" does not exist',
    );
    expect(said(putBack(error('26000', 'prepared statement "_swy_?_swy_12" does not exist'), nameOf))).toBe(
      'prepared statement "_swy_12" does not exist',
    );
    expect(putBack(error('P0001', '_swy_12'), nameOf)).toBeNull();
    expect(putBack(error('26000', 'prepared statement "x" does not exist'), nameOf)).toBeNull();
  });

  it('of another server connection are prepared there first, the unnamed one too', () => {
    const bench = new Bench();
    bench.say(parse('a', 'select 1'), parse('', 'select 2'), sync);
    bench.answer('11Z');
    bench.sent();
    bench.got();
    bench.names.detached();
    bench.names.attached({} as ServerConnection);
    bench.say(bind('', 'a'), bind('', ''), bind('', 'a'), bind('', ''), sync);
    expect(bench.sent()).toBe('P_swy_1 B_swy_1 P B B_swy_1 B S');
    bench.answer('121222Z');
    expect(bench.got()).toBe('2 2 2 2 Z');
    bench.names.detached();
    const fresh = {} as ServerConnection;
    bench.names.attached(fresh);
    bench.say(closeStatement(''), sync);
    bench.answer('3Z');
    bench.names.detached();
    bench.names.attached({} as ServerConnection);
    bench.say(bind('', ''), sync);
    expect(bench.sent(), 'it has none, and must not meet another client’s').toBe('C S C B S');
  });
});

describe('a plan that is out of date', () => {
  const stale = (bench: Bench): void => {
    bench.response.push(
      message(
        'E',
        cstring('SERROR'),
        cstring('C0A000'),
        cstring('Mcached plan must not change result type'),
        cstring('RRevalidateCachedQuery'),
        Buffer.from([0]),
      ),
    );
  };
  const portal = message('D', Buffer.from('P\0'));
  const prepared = (): Bench => {
    const bench = new Bench();
    bench.say(parse('a', 'select * from t'), sync);
    bench.answer('1Z');
    bench.sent();
    bench.got();
    return bench;
  };

  it('is made anew behind the back of a client that asks for the columns', () => {
    const bench = prepared();
    bench.say(bind('', 'a'), portal, execute(''), sync);
    expect(bench.sent()).toBe('B_swy_1 D E S');
    stale(bench);
    expect(bench.sent()).toBe('C_swy_1 P_swy_1 B_swy_1 D E S');
    bench.answer('Z');
    expect([bench.got(), bench.link.expected.outstanding]).toEqual(['', 1]);
    bench.answer('312nCZ');
    expect([bench.got(), bench.link.expected.outstanding, bench.link.queries, bench.link.transactions]).toEqual(['2 n C Z', 0, 2, 2]);
  });

  it('is told where the client has to know, or something has run before, and is made anew the next time, everywhere', () => {
    for (const cycle of [
      [bind('', 'a'), execute(''), sync],
      [bind('', 'a'), portal, execute('')],
      [bind('', 'a'), portal, execute(''), sync, sync],
      [execute(''), bind('', 'a'), portal, sync],
    ]) {
      const bench = prepared();
      bench.say(...cycle);
      bench.sent();
      if (cycle[0]?.[0] === 0x45) bench.answer('C');
      stale(bench);
      expect(bench.got()).toMatch(/E$/);
      bench.say(sync);
      bench.answer('Z'.repeat(cycle.filter((each) => each.equals(sync)).length + 1));
      bench.sent();
      bench.say(bind('', 'a'), sync);
      expect(bench.sent()).toBe('C_swy_1 P_swy_1 B_swy_1 S');
    }
  });
});

describe('statements that cannot follow their session', () => {
  it('are those parsed while settings may be changing', () => {
    const bench = new Bench();
    bench.names.uncertain();
    bench.say(parse('a', 'select 1'), sync);
    bench.answer('1Z');
    expect(bench.names.privateCount).toBe(1);
    bench.names.settled({ key: 'other', settings: new Map() });
    bench.say(parse('b', 'select 1'), closeStatement('a'), sync);
    bench.answer('13Z');
    expect(bench.names.privateCount).toBe(0);
  });

  it('are no longer those parsed after the change, once it is known what it has led to', () => {
    const bench = new Bench();
    bench.say(message('Q', cstring('set search_path = other')));
    bench.names.uncertain();
    bench.say(parse('behind', 'select 1'), sync);
    bench.answer('CZ1Z');
    expect(bench.names.privateCount, 'it may have been parsed before the change').toBe(1);
    bench.say(parse('after', 'select 2'), sync, parse('again', 'select 3'), sync);
    bench.answer('1Z1Z');
    expect(bench.names.privateCount).toBe(3);
    bench.names.settled({ key: 'other', settings: new Map([['search_path', 'other']]) });
    expect(bench.names.privateCount).toBe(1);
    expect(bench.names.prepared().map(({ name, statement }) => [name, statement.under?.key])).toEqual([
      ['behind', undefined],
      ['after', 'other'],
      ['again', 'other'],
    ]);
    bench.sent();
    bench.say(bind('', 'after'), sync);
    expect(bench.sent(), 'under the name that others know it by').toBe('P_swy_4 B_swy_4 S');
  });

  it('stay so when the settings have changed once more before they were known', () => {
    const bench = new Bench();
    bench.names.uncertain();
    bench.say(message('Q', cstring('set search_path = one')));
    bench.answer('CZ');
    bench.say(parse('a', 'select 1'), sync);
    bench.answer('1Z');
    bench.names.uncertain();
    bench.names.settled({ key: 'two', settings: new Map([['search_path', 'two']]) });
    expect(bench.names.privateCount).toBe(1);
  });

  it('are those too large to be kept, which are not waited for as a whole', () => {
    const bench = new Bench();
    const large = message('P', cstring('large'), Buffer.alloc(3 * 1024 * 1024, 0x20), cstring(''), int16(0));
    bench.say(large.subarray(0, 65_536));
    expect(Buffer.concat(bench.toServer).length).toBeGreaterThan(65_000);
    for (let at = 65_536; at < large.length; at += 65_536) bench.say(large.subarray(at, at + 65_536));
    bench.say(sync);
    bench.answer('1Z');
    expect(bench.sent()).toBe('P_swy_1 S');
    expect([bench.names.privateCount, bench.uncarried.length]).toEqual([1, 1]);
    bench.say(bind('', 'large'), sync);
    expect(bench.sent()).toBe('B_swy_1 S');
    bench.answer('2Z');
    bench.names.detached();
    bench.names.attached({} as ServerConnection);
    bench.say(bind('', 'large'), sync);
    expect(bench.sent(), 'elsewhere the server itself says that it has none').toBe('B_swy_? S');
  });
});

describe('what is shared', () => {
  it('is one statement per text, types and settings', () => {
    const shared = new SharedStatements();
    const under = { key: '', settings: new Map() };
    const body = (text: string): Buffer => Buffer.concat([cstring(text), int16(0)]);
    const one = shared.take(body('select 1'), under);
    expect(shared.take(body('select 1'), under)).toBe(one);
    expect(shared.take(body('select 1'), { key: 'DMY', settings: new Map() })).not.toBe(one);
    expect(shared.take(Buffer.concat([cstring('select 1'), int16(1), Buffer.alloc(4)]), under)).not.toBe(one);
    const long = body(`select ${'1,'.repeat(10_000)} 1`);
    expect(shared.take(long, under)).toBe(shared.take(long, under));
  });

  it('is forgotten, the longest unused first, when nobody has used it for long', () => {
    const shared = new SharedStatements();
    const under = { key: '', settings: new Map() };
    const kept = shared.take(cstring('kept'), under);
    for (let i = 0; i < 5_000; i++) shared.release(shared.take(cstring(`select ${i}`), under));
    expect(shared.size).toBeLessThanOrEqual(1_001);
    expect(shared.take(cstring('kept'), under)).toBe(kept);
    const large = Buffer.alloc(1024 * 1024 - 100, 0x20);
    for (let i = 0; i < 50; i++) {
      large[0] = i;
      shared.release(shared.take(large, under));
    }
    expect(shared.size).toBeLessThanOrEqual(17);
  });

  it('is kept prepared up to a limit, the one longest unused being closed for the next', () => {
    const shared = new SharedStatements();
    const bench = new Bench(shared);
    for (let i = 1; i <= PREPARED_LIMIT; i++) {
      bench.say(parse(`s${i}`, `select ${i}`), sync);
      bench.answer('1Z');
    }
    bench.say(bind('', 's1'), sync);
    bench.answer('2Z');
    bench.sent();
    bench.say(parse('more', 'select 0'), sync);
    expect(bench.sent()).toBe(`C_swy_2 P_swy_${PREPARED_LIMIT + 1} S`);
    bench.answer('31Z');
    expect(shared.on(bench.server).size).toBe(PREPARED_LIMIT);
    bench.say(bind('', 's2'), sync);
    expect(bench.sent()).toBe('C_swy_3 P_swy_2 B_swy_2 S');
  });
});
