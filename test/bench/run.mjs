/**
 * `npm run bench`: what the proxy costs and what it saves, beside a direct connection and beside PgBouncer, all in one run. For each
 * workload and number of clients every configuration is measured in turn, in several rounds, each beginning with another one; ratios
 * are taken within a round. Rates by themselves say more about the machine.
 *
 * Writes a table to standard output, test-results/bench/results.json and test-results/bench/index.html.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildHost } from '../matrix/servers.mjs';
import { startDatabase } from './database.mjs';
import { floorsOf } from './floors.mjs';
import { memoryPerIdleClient, warmUpClients } from './idle-clients.mjs';
import { readKnobs, UnusableKnob, usage } from './knobs.mjs';
import { measure, warmUp } from './measure.mjs';
import { pageOf } from './page.mjs';
import { measurePause } from './pause.mjs';
import { pauseForDocs, pauseForTerminal, withPause } from './pause-words.mjs';
import { findPgBouncer, Poolers } from './poolers.mjs';
import { summarise } from './statistics.mjs';
import { forDocs, forTerminal } from './tables.mjs';

const root = path.join(import.meta.dirname, '../..');
const home = path.join(root, 'test-results/bench');

const knobs = knobsOrLeave();
mkdirSync(home, { recursive: true });
// Inside the project, so that what is bundled here finds its packages.
const folder = mkdtempSync(path.join(home, 'run-'));
const began = Date.now();
/** How busy the machine was with other things: beyond the number of its cores, rates say little. */
const [loadBefore] = os.loadavg();
const docs = path.join(root, 'docs/benchmark.md');
let results = null;
let pause;
try {
  if (!knobs.pauseOnly) {
    requirePgbench();
    buildHost();
    results = await runAll();
  }
  pause = await measurePause(folder, progress);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const measured = { ...pause, at: new Date().toISOString(), loadBefore: os.loadavg()[0], cores: os.availableParallelism() };
writeFileSync(path.join(home, 'pause.json'), `${JSON.stringify(measured, null, 1)}\n`);
if (results !== null) tell(results);
say(`\n${pauseForTerminal(measured)}`);
if (knobs.write) {
  writeFileSync(docs, withPause(results === null ? readFileSync(docs, 'utf8') : forDocs(results), pauseForDocs(measured)));
  say('Written to docs/benchmark.md.');
}
if (results !== null) say('The page: test-results/bench/index.html');

function tell(results) {
  writeFileSync(path.join(home, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(path.join(home, 'index.html'), pageOf(results));
  say(`\n${forTerminal(results)}`);
}

async function runAll() {
  const roles = knobs.configurations.map(({ id }) => id);
  const database = await startDatabase(folder, { scale: knobs.scale, configurations: roles });
  const poolers = new Poolers({
    database,
    folder,
    roles,
    warmUp: (configuration, pooler) => warmUp({ configuration, pooler, database }),
  });
  try {
    await poolers.prepare();
    const runs = await measureAll(database, poolers);
    const memory = await measureMemory(database, poolers);
    const rows = summarise(runs, knobs.configurations);
    return {
      at: new Date(began).toISOString(),
      tookSeconds: Math.round((Date.now() - began) / 1000),
      command: commandLine(),
      machine: machineOf(database.version),
      knobs: { duration: knobs.duration, rounds: knobs.rounds, clients: knobs.clients, scale: knobs.scale },
      configurations: knobs.configurations.map(({ id, label, mode, poolSize, rival }) => ({
        id,
        label,
        mode,
        poolSize,
        rival,
        skipped: poolers.skipped.get(id) ?? null,
      })),
      workloads: knobs.workloads.map(({ id, label, unit, poolSize = null, protocol }) => ({ id, label, unit, poolSize, protocol })),
      rows,
      memory,
      floors: floorsOf(rows, memory),
      runs,
    };
  } finally {
    await poolers.stop();
    await database.stop();
  }
}

async function measureAll(database, poolers) {
  const runs = [];
  for (const workload of knobs.workloads) {
    const script = workload.script === undefined ? null : path.join(folder, `${workload.id}.sql`);
    if (script !== null) writeFileSync(script, workload.script);
    const seconds = Math.max(knobs.duration, workload.leastSeconds ?? 0);
    for (const clients of workload.clients ?? knobs.clients) {
      for (let round = 0; round < knobs.rounds; round++) {
        for (const configuration of rotated(knobs.configurations, round)) {
          const pooler = await poolers.get(configuration, workload.poolSize);
          if (pooler === null) continue;
          const run = await measure({ pooler, database, configuration, workload, clients, seconds, folder, script });
          runs.push({ workload: workload.id, clients, round, configuration: configuration.id, ...run });
          const rate = run.failure ?? `${run.tps.toFixed(0)} ${workload.unit}`;
          progress(`${workload.id}, ${clients} clients, round ${round + 1}, ${configuration.id}: ${rate}`);
        }
      }
    }
  }
  return runs;
}

/** In a process that nothing else was measured in. */
async function measureMemory(database, poolers) {
  const measured = [];
  if (knobs.idleClients === 0) return measured;
  for (const configuration of knobs.configurations.filter(({ kind }) => kind === 'switchyard' || kind === 'pgbouncer')) {
    if (poolers.skipped.has(configuration.id)) continue;
    const poolSize = configuration.mode === 'session' ? knobs.idleClients + warmUpClients : configuration.poolSize;
    const pooler = await poolers.start(configuration, poolSize);
    if (pooler === null) continue;
    try {
      const memory = await memoryPerIdleClient({ pooler, database, role: configuration.id, clients: knobs.idleClients });
      if (memory !== null) measured.push({ configuration: configuration.id, ...memory });
      progress(`memory, ${configuration.id}: ${memory === null ? 'not known here' : `${memory.kbPerClient.toFixed(1)} kB per client`}`);
    } catch (error) {
      measured.push({ configuration: configuration.id, clients: knobs.idleClients, kbPerClient: null, failure: error.message });
      progress(`memory, ${configuration.id}: ${error.message}`);
    } finally {
      await pooler.stop();
    }
  }
  return measured;
}

/** Each round begins with another one: whoever comes first after a pause has the warmer or the colder machine. */
function rotated(items, by) {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function machineOf(postgres) {
  const pgBouncer = findPgBouncer();
  return {
    cores: os.availableParallelism(),
    loadBefore,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.arch()}`,
    node: process.versions.node,
    postgres,
    pgbench: versionOf('pgbench'),
    pgbouncer: pgBouncer === null ? null : versionOf(pgBouncer),
  };
}

function versionOf(program) {
  return /\d+(?:\.\d+)+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}

/** As it can be typed again. */
function commandLine() {
  const names = ['DURATION', 'ROUNDS', 'CLIENTS', 'CONFIGS', 'WORKLOADS', 'IDLE_CLIENTS', 'SCALE'];
  const set = names.filter((name) => (process.env[name] ?? '') !== '').map((name) => `${name}=${process.env[name]}`);
  return [...set, 'npm run bench', ...(knobs.quick ? ['-- --quick'] : [])].join(' ');
}

function requirePgbench() {
  try {
    versionOf('pgbench');
  } catch {
    throw new Error('This machine has no pgbench (Debian: apt-get install postgresql-contrib).');
  }
}

function knobsOrLeave() {
  try {
    const read = readKnobs(process.argv.slice(2), process.env);
    if (!read.help) return read;
    process.stdout.write(usage);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UnusableKnob)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** To standard error: the table alone is worth keeping. */
function progress(text) {
  process.stderr.write(`${text}\n`);
}
