/** node-postgres. It knows TLS as an object of options, not as libpq's modes: what fits each mode stands in `ssl`. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import pg from 'pg';
import { ask, expect, expectError, say, step, task } from './conversation.mjs';

const { version } = createRequire(import.meta.url)('pg/package.json');
say(`version pg ${version}, Node ${process.version}`);

const ssl = {
  disable: false,
  require: { rejectUnauthorized: false },
  'verify-full': { ca: task.rootCert && readFileSync(task.rootCert, 'utf8'), rejectUnauthorized: true },
}[task.sslMode];

const common = {
  host: task.host,
  port: task.port,
  user: task.user,
  password: task.password,
  application_name: task.application,
  ssl,
  enableChannelBinding: task.channelBinding,
  connectionTimeoutMillis: 20_000,
};

async function connect(more) {
  const client = new pg.Client({ ...common, database: task.database, ...more });
  client.on('error', (error) => say(`note ${error.message}`));
  let offered = [];
  client.connection.once('authenticationSASL', (message) => (offered = message.mechanisms));
  await client.connect();
  // The driver takes it wherever it is offered, and goes on without it elsewhere: it has no way to insist.
  if (task.channelBinding && !offered.includes('SCRAM-SHA-256-PLUS')) throw new Error('the login was not bound to the channel');
  return client;
}

async function one(client, query, values) {
  const { rows } = await client.query({ ...(typeof query === 'string' ? { text: query } : query), values, rowMode: 'array' });
  return rows[0][0];
}

const serverPort = (client) => one(client, 'SELECT inet_server_port()');

async function visit(port, more) {
  const client = await connect(more);
  try {
    expect(await serverPort(client), port);
  } finally {
    await client.end();
  }
}

async function whole() {
  await step('prefix', () => visit(task.portB, { database: `${task.other}/postgres` }));
  await step('options', () => visit(task.portB, { database: 'postgres', options: `endpoint=${task.other}` }));
  await step('password', async () => {
    if (!task.asksPassword) return 'nobody asks for one';
    await expectError('28P01', () => connect({ password: 'not this one' }));
    return undefined;
  });

  let main;
  const connected = await step('connect', async () => {
    main = await connect({});
  });
  if (!connected) return;

  await step('parameters', async () => expect(await one(main, 'SELECT $1::int + $2::int', [40, 2]), 42));
  await step('transaction', async () => {
    const insert = (n) => main.query('INSERT INTO matrix_rows VALUES ($1, $2)', [task.application, n]);
    await main.query('BEGIN');
    await insert(1);
    await main.query('ROLLBACK');
    await main.query('BEGIN');
    await insert(2);
    await main.query('COMMIT');
    const { rows } = await main.query('SELECT n FROM matrix_rows WHERE who = $1', [task.application]);
    expect(rows, [{ n: 2 }]);
  });
  await step('error', async () => {
    await expectError('22012', () => main.query('SELECT 1/0'));
    expect(await one(main, 'SELECT 1'), 1);
  });
  const doubled = async (n) => expect(await one(main, { name: 'doubled', text: 'SELECT $1::int * 2' }, [n]), n * 2);
  await step('prepared', async () => {
    for (const n of [1, 2, 3]) await doubled(n);
  });
  await step('cancel', async () => {
    const query = new pg.Query('SELECT pg_sleep(30)');
    const cancelled = expectError('57014', () => {
      return new Promise((resolve, reject) => {
        query.on('end', resolve).on('error', reject);
        main.query(query);
      });
    });
    await ask('cancel');
    // As its own pool of old did: a second client carries the request, always in clear.
    new pg.Client({ ...common, database: task.database, ssl: false }).cancel(main, query);
    await cancelled;
    expect(await one(main, 'SELECT 1'), 1);
  });
  await step('copy', async () => 'COPY is in another package, pg-copy-streams');

  const notes = [];
  let awaited = () => undefined;
  main.on('notification', ({ payload }) => {
    notes.push(payload);
    awaited();
  });
  const heard = async (payload) => {
    const came = new Promise((resolve) => (awaited = resolve));
    await main.query('SELECT pg_notify($1, $2)', [task.application, payload]);
    if (notes.length === 0) await came;
    expect(notes.splice(0), [payload]);
  };
  await step('notify', async () => {
    await main.query(`LISTEN "${task.application}"`);
    await heard('before');
  });
  await step('migrate', async () => {
    expect(await serverPort(main), task.portA);
    await ask('migrate');
    expect(await serverPort(main), task.portB);
  });
  await step('after', async () => {
    await doubled(21);
    await heard('after');
  });
  await step('close', () => main.end());
}

if (task.connectOnly) await step('connect', () => visit(task.portA, {}));
else await whole();
process.exit(0);
