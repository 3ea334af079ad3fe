/** COPY in transaction mode (PgBouncer's test_copy): in and out, each protocol, errors at every place, on one server connection for all. */
import { describe, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { errorCodes, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { bind, cstring, execute, flush, message, parse, rows, sync, type WireClient, type WireMessage } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster();
const yardOfOne = (): Promise<Yard> => pooledYard({ 'ep-a': cluster().url() }, { size: 1 });

const data = (text: string): Buffer => message('d', Buffer.from(text));
const copyDone = message('c');
const copyFail = message('f', cstring('changed its mind'));

/** How a COPY is begun, and how its cycle is ended once the data are through. */
interface Protocol {
  readonly name: string;
  readonly isExtended: boolean;
  readonly begin: (client: WireClient, sql: string) => Promise<void>;
}

const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'simple',
    isExtended: false,
    begin: (client, sql) => {
      client.write(query(sql));
      return Promise.resolve();
    },
  },
  {
    name: 'extended',
    isExtended: true,
    begin: (client, sql) => {
      client.write(parse('', sql), bind('', ''), execute(''), flush);
      return Promise.resolve();
    },
  },
  {
    name: 'prepared',
    isExtended: true,
    begin: async (client, sql) => {
      client.write(parse('copier', sql), sync);
      await client.until('Z');
      client.write(bind('', 'copier'), execute(''), flush);
    },
  },
];

/** Two clients on one server connection: the second one works in between, and is to see nothing but committed rows. */
async function scene(name: string): Promise<{ yard: Yard; client: WireClient; other: WireClient }> {
  const yard = await yardOfOne();
  const { client } = await raw(yard);
  const { client: other } = await raw(yard);
  await other.query(`drop table if exists ${name}`);
  await other.query(`create table ${name} (a int, b text)`);
  return { yard, client, other };
}

const tags = (messages: readonly WireMessage[]): string[] =>
  messages.filter(({ type }) => type === 'C').map(({ body }) => body.toString('latin1', 0, body.length - 1));
const copied = (messages: readonly WireMessage[]): string =>
  messages
    .filter(({ type }) => type === 'd')
    .map(({ body }) => body.toString())
    .join('');

describe.each(PROTOCOLS)('COPY in the $name protocol', ({ name, isExtended, begin }) => {
  const table = `copied_${name}`;
  const end = isExtended ? [sync] : [];

  it('in and out, again and again, with others in between', async () => {
    const { yard, client, other } = await scene(table);
    for (let round = 0; round < 3; round++) {
      await begin(client, `copy ${table} from stdin`);
      await client.until('G');
      other.write(query(`select count(*) from ${table}`));
      await sessionsIn(yard, 'waiting', 1);
      client.write(data(`${round}\tone\n`), data(`${round}\ttwo\n`), copyDone, ...end);
      expect(tags(await client.until('Z'))).toEqual(['COPY 2']);
      expect(rows(await other.until('Z'))).toEqual([[String(2 * round + 2)]]);
      client.write(message('C', Buffer.from('S'), cstring('copier')), sync);
      await client.until('Z');
    }
    await begin(client, `copy (select a, b from ${table} order by a, b) to stdout`);
    client.write(...end);
    const answers = await client.until('Z');
    expect(tags(answers)).toEqual(['COPY 6']);
    expect(copied(answers)).toBe([0, 1, 2].map((n) => `${n}\tone\n${n}\ttwo\n`).join(''));
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });

  it.each([
    ['with data that do not fit, heard before the end', data('no number\tx\n'), '22P02'],
    ['that the client gives up', copyFail, '57014'],
    ['with a message that has no place there', message('d', Buffer.from('1\tx\n2')), '22P04'],
  ])('in, %s: one error, and both go on', async (_what, bytes, code) => {
    const { yard, client, other } = await scene(table);
    await begin(client, `copy ${table} from stdin`);
    await client.until('G');
    client.write(data('1\tfine\n'), bytes);
    // What follows is sent without a look at what was heard.
    if (!bytes.equals(copyFail)) client.write(copyDone);
    client.write(...end);
    expect(errorCodes(await client.until('Z'))).toEqual([code]);
    expect(await value(client, `select count(*) from ${table}`)).toBe('0');
    expect(await value(other, `select count(*) from ${table}`)).toBe('0');
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });

  it('in, with an error long before the data end: what still comes disturbs nobody', async () => {
    const { yard, client, other } = await scene(table);
    await begin(client, `copy ${table} from stdin`);
    await client.until('G');
    client.write(data('no number\tx\n'));
    client.write(...Array.from({ length: 200 }, (_, i) => data(`${i}\t${'x'.repeat(1_000)}\n`)), copyDone, ...end);
    expect(errorCodes(await client.until('Z'))).toEqual(['22P02']);
    const answers = await Promise.all([client.query(`select 'mine', count(*) from ${table}`), other.query(`select 'other'`)]);
    expect(answers.map((each) => rows(each))).toEqual([[['mine', '0']], [['other']]]);
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });

  it('in a transaction that is rolled back, and one that is committed', async () => {
    const { yard, client, other } = await scene(table);
    for (const [last, count] of [
      ['rollback', '0'],
      ['commit', '1'],
    ] as const) {
      await client.query('begin');
      await begin(client, `copy ${table} from stdin`);
      await client.until('G');
      client.write(data('1\tx\n'), copyDone, ...end);
      await client.until('Z');
      other.write(query(`select count(*) from ${table}`));
      await sessionsIn(yard, 'waiting', 1);
      client.write(message('C', Buffer.from('S'), cstring('copier')), sync);
      await client.until('Z');
      await client.query(last);
      expect(rows(await other.until('Z'))).toEqual([[count]]);
    }
  });

  it('out that fails half-way, in a transaction too', async () => {
    const { yard, client, other } = await scene(table);
    await begin(client, 'copy (select 1 / (1000 - n) from generate_series(1, 2000) n) to stdout');
    client.write(...end);
    const answers = await client.until('Z');
    expect(errorCodes(answers)).toEqual(['22012']);
    expect(await value(other, 'select 1')).toBe('1');
    await client.query('begin');
    client.write(query('copy (select 1 / (1000 - n) from generate_series(1, 2000) n) to stdout'));
    expect(errorCodes(await client.until('Z'))).toEqual(['22012']);
    expect(errorCodes(await client.query('select 1'))).toEqual(['25P02']);
    await client.query('rollback');
    expect(await value(other, 'select 2')).toBe('2');
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });

  it('that is refused before it begins', async () => {
    const { client, other } = await scene(table);
    await begin(client, 'copy nowhere from stdin');
    client.write(...end);
    expect(errorCodes(await client.until('Z'))).toEqual(['42P01']);
    expect(await value(other, 'select 1')).toBe('1');
  });
});

