/**
 * Large messages and large results through the built headless host, a process of its own whose memory is watched: nothing is held
 * whole. Every result is compared with the one that the server gives directly.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { StreamClient, type Passed } from '../support/stream-client.ts';
import { execute, message, parse, sync } from '../support/wire-client.ts';

const MiB = 1024 * 1024;
/** By how much the process may grow, whatever passes. */
const GROWTH_MIB = 64;
const SAMPLE_MS = 25;
const statusOf = (pid: number): string => `/proc/${pid}/status`;
const measurable = existsSync(statusOf(process.pid));
if (!measurable)
  process.stderr.write('\n*** SKIPPED: streams: the memory of another process is read from /proc, which this system lacks ***\n');

const cluster = useCluster({ settings: { fsync: 'off', max_wal_size: '4GB' } });
const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-streams-'));
let host: ChildProcess;
let port = 0;

beforeAll(async () => {
  const words = [
    '--headless',
    '--json',
    '--tls',
    'allow',
    '--listen',
    '127.0.0.1:0',
    '--ui',
    '127.0.0.1:0',
    '--endpoint-map',
    `it=${cluster().url()}`,
  ];
  host = spawn(process.execPath, [path.join(import.meta.dirname, '../../main/start.mjs'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Where it keeps its certificate.
    env: { ...process.env, XDG_CONFIG_HOME: folder },
  });
  const lines = createInterface({ input: host.stdout ?? expect.fail() });
  const [line] = (await once(lines, 'line')) as [string];
  ({ port } = (JSON.parse(line) as { proxy: { port: number } }).proxy);
  if (!measurable) return;
  // What a process needs once, whatever passes afterwards: compiled code, and a heap that has found its size.
  await growthDuring('the first 100 MB of a fresh process', async () => {
    const client = await StreamClient.open(port, { tls: false });
    await client.query("select i, repeat('x', 1000) from generate_series(1, 100000) i");
    await client.close();
  });
});

afterAll(async () => {
  if (host.exitCode === null) {
    const left = once(host, 'exit');
    host.kill('SIGTERM');
    await left;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Resident memory of the host. */
function memoryMiB(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(statusOf(host.pid ?? 0), 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** Runs a step and returns by how much the host grew meanwhile, at its highest. */
async function growthDuring(what: string, step: () => Promise<void>): Promise<number> {
  const before = memoryMiB();
  let highest = before;
  const timer = setInterval(() => (highest = Math.max(highest, memoryMiB())), SAMPLE_MS);
  try {
    await step();
  } finally {
    clearInterval(timer);
  }
  const growth = highest - before;
  process.stdout.write(`streams, ${what}: ${before.toFixed(0)} MiB before, at most ${growth.toFixed(1)} more\n`);
  return growth;
}

async function directly(ask: (client: StreamClient) => Promise<Passed>): Promise<Passed> {
  const client = await StreamClient.open(cluster().port, { tls: false });
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

/** `total` bytes of text in lines of 1,000, and the same chunk again and again: making it costs nothing. */
function* lines(total: number): Generator<Buffer> {
  const chunk = Buffer.from(`${'y'.repeat(999)}\n`.repeat(64));
  for (let sent = 0; sent < total; sent += chunk.length) yield chunk;
}

describe.runIf(measurable).each([
  ['in clear', false],
  ['over TLS', true],
])('%s', (title, tls) => {
  let client: StreamClient;
  beforeAll(async () => {
    client = await StreamClient.open(port, { tls });
  });
  afterAll(() => client.close());

  it('a result of 1 GB', async () => {
    const ask = (each: StreamClient): Promise<Passed> => each.query("select i, repeat('x', 1000) from generate_series(1, 1000000) i");
    const growth = await growthDuring(`a result of 1 GB, ${title}`, async () => {
      const passed = await ask(client);
      expect(passed.bytes).toBeGreaterThan(1_000_000_000);
      expect(passed).toEqual(await directly(ask));
    });
    expect(growth).toBeLessThan(GROWTH_MIB);
  });

  it('a COPY of 512 MB in', async () => {
    await client.query('create unlogged table if not exists sink (t text)');
    await client.query('truncate sink');
    const growth = await growthDuring(`a COPY of 512 MB in, ${title}`, async () => {
      const { tag } = await client.copyIn('copy sink from stdin', lines(512 * MiB));
      const rows = Math.ceil((512 * MiB) / 64_000) * 64;
      expect(tag).toBe(`COPY ${rows}`);
    });
    expect(growth).toBeLessThan(GROWTH_MIB);
    await client.query('drop table sink');
  });

  it('a COPY of 300 MB out, to a client that stops reading in its middle', async () => {
    const ask = (each: StreamClient): Promise<Passed> =>
      each.query("copy (select i, repeat('x', 1000) from generate_series(1, 300000) i) to stdout");
    const growth = await growthDuring(`a slow reader, ${title}`, async () => {
      const asked = ask(client);
      await expect.poll(() => client.bytes, { timeout: 20_000, interval: 1 }).toBeGreaterThan(10 * MiB);
      client.pause();
      // As long as nothing moves at all: until everything in between is full.
      let before = -1;
      for (let now = memoryMiB(), still = 0; still < 40; now = memoryMiB()) {
        still = now === before ? still + 1 : 0;
        before = now;
        await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      }
      client.resume();
      expect(await asked).toEqual(await directly(ask));
    });
    expect(growth).toBeLessThan(GROWTH_MIB);
  });

  it('a large object of 100 MB, in one Bind and one DataRow', async () => {
    const content = Buffer.alloc(100 * MiB, 'large object ');
    const create = (each: StreamClient): Promise<Passed> =>
      each.send(parse('', 'select lo_from_bytea(77, $1)'), binaryBind(content), execute(''), sync);
    const growth = await growthDuring(`a large object of 100 MB, ${title}`, async () => {
      await create(client);
      const read = await client.query('select lo_get(77)');
      expect(read.bytes).toBeGreaterThan(200 * MiB);
      expect(read).toEqual(await directly((each) => each.query('select lo_get(77)')));
      await client.query('select lo_unlink(77)');
    });
    expect(growth).toBeLessThan(GROWTH_MIB);
  });
});

describe.runIf(measurable)('one message', () => {
  it('of 900 MB', async () => {
    const client = await StreamClient.open(port, { tls: false });
    const ask = (each: StreamClient): Promise<Passed> => each.query("select repeat('x', 900000000)");
    const growth = await growthDuring('one value of 900 MB', async () => {
      const passed = await ask(client);
      expect(passed.bytes).toBeGreaterThan(900_000_000);
      expect(passed).toEqual(await directly(ask));
    });
    expect(growth).toBeLessThan(GROWTH_MIB);
    await client.close();
  });
});

/** Bind of the unnamed statement with one value in binary. */
function binaryBind(value: Buffer): Buffer {
  // Portal and statement without a name, one format code (binary), one value of this length; then no format code: text.
  const head = Buffer.from([0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0]);
  head.writeInt32BE(value.length, 8);
  return message('B', head, value, Buffer.from([0, 0]));
}
