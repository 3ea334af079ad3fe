/**
 * `npm run test:matrix`: every client against every way into the proxy. Real clients, real PostgreSQL, the built headless host.
 *
 *   --write           writes the tables to docs/clients.md
 *   --client NAME     only clients whose name has this in it
 *   --auth NAME       only this authentication
 *   --tls plain|TLS   only without or only with TLS
 *
 * A client that this machine does not have is shown with what to install, and counted as skipped. The last line sums up.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { runCell } from './cell.mjs';
import { clients as allClients } from './clients.mjs';
import { forDocs, forTerminal } from './report.mjs';
import { buildHost, loadAuthority, loadCluster, openControl, password, startHost, startServers } from './servers.mjs';
import { authentications, encryptions, sslModes, valueOf } from './words.mjs';

const root = path.join(import.meta.dirname, '../..');
const atOnce = 3;
const only = { client: valueOf('--client') ?? '', auth: valueOf('--auth'), tls: valueOf('--tls') };
const partial = only.client !== '' || only.auth !== null || only.tls !== null;
const write = process.argv.includes('--write');
if (write && partial) {
  say('--write wants the whole matrix: leave out --client, --auth and --tls.');
  process.exit(2);
}

mkdirSync(path.join(root, 'test-results'), { recursive: true });
// Inside the project, so that what is bundled here finds its packages.
const folder = mkdtempSync(path.join(root, 'test-results/matrix-'));
const clients = allClients
  .filter(({ name }) => name.includes(only.client))
  .map((client) => ({ ...client, program: client.prepare(folder) }));
const results = { cells: [], modes: [], clients, servers: null, hostTrouble: [] };
let cellNumber = 0;
let servers = null;
try {
  buildHost();
  servers = await startServers(await loadCluster(folder));
  results.servers = servers.version;
  const authority = only.tls === 'plain' ? null : await makeAuthorities();
  for (const encryption of encryptions.filter(({ id }) => only.tls === null || id === only.tls)) await tryEncryption(encryption, authority);
  if (only.auth === null && only.tls === null) await trySslModes(authority);
} finally {
  await servers?.stop();
  rmSync(folder, { recursive: true, force: true });
}

const { text, passed, failed, skipped } = forTerminal(results);
say(text);
if (write) {
  mkdirSync(path.join(root, 'docs'), { recursive: true });
  writeFileSync(path.join(root, 'docs/clients.md'), forDocs(results));
  say('Written to docs/clients.md.');
}
say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;

/** The authority whose certificate the proxy shows, and one that has nothing to do with it. */
async function makeAuthorities() {
  const makeLocalAuthority = await loadAuthority(folder);
  const made = ['own', 'stranger'].map((name) => {
    const place = path.join(folder, name);
    mkdirSync(place);
    return makeLocalAuthority(place);
  });
  const [own, stranger] = await Promise.all(made);
  return { ...own, strangerFile: stranger.authorityFile };
}

/** One host per method of authentication. */
async function tryEncryption(encryption, authority) {
  const wanted = authentications.filter(({ id }) => only.auth === null || id === only.auth);
  for (const method of new Set(wanted.map((authentication) => authentication.method))) {
    await withHost(`${method}-${encryption.id}`, settingsOf(method, encryption.clients, authority), encryption, authority, async (host) => {
      const jobs = wanted
        .filter((authentication) => authentication.method === method)
        .flatMap((authentication) => clients.map((client) => () => tryCell({ client, authentication, encryption, authority, host })));
      await inTurns(jobs);
    });
  }
}

async function tryCell({ client, authentication, encryption, authority, host }) {
  const place = { client: client.name, authentication: authentication.id, encryption: encryption.id };
  const without = notApplicable(client, authentication, encryption);
  if (without !== null) {
    results.cells.push({ ...place, without });
    return;
  }
  const cell = await runCell({
    client,
    program: client.program,
    mode: 'whole',
    application: `matrix-${++cellNumber}`,
    control: host.control,
    environment: {
      ...environmentOf(host, authentication.role, encryption.sslMode),
      ...(authority === null || encryption.clients === 'off' ? {} : { PGSSLROOTCERT: authority.authorityFile }),
      ...(authentication.channelBinding ? { PGCHANNELBINDING: 'require' } : {}),
      MATRIX_ASKS_PASSWORD: authentication.method === 'trust' ? 'no' : 'yes',
    },
  });
  results.cells.push({ ...place, ...cell });
  say(`${cell.failure === null ? 'ok  ' : 'FAIL'} ${client.name}, ${authentication.id}, ${encryption.id}${suffix(cell.failure)}`);
}

