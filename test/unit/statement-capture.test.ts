/** What a capture hears of a session's messages, how much of it is kept, and that nothing is left when it is over. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionJournal } from '../../core/session/journal.ts';
import { Link } from '../../core/session/link.ts';
import { RequestProcessor } from '../../core/session/request-processor.ts';
import { ResponseProcessor } from '../../core/session/response-processor.ts';
import { StatementCapture } from '../../core/session/statement-capture.ts';
import { errorResponse } from '../../core/wire/errors.ts';
import { bind, execute, frame, parse, query, syncMessage } from '../../core/wire/messages.ts';

interface Client {
  readonly id: number;
  readonly forwarder: { readonly link: Link };
  readonly send: (...frames: Buffer[]) => void;
  readonly hear: (...frames: Buffer[]) => void;
}

function client(id: number): Client {
  const link = new Link();
  const journal = new SessionJournal([]);
  const request = new RequestProcessor(link, journal, {
    forward: () => undefined,
    terminated: () => undefined,
    dropped: () => undefined,
    needsOwnNames: () => false,
    violated: (message) => expect.fail(message),
  });
  const response = new ResponseProcessor(link, journal, 1, {
    forward: () => undefined,
    parameter: () => undefined,
    copyInStarted: () => undefined,
    violated: (message) => expect.fail(message),
  });
  return {
    id,
    forwarder: { link },
    // In two pieces, so that no message comes whole by chance.
    send: (...frames) => {
      const bytes = Buffer.concat(frames);
      request.push(bytes.subarray(0, bytes.length >> 1));
      request.push(bytes.subarray(bytes.length >> 1));
    },
    hear: (...frames) => response.push(Buffer.concat(frames)),
  };
}

const ready = frame(0x5a, Buffer.from('I'));
const parseComplete = frame(0x31, Buffer.alloc(0));
const bindComplete = frame(0x32, Buffer.alloc(0));
const done = frame(0x43, Buffer.from('SELECT 1\0'));
const failure = errorResponse({ severity: 'ERROR', sqlState: '42P01', message: 'there is no such table' });

describe('a capture', () => {
  let clients: Map<number, Client>;
  let capture: StatementCapture;
  const told: string[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    told.length = 0;
    clients = new Map([1, 2].map((id) => [id, client(id)]));
    capture = new StatementCapture({ sessions: () => clients, onChange: (why) => told.push(why) });
  });
  afterEach(() => {
    capture.close();
    vi.useRealTimers();
  });

  const one = (): Client => clients.get(1) ?? expect.fail('there is no client 1');
  const rows = (): unknown[] =>
    capture.page(-1, null).statements.map(({ sessionId, via, name, text, ms, error }) => ({
      sessionId,
      via,
      name,
      text,
      isAnswered: ms !== null,
      error,
    }));

  it('hears nothing before it is asked to, and nothing of others', () => {
    one().send(query('select 1'));
    expect(one().forwarder.link.capture).toBeNull();
    capture.start([1], 10);
    clients.get(2)?.send(query('select 2'));
    expect(rows()).toEqual([]);
    // What was asked before is answered now: that is none of its.
    one().hear(done, ready);
    one().send(query('select 3'));
    expect(rows()).toEqual([{ sessionId: 1, via: 'query', name: null, text: 'select 3', isAnswered: false, error: null }]);
    one().hear(done, ready);
    expect(rows()).toMatchObject([{ text: 'select 3', isAnswered: true }]);
  });

  it('tells statements that are prepared from those that are run, and whose error it was', () => {
    capture.start(null, 10);
    one().send(parse('a', 'select $1::int', []), syncMessage);
    one().hear(parseComplete, ready);
    one().send(bind('', 'a', ['secret value']), execute(''), syncMessage);
    one().hear(bindComplete, done, ready);
    one().send(parse('', 'select * from nowhere', []), bind('', ''), execute(''), syncMessage);
    one().hear(failure, ready);
    one().send(bind('', 'before'), execute(''), syncMessage);
    expect(rows()).toEqual([
      { sessionId: 1, via: 'prepare', name: 'a', text: 'select $1::int', isAnswered: true, error: null },
      { sessionId: 1, via: 'execute', name: 'a', text: 'select $1::int', isAnswered: true, error: null },
      { sessionId: 1, via: 'execute', name: null, text: 'select * from nowhere', isAnswered: true, error: '42P01' },
      { sessionId: 1, via: 'execute', name: 'before', text: null, isAnswered: false, error: null },
    ]);
    expect(JSON.stringify(capture.page(-1, null))).not.toContain('secret value');
  });

  it('keeps pipelined statements apart', () => {
    capture.start(null, 10);
    one().send(query('select 1'), query('select 2'), query('select 3'));
    one().hear(done, ready, failure, ready);
    expect(rows()).toMatchObject([
      { text: 'select 3', isAnswered: false },
      { text: 'select 1', isAnswered: true, error: null },
      { text: 'select 2', isAnswered: true, error: '42P01' },
    ]);
  });

  it('tells a reader only what is new to it', () => {
    capture.start(null, 10);
    one().send(query('select 1'));
    const first = capture.page(-1, null);
    expect(first.statements).toHaveLength(1);
    expect(capture.page(first.next, null)).toMatchObject({ statements: [], next: first.next });
    one().hear(done, ready);
    // The answer is news of the same statement.
    const second = capture.page(first.next, null);
    expect(second.statements.map(({ id }) => id)).toEqual(first.statements.map(({ id }) => id));
    clients.get(2)?.send(query('select 2'));
    expect(capture.page(second.next, 1).statements).toEqual([]);
    expect(capture.page(second.next, 2).statements).toHaveLength(1);
  });

  it('keeps only so much', () => {
    capture.start(null, 10);
    const { send, hear } = one();
    for (let i = 0; i < 6_000; i++) {
      send(query(`select ${i}`));
      hear(done, ready);
    }
    const pages: number[] = [];
    for (let after = -1; ;) {
      const page = capture.page(after, null);
      if (page.statements.length === 0) break;
      pages.push(...page.statements.map(({ id }) => id));
      after = page.next;
    }
    expect(pages).toHaveLength(5_000);
    expect(pages[0]).toBe(1_000);
    expect(capture.page(-1, null).dropped).toBe(1_000);
    for (let i = 0; i < 2_000; i++) {
      send(query(`select ${'1 + '.repeat(900)} 1`));
      hear(done, ready);
    }
    expect(capture.page(-1, null).dropped).toBeGreaterThan(5_000);
  });

  it('ends by itself, and is forgotten ten minutes later', () => {
    capture.start([1], 30);
    one().send(query('select 1'));
    vi.advanceTimersByTime(30_000);
    expect(capture.state).toBeNull();
    expect(one().forwarder.link.capture).toBeNull();
    expect(told).toEqual(['started', 'over']);
    one().hear(done, ready);
    one().send(query('select 2'));
    expect(rows()).toMatchObject([{ text: 'select 1' }]);
    vi.advanceTimersByTime(599_999);
    expect(rows()).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(capture.page(-1, null)).toMatchObject({ statements: [], keptUntil: null, capture: null });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('hears those that come while all are captured, and is cleared when asked', () => {
    capture.start(null, 30);
    const late = client(3);
    clients.set(3, late);
    capture.joined(late);
    late.send(query('select 3'));
    expect(rows()).toMatchObject([{ sessionId: 3, text: 'select 3' }]);
    capture.clear();
    expect(rows()).toEqual([]);
    // It goes on, and an answer to what was forgotten is no news.
    late.hear(done, ready);
    expect(rows()).toEqual([]);
    late.send(query('select 4'));
    expect(rows()).toMatchObject([{ text: 'select 4' }]);
    capture.stop();
    capture.stop();
    expect(told).toEqual(['started', 'stopped']);
    capture.start([1], 30);
    capture.joined(late);
    expect(late.forwarder.link.capture).toBeNull();
  });
});