it('several COPYs in one query string, in and out, and a statement behind', async () => {
  const { client, other } = await scene('several');
  client.write(query('copy several from stdin; copy several to stdout; copy several from stdin; select count(*) from several'));
  await client.until('G');
  client.write(data('1\tx\n'), copyDone);
  const middle = await client.until('G');
  expect(copied(middle)).toBe('1\tx\n');
  client.write(data('2\ty\n'), copyDone);
  const last = await client.until('Z');
  expect(tags([...middle, ...last])).toEqual(['COPY 1', 'COPY 1', 'COPY 1', 'SELECT 1']);
  expect(rows(last)).toEqual([['2']]);
  expect(await value(other, 'select count(*) from several')).toBe('2');
});

it('COPY that is cancelled, in and out, and its server connection next', async () => {
  const { yard, client, other } = await scene('stopped');
  const { handlers } = yard.switchyard;
  const idOf = async (state: string): Promise<number> => (await yard.sessions()).find((row) => row.state === state)?.id ?? 0;
  client.socket.pause();
  client.write(query("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout"));
  await expect.poll(async () => Math.max(...(await yard.sessions()).map(({ bytesOut }) => bytesOut)), soon).toBeGreaterThan(100_000);
  await handlers['session.cancel']({ sessionId: await idOf('active') });
  client.socket.resume();
  expect(errorCodes(await client.until('Z'))).toEqual(['57014']);
  expect(await value(other, 'select 1')).toBe('1');
  client.write(query('copy stopped from stdin'));
  await client.until('G');
  await handlers['session.cancel']({ sessionId: await idOf('active') });
  // The server looks at it with the next row, once it is there.
  const answer = client.until('Z');
  let isOver = false;
  void answer.finally(() => (isOver = true)).catch(() => {});
  while (!isOver) {
    client.write(data('1\tx\n'));
    await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  expect(errorCodes(await answer)).toEqual(['57014']);
  expect(await value(other, 'select count(*) from stopped')).toBe('0');
});

it('COPY while the pool is full: its data wait with it', async () => {
  const { yard, client, other } = await scene('late');
  await other.query('begin');
  client.write(query('copy late from stdin'), ...Array.from({ length: 50 }, (_, i) => data(`${i}\t${'x'.repeat(2_000)}\n`)), copyDone);
  await sessionsIn(yard, 'waiting', 1);
  await other.query('commit');
  expect(tags(await client.until('Z'))).toEqual(['COPY 50']);
});

describeWithProgram('psql', 'psql’s \\copy in transaction mode', (psql) => {
  it('brings in and out what it should, several at once on one server connection', async () => {
    const yard = await yardOfOne();
    const url = yard.connectionString('ep-a');
    await (await raw(yard)).client.query('create table by_psql (a int, b text)');
    const lines = (at: number): string => Array.from({ length: 500 }, (_, i) => `${at}\t${i}\n`).join('');
    const results = await Promise.all(
      [1, 2, 3, 4].map((at) =>
        runProgram(psql, ['-X', '-v', 'ON_ERROR_STOP=1', '-c', 'copy by_psql from stdin', url], { input: lines(at) }),
      ),
    );
    for (const result of results) expect(result, result.stderr).toMatchObject({ code: 0, stdout: 'COPY 500\n' });
    const out = await runProgram(psql, ['-XAtc', '\\copy (select * from by_psql order by a, b::int) to stdout', url]);
    expect(out.stdout).toBe([1, 2, 3, 4].map(lines).join(''));
  });
});
