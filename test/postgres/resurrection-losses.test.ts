/** A server goes away under a session that cannot be made anew: what its client hears. And under one that waits for it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { lookedAt } from '../support/resurrection.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { cancelRequest, cstring, fields, message, rows, WireClient, type WireMessage } from '../support/wire-client.ts';

const cluster = useCluster({ name: 'mortal' });

async function yardWith(settings: SettingsInput = {}): Promise<Yard> {
  const yard = await startYard({ endpoints: { ep: cluster().url() }, options: { settings } });
  onTestFinished(() => yard.stop());
  return yard;
}

async function start(yard: Yard): Promise<{ client: WireClient; greeting: WireMessage[] }> {
  const started = await WireClient.start(yard.port, { options: 'endpoint=ep' });
  onTestFinished(() => started.client.destroy());
  return started;
}

function keyIn(greeting: readonly WireMessage[]): Buffer {
  return greeting.find(({ type }) => type === 'K')?.body ?? expect.fail();
}

/** All that a client still hears before the end of its connection. */
async function lastWords(client: WireClient): Promise<WireMessage[]> {
  const heard: WireMessage[] = [];
  for (;;) {
    const next = await client.next().catch(() => null);
    if (next === null) return heard;
    heard.push(next);
  }
}

describe('what is gone with the server connection is named', () => {
  it.each([
    ['advisory locks', 'SELECT pg_advisory_lock(42)', /session advisory locks \(ExclusiveLock on 42\)/, /take the locks anew/],
    [
      'temporary tables',
      'CREATE TEMP TABLE basket (n int)',
      /temporary objects \(table pg_temp\.basket/,
      /make the temporary objects anew/,
    ],
    ['held cursors', 'BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT', /cursors WITH HOLD \(c\)/, /open the cursors anew/],
    ['notifications', 'LISTEN news', /notifications on the channels it listens to \(news\)/, /LISTEN anew/],
    [
      'settings with names that nobody knows',
      `SELECT set_config('app.' || 'x', 'y', false)`,
      /custom settings whose names could not be read/,
      /Connect again/,
    ],
  ])('%s', async (_name, statement, what, hint) => {
    const yard = await yardWith();
    const { client } = await start(yard);
    await client.query(statement);
    await lookedAt(yard, cluster(), 'ep');
    await cluster().restart('fast');
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type)).toEqual(['E']);
    const error = fields(heard[0] ?? expect.fail());
    expect(error).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(error['M']).toMatch(what);
    expect(error['H']).toMatch(hint);
  });

  it('what a session did right before', async () => {
    const yard = await yardWith({ resurrection: { afterIdleSeconds: 3_600 } });
    const { client } = await start(yard);
    await client.query("SET application_name = 'hasty'");
    await cluster().restart('fast');
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type)).toEqual(['E']);
    const error = fields(heard[0] ?? expect.fail());
    expect(error).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(error['M']).toMatch(/what it has set since it was looked at last/);
    expect(error['H']).toMatch(/idle for 3600 s/);
  });
});

describe('the server’s own words are enough', () => {
  it.each([
    ['with resurrection switched off', { resurrection: { enabled: false } }, []],
    ['in a transaction', {}, ['BEGIN']],
    ['in a failed transaction', {}, ['BEGIN', 'SELECT 1/0']],
  ])('%s', async (_name, settings, statements) => {
    const yard = await yardWith(settings);
    const { client } = await start(yard);
    for (const statement of statements) await client.query(statement);
    await cluster().restart('fast');
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type)).toEqual(['E']);
    expect(fields(heard[0] ?? expect.fail())).toMatchObject({
      S: 'FATAL',
      C: '57P01',
      M: 'terminating connection due to administrator command',
    });
  });

  it('in the middle of a statement', async () => {
    const yard = await yardWith();
    const { client } = await start(yard);
    client.write(message('Q', cstring('SELECT pg_sleep(100)')));
    await expect.poll(async () => (await yard.sessions()).map(({ state }) => state)).toEqual(['active']);
    await cluster().restart('fast');
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type).filter((type) => type === 'E')).toHaveLength(1);
    expect(fields(heard.find(({ type }) => type === 'E') ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '57P01' });
  });

  it('where the server ends this session for what it is: idle for too long', async () => {
    const yard = await yardWith();
    const { client } = await start(yard);
    await client.query("SET idle_session_timeout = '2s'");
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type)).toEqual(['E']);
    expect(fields(heard[0] ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '57P05' });
  });
});

