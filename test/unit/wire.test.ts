import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readOpening } from '../../core/proxy/handshake.ts';
import { ClientTls } from '../../core/tls/client-tls.ts';
import { farewell } from '../../core/session/farewell.ts';
import { Link } from '../../core/session/link.ts';
import { Expected } from '../../core/session/expected-answers.ts';
import { RequestProcessor } from '../../core/session/request-processor.ts';
import { ResponseProcessor } from '../../core/session/response-processor.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { Status } from '../../core/wire/codes.ts';
import { fatal, noticeResponse, readErrorFields } from '../../core/wire/errors.ts';
import { MessageReader, ProtocolViolation, readDataRow } from '../../core/wire/message-reader.ts';
import { cstring, frame, int32, parse, query, readyForQuery, syncMessage } from '../../core/wire/messages.ts';
import { readOpeningPacket } from '../../core/wire/startup.ts';

/** A request processor and what came out of it. */
function requests(): { processor: RequestProcessor; link: Link; out: () => Buffer; events: string[] } {
  const link = new Link();
  const forwarded: Buffer[] = [];
  const events: string[] = [];
  const processor = new RequestProcessor(link, new SessionJournal([]), {
    forward: (bytes) => forwarded.push(Buffer.from(bytes)),
    terminated: () => events.push('terminated'),
    dropped: () => undefined,
    needsOwnNames: () => false,
    violated: (message) => events.push(message),
  });
  return { processor, link, events, out: () => Buffer.concat(forwarded) };
}

function responses(): { processor: ResponseProcessor; link: Link; out: () => Buffer; events: string[] } {
  const link = new Link();
  const forwarded: Buffer[] = [];
  const events: string[] = [];
  const processor = new ResponseProcessor(link, new SessionJournal([]), 4711, {
    forward: (bytes) => forwarded.push(Buffer.from(bytes)),
    parameter: (body) => events.push(body.toString('latin1')),
    copyInStarted: () => events.push('copy'),
    violated: (message) => events.push(message),
  });
  return { processor, link, events, out: () => Buffer.concat(forwarded) };
}

/** Feeds bytes in pieces of `size`. */
function feed(push: (chunk: Buffer) => void, bytes: Buffer, size: number): void {
  // A copy each: whoever gets a chunk may write into it.
  for (let at = 0; at < bytes.length; at += size) push(Buffer.from(bytes.subarray(at, at + size)));
}

describe('the request processor', () => {
  const bytes = Buffer.concat([
    query('select 1'),
    parse('', 'select 2', [23]),
    syncMessage,
    frame(0x64, Buffer.alloc(300)),
    query("select 'x'"),
  ]);

  it('forwards every byte, wherever they are cut', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const { processor, link, out } = requests();
      feed((chunk) => processor.push(chunk), bytes, size);
      expect(out().equals(bytes), `pieces of ${size}`).toBe(true);
      expect(link.expected.outstanding).toBe(3);
      expect(link).toMatchObject({ bytesIn: bytes.length, clock: 5 });
    }
  });

  it('holds every byte behind the boundary at which it was suspended', () => {
    for (let cut = 0; cut < bytes.length; cut++) {
      const { processor, link, out } = requests();
      processor.push(Buffer.from(bytes.subarray(0, cut)));
      link.suspended = true;
      const inMessage = !processor.atBoundary;
      feed((chunk) => processor.push(chunk), bytes.subarray(cut), 7);
      if (!inMessage) expect(out().length).toBeLessThanOrEqual(cut);
      link.suspended = false;
      processor.pump();
      expect(out().equals(bytes), `suspended after ${cut}`).toBe(true);
      expect(processor.heldBytes).toBe(0);
    }
  });

  it.each([
    [[0x51, 0, 0, 0, 0], 'invalid message length 0'],
    [[0x51, 0, 0, 0, 3], 'invalid message length 3'],
    [[0x51, 0xff, 0xff, 0xff, 0xff], 'invalid message length -1'],
    [[0x51, 0x40, 0, 0, 0], 'invalid message length 1073741824'],
    [[0x21, 0, 0, 0, 4], 'invalid frontend message type 33'],
    [[0x70, 0, 0, 0, 4], 'invalid frontend message type 112'],
    [[0x58, 0, 0, 0, 4], 'terminated'],
  ])('stops at %j: %s, what was in front of it forwarded and nothing behind it', (header, event) => {
    const { processor, events, out } = requests();
    processor.push(Buffer.concat([query('select 1'), Buffer.from(header), query('select 2')]));
    processor.push(query('select 3'));
    expect(events).toEqual([event]);
    expect(out().equals(query('select 1'))).toBe(true);
  });
});

