import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startRig, type Rig } from '../support/forwarder-rig.ts';
import { bind, cstring, execute, flush, message, parse, rows, sync, terminate, type WireMessage } from '../support/wire-client.ts';

const cluster = useCluster();
const query = (sql: string): Buffer => message('Q', cstring(sql));
const letters = (answers: WireMessage[]): string => answers.map(({ type }) => type).join('');

async function rig(): Promise<Rig> {
  const made = await startRig(cluster().url());
  onTestFinished(() => made.close());
  return made;
}

/** Suspends at the next safe point; resolves then. */
async function suspended({ forwarder }: Rig): Promise<{ departed: boolean }> {
  const seen = { departed: false };
  await new Promise<void>((resolve) =>
    forwarder.arm(() => {
      forwarder.suspend({ onDeparture: () => (seen.departed = true), onServerLost: () => undefined });
      resolve();
    }),
  );
  return seen;
}

async function answered(client: Rig['client'], count: number): Promise<string[]> {
  const values: string[] = [];
  for (let i = 0; i < count; i++) values.push(rows(await client.until('Z'))[0]?.[0] ?? 'none');
  return values;
}

describe('a suspended session', () => {
  it('loses nothing and keeps the order, however its client cuts its messages', async () => {
    const session = await rig();
    await suspended(session);
    const bytes = Buffer.concat(Array.from({ length: 300 }, (_, i) => query(`select ${i}`)));
    for (let at = 0; at < bytes.length; at += 1 + (at % 37)) {
      session.client.write(bytes.subarray(at, at + 1 + (at % 37)));
      if (at % 5 === 0) await new Promise(setImmediate);
    }
    await expect.poll(() => session.forwarder.request.heldBytes).toBeGreaterThan(bytes.length - 5);
    session.forwarder.resume();
    expect(await answered(session.client, 300)).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
    expect(session.forwarder.unsafeReason()).toBeNull();
  });

  it('takes 256 KiB and then lets its client wait', async () => {
    const session = await rig();
    await suspended(session);
    const big = query(`select ${'1,'.repeat(500_000)}2`.slice(0, 100_000).replace(/,*$/, ''));
    const pipeline = Buffer.concat(Array.from({ length: 100 }, () => big));
    session.client.write(pipeline);
    await expect.poll(() => session.socket.isPaused()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(session.forwarder.request.heldBytes).toBeLessThanOrEqual(256 * 1024 + 65_536);
    session.forwarder.resume();
    for (let i = 0; i < 100; i++) expect((await session.client.until('Z')).at(-1)?.type).toBe('Z');
  });

  it('is told when its client leaves', async () => {
    const session = await rig();
    const seen = await suspended(session);
    session.client.destroy();
    await expect.poll(() => seen.departed).toBe(true);
    session.forwarder.resume();
    expect((await session.ended).fit).toBe(true);
  });

  it('still answers a client that sent its query and closed its half', async () => {
    const session = await rig();
    const seen = await suspended(session);
    session.client.write(query("select 'late'"));
    session.client.halfClose();
    await expect.poll(() => seen.departed).toBe(true);
    session.forwarder.resume();
    expect(rows(await session.client.until('Z'))).toEqual([['late']]);
    await session.client.closed();
    expect(await session.ended).toMatchObject({ fit: true, busy: false });
  });

  it('does not let a cancel for nothing hit what comes later', async () => {
    const session = await rig();
    await suspended(session);
    session.forwarder.cancel();
    session.client.write(query('select pg_sleep(0.2)'));
    await expect.poll(() => session.forwarder.request.heldBytes).toBeGreaterThan(0);
    session.forwarder.resume();
    expect(letters(await session.client.until('Z'))).toBe('TDCZ');
  });

  it('delivers a cancel for what it holds', async () => {
    const session = await rig();
    await suspended(session);
    session.client.write(query('select pg_sleep(30)'));
    await expect.poll(() => session.forwarder.request.heldBytes).toBeGreaterThan(0);
    session.forwarder.cancel();
    session.forwarder.resume();
    expect(letters(await session.client.until('Z'))).toContain('EZ');
  });
});

describe('an armed session', () => {
  it('comes to a safe point between the requests of a pipelining client', async () => {
    const session = await rig();
    // Eight queries are always under way: without help there would never be a moment without one.
    let sent = 0;
    const send = (): void => session.client.write(query(`select ${sent++}, pg_sleep(0.002)`));
    while (sent < 8) send();
    const seen: string[] = [];
    const suspensions: number[] = [];
    while (seen.length < 200) {
      if (seen.length % 20 === 10 && suspensions.at(-1) !== seen.length) {
        suspensions.push(seen.length);
        session.forwarder.arm(() => {
          expect(session.forwarder.link.expected.outstanding).toBe(0);
          session.forwarder.suspend({ onDeparture: () => undefined, onServerLost: () => undefined });
          setImmediate(() => session.forwarder.resume());
        });
      }
      seen.push(...(await answered(session.client, 1)));
      send();
    }
    expect(seen).toEqual(seen.map((_, i) => String(i)));
    expect(suspensions.length).toBe(10);
    expect(session.forwarder.link.armed).toBe(false);
  });

  it('goes on reading a client that pipelines more than is held, in a transaction that makes it wait', async () => {
    const session = await rig();
    await session.client.query('begin');
    session.forwarder.arm(() => session.forwarder.suspend({ onDeparture: () => undefined, onServerLost: () => undefined }));
    const filler = `/* ${'x'.repeat(10_000)} */`;
    session.client.write(...Array.from({ length: 100 }, (_, i) => query(`select ${i} ${filler}`)));
    expect((await answered(session.client, 100)).at(-1)).toBe('99');
    session.client.write(query('commit'));
    await session.client.until('Z');
    expect(session.forwarder.link.suspended).toBe(true);
  });

  it('lets an open pipeline go on to its Sync, and COPY data to their end', async () => {
    const session = await rig();
    session.client.write(parse('', 'select 1'), bind('', ''), execute(''), flush);
    await session.client.until('C');
    const first = suspended(session);
    session.client.write(sync, query('select 2'));
    await session.client.until('Z');
    await first;
    session.forwarder.resume();
    expect(await answered(session.client, 1)).toEqual(['2']);

    await session.client.query('create temp table sink (i int)');
    session.client.write(query('copy sink from stdin'));
    await session.client.until('G');
    const second = suspended(session);
    expect(session.forwarder.unsafeReason()).toContain('COPY in progress');
    session.client.write(message('d', Buffer.from('1\n2\n')), message('c'), query('select count(*) from sink'));
    expect(letters(await session.client.until('Z'))).toBe('CZ');
    await second;
    session.forwarder.resume();
    expect(await answered(session.client, 1)).toEqual(['2']);
  });

  it('with COPY sent ahead of the answer takes the data along', async () => {
    const session = await rig();
    await session.client.query('create temp table sink (i int)');
    session.client.write(query('select pg_sleep(0.1)'));
    await expect.poll(() => session.forwarder.link.expected.outstanding).toBe(1);
    let safe = 0;
    session.forwarder.arm(() => safe++);
    session.client.write(query('copy sink from stdin'), message('d', Buffer.from('1\n')), message('c'), query('select count(*) from sink'));
    expect(letters(await session.client.until('Z'))).toBe('TDCZ');
    expect(letters(await session.client.until('Z'))).toBe('GCZ');
    expect(await answered(session.client, 1)).toEqual(['1']);
    expect(safe).toBe(1);
  });

  it('goes on as before when it is disarmed', async () => {
    const session = await rig();
    session.client.write(query('select pg_sleep(0.1)'), query('select 2'), query('select 3'));
    await expect.poll(() => session.forwarder.link.expected.outstanding).toBeGreaterThan(0);
    session.forwarder.arm(() => expect.fail('it was disarmed'));
    session.forwarder.disarm();
    expect(await answered(session.client, 3)).toEqual(['', '2', '3']);
  });

  it('waits for a cancel that is on its way', async () => {
    const session = await rig();
    session.client.write(query('select pg_sleep(30)'));
    await expect.poll(() => session.forwarder.link.expected.outstanding).toBe(1);
    session.forwarder.cancel();
    expect(session.forwarder.server?.cancelsInFlight).toBe(1);
    await suspended(session);
    expect(session.forwarder.server?.cancelsInFlight).toBe(0);
    session.forwarder.resume();
    expect(letters(await session.client.until('Z'))).toContain('EZ');
  });

  it('cannot be safe with a message half through, in either direction', async () => {
    const session = await rig();
    const bytes = query(`select '${'y'.repeat(100)}'`);
    session.client.write(bytes.subarray(0, 40));
    await expect.poll(() => session.forwarder.request.atBoundary).toBe(false);
    expect(session.forwarder.isSafe).toBe(false);
    session.client.write(bytes.subarray(40));
    await session.client.until('Z');
    expect(session.forwarder.isSafe).toBe(true);
  });
});

describe('memory', () => {
  it('stays bounded with a client that does not read, and the client gets everything once it does', async () => {
    const session = await rig();
    // The client's own way of collecting messages is not made for this.
    session.client.socket.removeAllListeners('data');
    session.client.socket.pause();
    session.client.write(query("select repeat('x', 64000000)"));
    await expect.poll(() => session.socket.writableLength, { timeout: 10_000 }).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(session.socket.writableLength).toBeLessThan(1024 * 1024);
    let received = 0;
    session.client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    session.client.socket.resume();
    await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThan(64_000_000);
    // The row is through before the CommandComplete behind it.
    await expect.poll(() => session.forwarder.unsafeReason(), { timeout: 5_000 }).toBeNull();
  });

  it('stays bounded with a server that does not read', async () => {
    const session = await rig();
    session.client.write(query('select pg_sleep(1)'));
    const statement = query(`select '${'z'.repeat(1_000_000)}'`);
    for (let i = 0; i < 32; i++) session.client.socket.write(statement);
    await expect.poll(() => session.socket.isPaused(), { timeout: 5_000 }).toBe(true);
    expect(session.forwarder.request.heldBytes).toBe(0);
    expect(session.client.socket.writableLength).toBeGreaterThan(0);
    session.client.socket.removeAllListeners('data').resume();
    await expect.poll(() => session.forwarder.link.queries, { timeout: 20_000 }).toBe(33);
    await expect.poll(() => session.forwarder.link.expected.outstanding, { timeout: 20_000 }).toBe(0);
  });

  it('does not grow with a Bind of 64 MB, which streams through', async () => {
    const session = await rig();
    const value = 'b'.repeat(64_000_000);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, session.forwarder.request.heldBytes)), 1);
    onTestFinished(() => clearInterval(watch));
    session.client.write(parse('', 'select length($1::text)'));
    session.client.write(bind('', '', [value]), execute(''), sync);
    expect(rows(await session.client.until('Z'))).toEqual([['64000000']]);
    expect(most).toBe(0);
    expect(before).toBeGreaterThan(0);
  });
});

