/**
 * The forwarder and its processors (cockroach-migration.md 8.1 of the references), with a session on a dialect pod. What upstream does
 * with locks and a clock is done here with one phase variable and by counting; what a scenario is for stays the same.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { Forwarder } from '../../core/session/forwarder.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { parameterStatus } from '../../core/wire/messages.ts';
import { notification } from '../fakes/cockroach-dialect/answers.ts';
import { usePods } from '../fakes/cockroach-dialect/pods.ts';
import { startRig, type Rig } from '../support/forwarder-rig.ts';
import {
  bind,
  closeStatement,
  cstring,
  execute,
  message,
  parse,
  rows,
  sync,
  terminate,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

const pods = usePods(2);
const query = (sql: string): Buffer => message('Q', cstring(sql));
const letters = (answers: WireMessage[]): string => answers.map(({ type }) => type).join('');

async function rig(): Promise<Rig> {
  const made = await startRig(pods().pod(1).url(), 'defaultdb');
  onTestFinished(() => made.close());
  return made;
}

async function secondServer(): Promise<ServerConnection> {
  const spec = { id: 'second', ...parseBackendUrl(pods().pod(2).url()) };
  const server = await dial(loginFor(spec, 'app', 'defaultdb', new Map()));
  onTestFinished(() => server.destroy());
  return server;
}

const unwatched = { onDeparture: () => undefined, onServerLost: () => undefined };

function suspend({ forwarder }: Rig): Promise<void> {
  return new Promise((resolve) =>
    forwarder.arm(() => {
      forwarder.suspend(unwatched);
      resolve();
    }),
  );
}

it('ends when its client’s socket is closed', async () => {
  const session = await rig();
  session.client.destroy();
  expect(await session.ended).toMatchObject({ kind: 'client_lost', busy: false });
  expect(session.forwarder.isEnded).toBe(true);
});

it('forwards Query, Execute and Close, each with the last type and one more on the clock', async () => {
  const session = await rig();
  const { link } = session.forwarder;
  expect([link.clock, link.requestType, link.responseType]).toEqual([0, 0, 0]);
  const { heard } = pods().pod(1);
  let clock = 0;
  const arrived = async (letter: string, bytes: Buffer): Promise<void> => {
    const before = heard.messages.filter(({ type }) => type === letter).length;
    session.client.write(bytes);
    await expect.poll(() => heard.messages.filter(({ type }) => type === letter).length).toBe(before + 1);
    expect(String.fromCharCode(link.requestType)).toBe(letter);
    expect(link.requestAt).toBeGreaterThan(clock);
    clock = link.requestAt;
  };
  await arrived('P', parse('s', 'SELECT 1'));
  expect(link.requestAt).toBe(1);
  await arrived('B', bind('', 's'));
  await arrived('E', execute(''));
  await arrived('C', closeStatement('s'));
  expect(link.requestAt).toBe(4);
  expect(session.forwarder.isSafe).toBe(false);
  session.client.write(sync);
  expect(letters(await session.client.until('Z'))).toBe('12DC3Z');
  await arrived('Q', query('FROB'));
  expect(letters(await session.client.until('Z'))).toBe('EZ');
  expect([String.fromCharCode(link.responseType), link.responseAt]).toEqual(['Z', link.clock]);
  // 5 requests and a Query; 6 answers and 2.
  expect(link.clock).toBe(14);
  expect(session.forwarder.isSafe).toBe(true);
});

it('closed before it ran or after, twice: ends once, and nothing is thrown', async () => {
  const session = await rig();
  session.forwarder.close('first');
  session.forwarder.close('second');
  session.forwarder.serverLost('third');
  expect(await session.ended).toMatchObject({ kind: 'closed', message: 'first' });
  // What comes later concerns nobody.
  session.forwarder.resume();
  session.forwarder.cancel();
  expect(session.forwarder.isEnded).toBe(true);
});

it('the first reason counts: a server that dies behind a client that has left', async () => {
  const session = await rig();
  session.client.destroy();
  await session.ended;
  pods().pod(1).cut();
  await expect.poll(() => pods().pod(1).connections).toBe(0);
  expect((await session.ended).kind).toBe('client_lost');
});

it('with its server connection replaced hears the new one and nothing of the old one', async () => {
  const session = await rig();
  await suspend(session);
  const former = session.forwarder.swap(await secondServer());
  session.forwarder.resume();
  expect(rows(await session.client.query('SELECT pod_id()'))).toEqual([['2']]);
  expect(former?.isOpen).toBe(true);
  former?.destroy();
  expect(rows(await session.client.query('SELECT pod_id()'))).toEqual([['2']]);
});

it('says by which side it ended', async () => {
  const lost = await rig();
  pods().pod(1).cut();
  expect(await lost.ended).toMatchObject({ kind: 'server_lost' });
  const left = await rig();
  left.client.write(terminate);
  expect(await left.ended).toMatchObject({ kind: 'terminated', fit: true });
  const wrong = await rig();
  wrong.client.write(Buffer.from('?\0\0\0\x04', 'latin1'));
  expect(await wrong.ended).toMatchObject({ kind: 'violation' });
});

it('once ended cannot be resumed, and is never safe again', async () => {
  const session = await rig();
  await suspend(session);
  session.client.write(query('SELECT 1'));
  await expect.poll(() => session.forwarder.request.heldBytes).toBeGreaterThan(0);
  const before = pods().pod(1).heard.messages.length;
  session.forwarder.close('enough');
  session.forwarder.resume();
  expect(await session.ended).toMatchObject({ kind: 'closed' });
  await new Promise(setImmediate);
  expect(pods().pod(1).heard.messages.length).toBe(before);
});

it('holds what comes before it has a server connection, and lets it pass then', async () => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const client = await WireClient.open((listener.address() as AddressInfo).port);
  const [socket] = await accepted;
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    listener.close();
  });
  const forwarder = new Forwarder(socket, 1, new SessionJournal([]), { bereaved: () => null, ended: () => undefined });
  client.write(query('SELECT 1'), query('SELECT pod_id()'));
  await expect.poll(() => forwarder.request.heldBytes).toBeGreaterThan(0);
  forwarder.start(await secondServer());
  expect(rows(await client.until('Z'))).toEqual([['1']]);
  expect(rows(await client.until('Z'))).toEqual([['2']]);
});

it('resumed three times runs once: nothing is sent twice; a second suspension changes nothing', async () => {
  const session = await rig();
  await suspend(session);
  session.forwarder.suspend(unwatched);
  const before = pods().pod(1).heard.sql('SELECT 77').length;
  session.client.write(query('SELECT 77'));
  await expect.poll(() => session.forwarder.request.heldBytes).toBeGreaterThan(0);
  for (let i = 0; i < 3; i++) session.forwarder.resume();
  expect(rows(await session.client.until('Z'))).toEqual([['77']]);
  expect(pods().pod(1).heard.sql('SELECT 77').length).toBe(before + 1);
  expect([session.forwarder.link.suspended, session.forwarder.isArmed]).toEqual([false, false]);
});

it('a hundred queries in pieces, with 200 suspensions at random moments: each arrives once, whole and in order', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`seed of the suspensions: ${seed}\n`);
  const random = randomNumbers(seed);
  const session = await rig();
  const texts = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? `SELECT ${i}` : `SELECT '${'x'.repeat(50)}${i}'`));
  const bytes = Buffer.concat(texts.map(query));
  const before = pods().pod(1).heard.messages.length;
  let suspensions = 0;
  const writing = (async () => {
    for (let at = 0; at < bytes.length;) {
      const length = 1 + Math.floor(random() * 60);
      session.client.write(bytes.subarray(at, at + length));
      at += length;
      await new Promise(setImmediate);
    }
  })();
  const suspending = (async () => {
    while (suspensions < 200) {
      await suspend(session);
      suspensions++;
      for (let turns = Math.floor(random() * 3); turns >= 0; turns--) await new Promise(setImmediate);
      session.forwarder.resume();
    }
  })();
  const answers: string[] = [];
  for (let i = 0; i < 100; i++) answers.push(rows(await session.client.until('Z'))[0]?.[0] ?? 'none');
  await Promise.all([writing, suspending]);
  expect(answers).toEqual(texts.map((text) => text.slice(7).replaceAll("'", '')));
  const heard = pods().pod(1).heard.messages.slice(before);
  expect(heard.map(({ sql }) => sql)).toEqual(texts);
});

it('is safe with nothing sent yet, whatever the server has said unasked, and after each kind of answer', async () => {
  const session = await rig();
  const { forwarder, client } = session;
  const { faults } = pods().pod(1);
  expect(forwarder.isSafe).toBe(true);
  // Upstream: unsafe for ever with S, N or A as the last message. Counted, they are nobody's answer.
  const unasked = Buffer.concat([parameterStatus('application_name', 'x'), notification(1, 'news', '')]);
  faults.set('show-Z', { kind: 'after', bytes: unasked }, { times: 1 });
  expect(letters(await client.query('SHOW TRANSFER STATE'))).toBe('TDCZ');
  expect([(await client.next()).type, (await client.next()).type]).toEqual(['S', 'A']);
  expect(forwarder.isSafe).toBe(true);
  await client.query('CREATE TABLE safe_point');
  const data = message('d', Buffer.from('a\n'));
  const copy = query('COPY safe_point FROM STDIN');
  for (const [bytes, isSafe] of [
    [query('FROB'), true],
    [Buffer.concat([copy, data, message('c')]), true],
    [Buffer.concat([copy, data, message('f', cstring('no'))]), true],
    [Buffer.concat([parse('', 'SELECT 1'), sync]), true],
    [query('BEGIN'), false],
    [query('FROB'), false],
    [query('ROLLBACK'), true],
  ] as const) {
    client.write(bytes);
    await client.until('Z');
    expect(forwarder.isSafe).toBe(isSafe);
  }
});

it('is not safe while one of two pipelined queries runs: upstream’s clock says it is', async () => {
  const { forwarder, client } = await rig();
  client.write(query('SELECT 1'), query('SELECT pg_sleep(0.3)'));
  await client.until('Z');
  expect(forwarder.isSafe).toBe(false);
  expect(forwarder.link.responseAt).toBeGreaterThan(forwarder.link.requestAt);
  await client.until('Z');
  expect(forwarder.isSafe).toBe(true);
});

/** Mulberry32: the same numbers from the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
