/** postgres.js, with a pool of one connection so that every step meets the same session. Statements are prepared by itself. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { ask, expect, expectError, say, step, task } from './conversation.mjs';

const { version } = JSON.parse(
  readFileSync(
    createRequire(import.meta.url)
      .resolve('postgres')
      .replace(/cjs\/src\/.*$/, 'package.json'),
  ),
);
say(`version postgres ${version}, Node ${process.version}`);

const ssl = {
  disable: false,
  prefer: 'prefer',
  require: 'require',
  'verify-full': { ca: task.rootCert && readFileSync(task.rootCert, 'utf8'), rejectUnauthorized: true },
}[task.sslMode];

function connect({ connection, ...more } = {}) {
  return postgres({
    host: task.host,
    port: task.port,
    user: task.user,
    password: task.password,
    database: task.database,
    connection: { application_name: task.application, ...connection },
    ssl,
    max: 1,
    idle_timeout: 0,
    connect_timeout: 20,
    onnotice: () => undefined,
    ...more,
  });
}

async function serverPort(sql) {
  const [{ port }] = await sql`SELECT inet_server_port() AS port`;
  return port;
}

async function visit(port, more) {
  const sql = connect(more);
  try {
    expect(await serverPort(sql), port);
  } finally {
    await sql.end();
  }
}

async function whole() {
  await step('prefix', () => visit(task.portB, { database: `${task.other}/postgres` }));
  await step('options', () => visit(task.portB, { database: 'postgres', connection: { options: `endpoint=${task.other}` } }));
  await step('password', async () => {
    if (!task.asksPassword) return 'nobody asks for one';
    await expectError('28P01', () => visit(task.portB, { password: 'not this one' }));
    return undefined;
  });

  const sql = connect();
  const connected = await step('connect', async () => expect((await sql`SELECT 1 AS one`)[0].one, 1));
  if (!connected) return;

  await step('parameters', async () => expect((await sql`SELECT ${40}::int + ${2}::int AS sum`)[0].sum, 42));
  await step('transaction', async () => {
    const insert = (on, n) => on`INSERT INTO matrix_rows VALUES (${task.application}, ${n})`;
    await sql
      .begin(async (on) => {
        await insert(on, 1);
        throw new Error('on purpose');
      })
      .catch((error) => expect(error.message, 'on purpose'));
    await sql.begin((on) => insert(on, 2));
    expect(await sql`SELECT n FROM matrix_rows WHERE who = ${task.application}`, [{ n: 2 }]);
  });
  await step('error', async () => {
    await expectError('22012', () => sql`SELECT 1/0`);
    expect((await sql`SELECT 1 AS one`)[0].one, 1);
  });
  const doubled = async (n) => expect((await sql`SELECT ${n}::int * 2 AS n`)[0].n, n * 2);
  await step('prepared', async () => {
    for (const n of [1, 2, 3]) await doubled(n);
    expect((await sql`SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement LIKE '%* 2 AS n'`)[0].n, 1);
  });
  await step('cancel', async () => {
    const query = sql`SELECT pg_sleep(30)`;
    const cancelled = expectError('57014', () => query.execute());
    await ask('cancel');
    query.cancel();
    await cancelled;
    expect((await sql`SELECT 1 AS one`)[0].one, 1);
  });
  await step('copy', async () => {
    const who = `${task.application}-copy`;
    // Below 16 kB: more, when it arrives at once, leaves the driver's socket paused for ever, with or without a proxy.
    const lines = Array.from({ length: 500 }, (_, n) => `${who}\t${n}\n`);
    await pipeline(Readable.from(lines), await sql`COPY matrix_rows FROM STDIN`.writable());
    const chunks = [];
    const out = await sql`COPY (SELECT * FROM matrix_rows WHERE who = ${sql.unsafe(`'${who}'`)} ORDER BY n) TO STDOUT`.readable();
    for await (const chunk of out) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString(), lines.join(''));
  });
  // Its LISTEN has a connection of its own, under the same name: ended at once, so that the session to move stays the only one.
  await step('notify', async () => {
    const listener = connect();
    try {
      let came;
      const payload = new Promise((resolve) => (came = resolve));
      await listener.listen(task.application, came);
      await listener.notify(task.application, 'before');
      expect(await payload, 'before');
    } finally {
      await listener.end();
    }
  });
  await step('migrate', async () => {
    expect(await serverPort(sql), task.portA);
    await ask('migrate');
    expect(await serverPort(sql), task.portB);
  });
  await step('after', () => doubled(21));
  await step('close', () => sql.end());
}

if (task.connectOnly) await step('connect', () => visit(task.portA));
else await whole();
process.exit(0);