it('gets the answer to its own query although reading was stopped for a client that is slow', async () => {
  const session = await rig();
  await suspended(session);
  const { server } = session.forwarder;
  server?.pauseReading();
  const answer = await server?.exchange(query('select 1'), 1, { deadlineMs: 2_000 }).answer;
  expect(answer?.map(({ type }) => String.fromCharCode(type)).join('')).toBe('TDCZ');
  session.forwarder.resume();
  expect(letters(await session.client.query('select 2'))).toBe('TDCZ');
});

describe('the end', () => {
  it('comes after the answers when Terminate is in the middle of a pipeline, and the server connection stays', async () => {
    const session = await rig();
    session.client.write(query('select 1'), query('select 2, pg_sleep(0.1)'), terminate, query('select 3'));
    expect(await answered(session.client, 2)).toEqual(['1', '2']);
    const end = await session.ended;
    expect(end).toMatchObject({ kind: 'terminated', fit: true, busy: false });
    expect(end.server?.isOpen).toBe(true);
    expect(session.forwarder.link.queries).toBe(2);
    end.server?.end();
  });

  it('is a discarded server connection when the client leaves in a transaction', async () => {
    const session = await rig();
    await session.client.query('begin');
    session.client.halfClose();
    expect(await session.ended).toMatchObject({ fit: false, busy: false });
  });

  it('is a violation for a type that no client sends, and for impossible lengths', async () => {
    for (const bytes of [
      Buffer.from('!\0\0\0\x04'),
      Buffer.from('p\0\0\0\x04'),
      Buffer.from('Q\0\0\0\0'),
      Buffer.from('Q\0\0\0\x03'),
      Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff]),
    ]) {
      const session = await rig();
      session.client.write(query('select 1'));
      await session.client.until('Z');
      session.client.write(bytes);
      expect((await session.ended).kind).toBe('violation');
    }
  });

  it('is the server’s affair when it dies: what it said is passed on first', async () => {
    const session = await rig();
    const pid = rows(await session.client.query('select pg_backend_pid()'))[0]?.[0];
    const other = await rig();
    await other.client.query(`select pg_terminate_backend(${pid})`);
    const words = await session.client.until('E');
    expect(words.at(-1)?.body.toString()).toContain('57P01');
    expect((await session.ended).kind).toBe('server_lost');
    expect(session.forwarder.response.saidFatal).toBe(true);
  });
});