describe('the response processor', () => {
  const parameter = frame(0x53, cstring('TimeZone'), cstring('UTC'));
  const notification = (pid: number): Buffer => frame(0x41, int32(pid), cstring('channel'), cstring('payload'));
  const bytes = Buffer.concat([
    frame(0x54, Buffer.from([0, 0])),
    frame(0x44, Buffer.alloc(100)),
    parameter,
    notification(99),
    notification(7),
    frame(0x43, cstring('SELECT 1')),
    readyForQuery('T'),
  ]);
  const expected = Buffer.concat([
    frame(0x54, Buffer.from([0, 0])),
    frame(0x44, Buffer.alloc(100)),
    parameter,
    notification(4711),
    notification(7),
    frame(0x43, cstring('SELECT 1')),
    readyForQuery('T'),
  ]);

  it('forwards every byte, wherever they are cut, and renames the client in its notifications', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const { processor, link, out, events } = responses();
      processor.changeServer(99);
      link.expected.push(Expected.Query);
      feed((chunk) => processor.push(chunk), bytes, size);
      expect(out().equals(expected), `pieces of ${size}`).toBe(true);
      expect(processor.atBoundary).toBe(true);
      expect(link.status).toBe(0x54);
      expect(events).toEqual(['TimeZone\0UTC\0']);
    }
  });

  it('knows a goodbye from an error', () => {
    const { processor, link } = responses();
    link.status = Status.InTransaction;
    processor.push(fatal('57P01', 'bye'));
    expect(processor.saidFatal).toBe(true);
    const other = responses().processor;
    other.push(frame(0x45, Buffer.from('SERROR\0VERROR\0C42601\0MVFATAL\0\0')));
    expect(other.saidFatal).toBe(false);
  });

  it('keeps a goodbye back that comes at rest, whether as an error or as the warning of an immediate shutdown', () => {
    const bye = fatal('57P01', 'bye');
    for (let size = 1; size <= bye.length; size++) {
      const { processor, out } = responses();
      feed((chunk) => processor.push(chunk), bye, size);
      expect([processor.goodbyeReason, processor.saidFatal, out().length]).toEqual(['bye', false, 0]);
      expect(processor.takeGoodbye()).toEqual(bye);
      expect(processor.takeGoodbye()).toBeNull();
    }
    const warned = responses();
    warned.processor.push(noticeResponse({ severity: 'WARNING', sqlState: '57P02', message: 'crash' }));
    expect([warned.processor.goodbyeReason, warned.processor.takeGoodbye(), warned.out().length]).toEqual(['crash', null, 0]);
  });

  it('passes on what ends this session alone, and what any notice says', () => {
    for (const message of [
      fatal('57P05', 'idle for too long'),
      noticeResponse({ severity: 'WARNING', sqlState: '01000', message: 'C57P01' }),
    ]) {
      const { processor, out } = responses();
      processor.push(Buffer.from(message));
      expect([processor.goodbyeReason, out()]).toEqual([null, message]);
    }
  });

  it('refuses impossible lengths', () => {
    const { processor, events } = responses();
    processor.push(Buffer.from([0x5a, 0, 0, 0, 3]));
    expect(events).toEqual(['the server sent a message of length 3']);
  });
});