describe('a client that wants something meanwhile', () => {
  it('waits, is told so, and gets its answer', async () => {
    const yard = await yardWith({ pooling: { waitNotice: 1 } });
    const { client } = await start(yard);
    await client.query("SET application_name = 'patient'");
    await lookedAt(yard, cluster(), 'ep');
    await cluster().down('fast');
    client.write(message('Q', cstring("SELECT current_setting('application_name')")));
    const notice = fields((await client.until('N')).at(-1) ?? expect.fail());
    expect(notice['M']).toMatch(/waiting for .* which does not answer/);
    await cluster().up();
    expect(rows(await client.until('Z'))).toEqual([['patient']]);
  });

  it('can cancel what waits, and go on', async () => {
    const yard = await yardWith();
    const { client, greeting } = await start(yard);
    await client.query("SET application_name = 'impatient'");
    await lookedAt(yard, cluster(), 'ep');
    await cluster().down('fast');
    await expect.poll(async () => (await yard.sessions()).map(({ serverPid }) => serverPid)).toEqual([null]);
    client.write(message('Q', cstring('SELECT 1')));
    await expect.poll(async () => (await yard.sessions()).map(({ state }) => state)).toEqual(['waiting']);
    const canceller = await WireClient.open(yard.port);
    canceller.write(cancelRequest(keyIn(greeting)));
    await canceller.closed();
    const answer = await client.until('Z');
    expect(answer.map(({ type }) => type)).toEqual(['E', 'Z']);
    expect(fields(answer[0] ?? expect.fail())).toMatchObject({ S: 'ERROR', C: '57014' });
    await cluster().up();
    expect(rows(await client.query("SELECT current_setting('application_name')"))).toEqual([['impatient']]);
    // The client's own key reaches the new server connection.
    client.write(message('Q', cstring('SELECT pg_sleep(100)')));
    await expect.poll(async () => (await yard.sessions()).map(({ state }) => state)).toEqual(['active']);
    const again = await WireClient.open(yard.port);
    again.write(cancelRequest(keyIn(greeting)));
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())).toMatchObject({ S: 'ERROR', C: '57014' });
    await client.until('Z');
  });

  it('hears when the server does not come back in time', async () => {
    const yard = await yardWith({ resurrection: { withinSeconds: 1 } });
    const { client } = await start(yard);
    const { client: silent } = await start(yard);
    await client.query("SET application_name = 'unlucky'");
    await lookedAt(yard, cluster(), 'ep');
    await cluster().down('fast');
    client.write(message('Q', cstring('SELECT 1')));
    for (const each of [client, silent]) {
      const heard = await lastWords(each);
      expect(heard.map(({ type }) => type)).toEqual(['E']);
      const error = fields(heard[0] ?? expect.fail());
      expect(error).toMatchObject({ S: 'FATAL', C: '57P01' });
      expect(error['M']).toMatch(/has not come back within \d+ s/);
    }
    await cluster().up();
  });

  it('may leave: nothing is left of it', async () => {
    const yard = await yardWith();
    const { client } = await start(yard);
    const { client: rude } = await start(yard);
    await client.query('SELECT 1');
    await lookedAt(yard, cluster(), 'ep');
    await cluster().down('fast');
    await expect.poll(async () => (await yard.sessions()).map(({ serverPid }) => serverPid)).toEqual([null, null]);
    client.write(message('X'));
    rude.destroy();
    await expect.poll(async () => (await yard.sessions()).length).toBe(0);
    await cluster().up();
    await expect.poll(async () => (await yard.snapshot()).pools.map(({ active }) => active).reduce((a, b) => a + b, 0)).toBe(0);
  });
});

describe('in transaction mode', () => {
  const settings = { pooling: { mode: 'transaction' } } as const;

  it('who has no server connection does not notice', async () => {
    const yard = await yardWith(settings);
    const { client } = await start(yard);
    await client.query("SET TimeZone = 'Asia/Kathmandu'");
    await expect.poll(async () => (await yard.sessions()).map(({ serverPid }) => serverPid)).toEqual([null]);
    await cluster().restart('fast');
    await expect.poll(async () => (await yard.snapshot()).pools.map(({ idle }) => idle)).toEqual([0]);
    expect(rows(await client.query('SHOW TimeZone'))).toEqual([['Asia/Kathmandu']]);
    expect((await yard.sessions()).map(({ resurrections }) => resurrections)).toEqual([0]);
  });

  it('who is pinned hears what is lost', async () => {
    const yard = await yardWith(settings);
    const { client } = await start(yard);
    await client.query('SELECT pg_advisory_lock(7)');
    await expect.poll(async () => (await yard.sessions()).flatMap(({ pins }) => pins.map(({ code }) => code))).toEqual(['advisory_lock']);
    await cluster().restart('fast');
    const heard = await lastWords(client);
    expect(heard.map(({ type }) => type)).toEqual(['E']);
    const error = fields(heard[0] ?? expect.fail());
    expect(error).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(error['M']).toMatch(/what pinned the session to it: .*advisory lock/);
    expect(error['H']).toMatch(/take the locks anew/);
  });
});