/** Why there is nothing to try; null when there is. */
function notApplicable(client, authentication, encryption) {
  if (client.program.missing !== undefined) return { missing: client.program.missing };
  if (encryption.clients === 'off' && client.tlsOnly) return { reason: 'only with TLS' };
  if (!authentication.channelBinding) return null;
  if (encryption.clients === 'off') return { reason: 'a channel to bind to exists only with TLS' };
  return client.channelBinding ? null : { reason: 'this client has no channel binding' };
}

/** sslmode against the proxy's three settings; login and one query. */
async function trySslModes(authority) {
  for (const setting of ['off', 'allow', 'require']) {
    const encryption = encryptions.find(({ clients: setTo }) => (setTo === 'off') === (setting === 'off'));
    await withHost(`modes-${setting}`, settingsOf('trust', setting, authority), encryption, authority, async (host) => {
      const jobs = clients.flatMap((client) => sslModes.map((mode) => () => tryMode({ client, mode, setting, authority, host })));
      await inTurns(jobs);
    });
  }
}

async function tryMode({ client, mode, setting, authority, host }) {
  const place = { client: client.name, mode: mode.id, setting };
  if (client.program.missing !== undefined || !client.sslModes.includes(mode.sslMode)) {
    results.modes.push({ ...place, without: { missing: client.program.missing, reason: 'this client has no such mode' } });
    return;
  }
  const { failure } = await runCell({
    client,
    program: client.program,
    mode: 'connect',
    application: `matrix-${++cellNumber}`,
    control: host.control,
    environment: {
      ...environmentOf(host, 'matrix', mode.sslMode),
      ...(mode.sslMode === 'verify-full' ? { PGSSLROOTCERT: mode.stranger ? authority.strangerFile : authority.authorityFile } : {}),
      MATRIX_ASKS_PASSWORD: 'no',
    },
  });
  const enters = mode.entersWith.includes(setting);
  const wrong = enters ? failure : wrongRefusal(failure);
  results.modes.push({ ...place, entered: failure === null, words: failure, failure: wrong });
  say(`${wrong === null ? 'ok  ' : 'FAIL'} ${client.name}, sslmode=${mode.id}, proxy: ${setting}${suffix(wrong)}`);
}

/** A client that must not get in has to be told about TLS or certificates, not about something else. */
function wrongRefusal(failure) {
  if (failure === null) return 'it got in';
  return /SSL|TLS|encrypt|certificate|PKIX|self.signed/i.test(failure) ? null : `refused for another reason: ${failure}`;
}

async function withHost(name, settings, encryption, authority, use) {
  const host = await startHost({ clusters: servers.clusters, folder, name, settings });
  try {
    const ca = encryption.clients === 'off' ? null : authority.authorityFile;
    host.control = await openControl({ port: host.port, ca, role: 'matrix', clusters: servers.clusters });
    await use(host);
    await host.control.end();
  } catch (error) {
    results.hostTrouble.push(`${name}: ${error.message}`);
  } finally {
    const code = await host.stop();
    if (code !== 0) results.hostTrouble.push(`${name}: the host left with ${code}`);
    const unusual = host.said.filter((line) => line !== '' && !/^(Building Switchyard|Built in|Stopping …)/.test(line));
    if (unusual.length > 0) results.hostTrouble.push(`${name}: the host said: ${unusual.join(' ')}`);
  }
}

/** Null: everything as it is by default. */
function settingsOf(method, tls, authority) {
  if (method === 'trust' && tls === 'off') return null;
  const { md5, scram, passThrough } = servers.verifiers;
  const files = tls === 'off' ? null : { kind: 'files', certificate: authority.certificateFile, key: authority.keyFile };
  return {
    tls: { clients: tls, ...(files === null ? {} : { certificate: files }) },
    authentication: {
      method,
      users: [
        { name: 'matrix', verifier: method === 'md5' ? md5 : scram },
        { name: 'matrix_scram', verifier: passThrough },
      ],
    },
  };
}

function environmentOf(host, role, sslMode) {
  const [a, b] = servers.clusters;
  return {
    // By name, so that a certificate has a name to be compared with.
    PGHOST: 'localhost',
    PGPORT: String(host.port),
    PGUSER: role,
    PGPASSWORD: password,
    PGDATABASE: 'ep-a/postgres',
    PGSSLMODE: sslMode,
    MATRIX_PORT_A: String(a.port),
    MATRIX_PORT_B: String(b.port),
  };
}

async function inTurns(jobs) {
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function suffix(failure) {
  return failure === null ? '' : `: ${failure}`;
}

function say(words) {
  process.stdout.write(`${words}\n`);
}