describe('whole messages', () => {
  it('are read from any pieces, within a limit', () => {
    const reader = new MessageReader(100);
    const types: number[] = [];
    feed(
      (chunk) => {
        reader.push(chunk);
        for (let message = reader.next(); message !== null; message = reader.next()) types.push(message.type);
      },
      Buffer.concat([readyForQuery(), query('select 1'), syncMessage]),
      1,
    );
    expect(types.map((type) => String.fromCharCode(type)).join('')).toBe('ZQS');
    for (const length of [0, 3, -1, 101]) {
      const bad = new MessageReader(100);
      bad.push(Buffer.concat([Buffer.from('Z'), int32(length)]));
      expect(() => bad.next()).toThrow(ProtocolViolation);
    }
  });

  it('give up their columns and their fields', () => {
    expect(readDataRow(Buffer.from([0, 3, 0, 0, 0, 1, 65, 255, 255, 255, 255, 0, 0, 0, 0]))).toEqual([
      Buffer.from('A'),
      null,
      Buffer.alloc(0),
    ]);
    expect(readErrorFields(fatal('08P01', 'no\0pe', 'hint').subarray(5))).toEqual({
      severity: 'FATAL',
      sqlState: '08P01',
      message: 'nope',
      detail: undefined,
      hint: 'hint',
    });
    expect(readErrorFields(Buffer.from('Mcut off'))).toMatchObject({ severity: 'ERROR', sqlState: 'XX000', message: '' });
  });
});

describe('the opening', () => {
  it('is read only when it is whole', () => {
    const bytes = Buffer.concat([int32(17), int32(196_608), cstring('user'), cstring('me'), Buffer.from([0])]);
    for (let length = 0; length < bytes.length - 1; length++) expect(readOpeningPacket(bytes.subarray(0, length))).toBeNull();
    expect(readOpeningPacket(Buffer.concat([bytes.subarray(0, 16), Buffer.from([0]), query('x')]))).toMatchObject({ bytes: 17 });
  });

  /** Both ends of a connection. */
  async function pair(): Promise<{ client: Socket; accepted: Socket }> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = once(server, 'connection') as Promise<[Socket]>;
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    const [accepted] = await connection;
    server.close();
    onTestFinished(() => {
      client.destroy();
      accepted.destroy();
    });
    return { client, accepted };
  }

  it('has a deadline, and leaves no listener behind', async () => {
    const { client, accepted } = await pair();
    const before = accepted.eventNames().map((name) => accepted.listenerCount(name));
    client.write(Buffer.from([0, 0]));
    expect(await readOpening(accepted, null, ClientTls.off, AbortSignal.timeout(50))).toMatchObject({ kind: 'aborted' });
    expect(accepted.eventNames().map((name) => accepted.listenerCount(name))).toEqual(before);
  });

  it('that ends early is nothing to report', async () => {
    const { client, accepted } = await pair();
    client.end();
    expect(await readOpening(accepted, null, ClientTls.off, new AbortController().signal)).toMatchObject({ kind: 'gone' });
  });

  it('lets a slow client have everything that was meant for it', async () => {
    const { client, accepted } = await pair();
    client.pause();
    const bytes = 32 * 1024 * 1024;
    accepted.write(Buffer.alloc(bytes));
    farewell(accepted);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    let received = 0;
    client.on('data', (chunk: Buffer) => (received += chunk.length));
    client.resume();
    await once(client, 'end');
    expect(received).toBe(bytes);
  });

  it('ends in last words that arrive although the client still sends', async () => {
    const { client, accepted } = await pair();
    for (let i = 0; i < 50; i++) client.write(Buffer.alloc(65_536));
    farewell(accepted, fatal('57P01', 'last words'));
    const heard: Buffer[] = [];
    client.on('data', (chunk: Buffer) => heard.push(chunk));
    await once(client, 'end');
    expect(Buffer.concat(heard).toString()).toContain('last words');
    client.end();
    await once(accepted, 'close');
  });
});
