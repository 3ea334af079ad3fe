import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { useYard } from '../support/yard.ts';
import { cstring, fields, message, rows, startup, terminate, WireClient } from '../support/wire-client.ts';

/** Version 15: the machine's own pg_receivewal and pg_basebackup are of that version, as a rule, and take no newer server. */
const cluster = useCluster({ major: 15, settings: { wal_level: 'logical', max_wal_senders: 10, max_replication_slots: 10 } });
const other = useCluster({ major: 15, name: 'other' });
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url(), 'ep-b': other().url() } }));

async function open(replication: string | null, port = yard().port): Promise<WireClient> {
  const client = await WireClient.open(port);
  onTestFinished(() => client.destroy());
  client.write(startup({ user: 'postgres', database: 'postgres', ...(replication === null ? {} : { replication }) }));
  return client;
}

async function connect(replication: string | null): Promise<WireClient> {
  const client = await open(replication);
  await client.until('Z');
  return client;
}

/** Reads the stream's CopyData until one holds this text. */
async function streamUntil(client: WireClient, text: string): Promise<void> {
  for (;;) {
    const { type, body } = await client.next();
    if (type === 'd' && body.includes(text)) return;
    if (type !== 'd') expect.fail(`the stream ended with ${type}`);
  }
}

/** Standby status update: everything is written, flushed and applied. */
function status(): Buffer {
  const body = Buffer.alloc(34);
  body.write('r', 0, 'latin1');
  return message('d', body);
}

describe('a logical replication connection', () => {
  it('streams one to one, ends as the protocol says, and goes on with commands', async () => {
    const client = await connect('database');
    expect(rows(await client.query('IDENTIFY_SYSTEM'))).toHaveLength(1);
    const created = rows(await client.query('CREATE_REPLICATION_SLOT one TEMPORARY LOGICAL test_decoding'));
    expect(created[0]?.[0]).toBe('one');
    client.write(message('Q', cstring('START_REPLICATION SLOT one LOGICAL 0/0')));
    expect((await client.next()).type).toBe('W');
    const writer = await connect(null);
    await writer.query('create table replicated (word text)');
    await writer.query("insert into replicated values ('first light')");
    await streamUntil(client, 'first light');
    client.write(status());
    await writer.query("insert into replicated values ('second light')");
    await streamUntil(client, 'second light');
    client.write(message('c'));
    const end = await client.until('Z');
    expect(end.filter(({ type }) => type === 'c')).toHaveLength(1);
    expect(end.some(({ type }) => type === 'E')).toBe(false);
    expect(rows(await client.query('IDENTIFY_SYSTEM'))).toHaveLength(1);
    expect(rows(await client.query('select count(*) from replicated'))).toEqual([['2']]);
  });

  it('is closed with its client, while it streams too, and nobody gets it after', async () => {
    const walsenders = async (): Promise<string | null | undefined> => {
      const { client } = await WireClient.start(cluster().port);
      const count = rows(await client.query("select count(*) from pg_stat_activity where backend_type = 'walsender'"))[0]?.[0];
      client.destroy();
      return count;
    };
    await expect.poll(walsenders).toBe('0');
    const [polite, streaming] = [await connect('database'), await connect('database')];
    await streaming.query('CREATE_REPLICATION_SLOT two TEMPORARY LOGICAL test_decoding');
    streaming.write(message('Q', cstring('START_REPLICATION SLOT two LOGICAL 0/0')));
    expect((await streaming.next()).type).toBe('W');
    expect(await walsenders()).toBe('2');
    polite.write(terminate);
    streaming.destroy();
    await expect.poll(walsenders).toBe('0');
    const idle = (await yard().snapshot()).pools.reduce((sum, pool) => sum + pool.idle, 0);
    await connect('database');
    expect((await yard().snapshot()).pools.reduce((sum, pool) => sum + pool.idle, 0)).toBe(idle);
  });

  it('does not move, and says why', async () => {
    const client = await connect('database');
    const rowsBefore = await yard().sessions();
    const id = rowsBefore.at(-1)?.id ?? expect.fail();
    const { verdicts } = await yard().switchyard.handlers.preflight({ sessionIds: [id], to: 'ep-b' });
    expect(verdicts[0]).toMatchObject({ verdict: 'refused', reason: expect.stringContaining('replication connection') as string });
    await yard().switchyard.handlers.migrate({ sessionIds: [id], to: 'ep-b', withinMs: 1_000 });
    await expect.poll(async () => (await yard().snapshot()).transfers.find((row) => row.sessionId === id)?.outcome).toBe('refused');
    expect(rows(await client.query('IDENTIFY_SYSTEM'))).toHaveLength(1);
  });
});

describe('a physical replication connection', () => {
  it('streams the log', async () => {
    const client = await connect('true');
    const [position] = rows(await client.query('IDENTIFY_SYSTEM'));
    client.write(message('Q', cstring(`START_REPLICATION PHYSICAL ${position?.[2] ?? expect.fail()}`)));
    expect((await client.next()).type).toBe('W');
    const writer = await connect(null);
    await writer.query('create table if not exists physical (word text)');
    await writer.query("insert into physical values ('seen in the log')");
    await streamUntil(client, 'seen in the log');
    client.write(status(), message('c'));
    await client.until('Z');
  });
});

describe('the parameter', () => {
  it.each(['off', 'false', 'no', '0', 'f'])('%s is no replication: an ordinary client, pooled and moved', async (value) => {
    const client = await connect(value);
    expect(rows(await client.query('select 1'))).toEqual([['1']]);
    const id = (await yard().sessions()).at(-1)?.id ?? expect.fail();
    await yard().switchyard.handlers.migrate({ sessionIds: [id], to: 'ep-b', withinMs: 10_000 });
    await expect.poll(async () => (await yard().sessions()).find((row) => row.id === id)?.endpoint).toBe('ep-b');
    expect(Number(rows(await client.query('show port'))[0]?.[0])).toBe(other().port);
  });

  it('that is neither is refused by the server', async () => {
    const client = await open('perhaps');
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())['M']).toContain('invalid value for parameter "replication"');
  });
});

const via = (): string[] => ['-h', '127.0.0.1', '-p', String(yard().port), '-U', 'postgres'];

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-replication-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describeWithProgram('pg_basebackup', 'pg_basebackup through the proxy', (program) => {
  it('copies a server, its log streamed beside it', async () => {
    const target = path.join(temporaryFolder(), 'copy');
    const { code, stderr } = await runProgram(program, [...via(), '-D', target, '-X', 'stream', '--checkpoint=fast']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(readdirSync(target)).toContain('PG_VERSION');
  });
});

describeWithProgram('pg_receivewal', 'pg_receivewal through the proxy', (program) => {
  it('receives the log until it is told to stop', async () => {
    const folder = temporaryFolder();
    const child = spawn(program, [...via(), '-D', folder, '-v'], { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const writer = await connect(null);
    await expect.poll(() => readdirSync(folder).some((name) => name.endsWith('.partial')), { timeout: 15_000 }).toBe(true);
    await writer.query('select pg_switch_wal()');
    await expect.poll(() => readdirSync(folder).some((name) => /^[0-9A-F]{24}$/.test(name)), { timeout: 15_000 }).toBe(true);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code, said).toBe(0);
  });
});
