/** The results as text: for a terminal, and as docs/benchmark.md. */
import { warmUpClients } from './idle-clients.mjs';

/** Names of the columns of `rowsOf`. */
export const header = [
  'configuration',
  'clients',
  'per second',
  'of direct',
  'of PgBouncer',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'CPU µs',
  'RSS MB',
  'servers',
];

/** How the memory of an idle client is measured. */
export const memoryWords = `Resident memory of a fresh process with ${warmUpClients} clients that have asked once, and with the counted ones beside them.`;

/** Everything, as columns. */
export function forTerminal(results) {
  const parts = [];
  for (const workload of results.workloads) {
    const rows = rowsOf(results, workload.id);
    if (rows.length === 0) continue;
    parts.push(`${workload.label} (${workload.unit})`, columns([header, ...rows]), ...failureLines(results, workload.id), '');
  }
  parts.push(
    ...memoryLines(results),
    '',
    ...floorRows(results).map(([title, value, verdictWords]) => `${verdictWords.padEnd(12)} ${title}: ${value}`),
    '',
    ...skippedLines(results),
  );
  return parts.join('\n').trimEnd();
}

/** docs/benchmark.md. */
export function forDocs(results) {
  const parts = [
    '# Benchmark',
    '',
    'Written by `npm run bench -- --write`; this run:',
    '',
    `    ${results.command}`,
    '',
    machineWords(results),
    '',
    ...busyWords(results).flatMap((words) => [words, '']),
    'All configurations are measured in turn, each round beginning with another one. A ratio compares two runs of the same round; shown is',
    'the median, with the lowest and the highest. Latencies are medians of the rounds’ percentiles; where every transaction is a session of',
    'its own they are those of the whole session, login included. CPU is that of the pooler’s process per transaction (or session), RSS',
    'its highest, servers the most server connections in use at a time. “No pool” is the same proxy told to keep no server connection.',
    '',
    '## Floors',
    '',
    '| floor | measured (the worst cell) | |',
    '| --- | ---: | --- |',
    ...floorRows(results).map((row) => `| ${row.join(' | ')} |`),
    '',
  ];
  for (const workload of results.workloads) {
    const rows = rowsOf(results, workload.id);
    if (rows.length === 0) continue;
    const cells = (row) => `| ${row.join(' | ')} |`;
    parts.push(`## ${capital(workload.label)}`, '', `Per second: ${workload.unit}.`, '');
    parts.push(cells(header), `| --- |${' ---: |'.repeat(header.length - 1)}`, ...rows.map(cells), '');
    const failures = failureLines(results, workload.id);
    if (failures.length > 0) parts.push(...failures.map((line) => `- ${line}`), '');
  }
  parts.push('## Memory of an idle client', '', memoryWords, '', ...memoryLines(results).map((line) => `- ${line}`), '');
  const skipped = skippedLines(results);
  if (skipped.length > 0) parts.push('## Not measured', '', ...skipped.map((line) => `- ${line}`), '');
  return `${parts.join('\n').trimEnd()}\n`;
}

/** Title, measured value, `met` or not: one row per floor. */
export function floorRows(results) {
  return results.floors.map((floor) => [floor.title, valueWords(floor), verdict(floor)]);
}

/** What it was measured on, and how. */
export function machineWords({ machine, knobs, at }) {
  const poolers = machine.pgbouncer === null ? 'no PgBouncer' : `PgBouncer ${machine.pgbouncer}`;
  const load = `load average before: ${machine.loadBefore.toFixed(1)}`;
  const shape = `${machine.cores} cores, ${machine.memoryGb} GB of memory, ${machine.system}`;
  return (
    `${shape}, Node ${machine.node}, PostgreSQL ${machine.postgres}, pgbench ${machine.pgbench}, ${poolers}; clients, poolers and server ` +
    `share the cores; ${load}. ${knobs.rounds} rounds of ${knobs.duration} s, scale ${knobs.scale}, ${at.slice(0, 10)}.`
  );
}

/** A warning, when there is reason for one. */
export function busyWords({ machine }) {
  if (machine.loadBefore <= machine.cores / 2) return [];
  return ['**The machine was busy with other work**: look at the ranges before the medians, and run it again when nothing else does.'];
}

function verdict({ met }) {
  if (met === null) return 'not measured';
  return met ? 'met' : 'NOT MET';
}

function valueWords({ value, best, where, title }) {
  if (value === null) return '–';
  const unit = title.includes('kB') ? ' kB' : '';
  const upTo = best === value ? '' : `; best ${best.toFixed(2)}`;
  return `${value.toFixed(unit === '' ? 2 : 1)}${unit} (${where}${upTo})`;
}

/** One row of words per configuration and number of clients; see `header`. */
export function rowsOf(results, workload) {
  const order = results.configurations.map(({ id }) => id);
  return results.rows
    .filter((row) => row.workload === workload)
    .toSorted((a, b) => a.clients - b.clients || order.indexOf(a.configuration) - order.indexOf(b.configuration))
    .map((row) => {
      const { label } = results.configurations.find(({ id }) => id === row.configuration);
      if (row.tps === null) return [label, String(row.clients), 'failed', ...Array(header.length - 3).fill('')];
      return [
        label,
        String(row.clients),
        row.tps.median.toFixed(0),
        ratio(row.toDirect),
        ratio(row.toRival),
        milliseconds(row.p50),
        milliseconds(row.p95),
        milliseconds(row.p99),
        row.cpuMicros === null ? '' : row.cpuMicros.toFixed(0),
        row.peakKb === null ? '' : (row.peakKb / 1024).toFixed(0),
        row.servers === null ? '' : String(row.servers),
      ];
    });
}

function ratio(spread) {
  return spread === null ? '' : `${spread.median.toFixed(2)} (${spread.lowest.toFixed(2)}–${spread.highest.toFixed(2)})`;
}

function milliseconds(value) {
  return value === null ? '' : value.toFixed(value < 10 ? 2 : 0);
}

/** What failed, in some or all of its rounds, and why. */
export function failureLines(results, workload) {
  const failed = results.rows.filter((row) => row.workload === workload && row.failure !== null);
  return failed.map(({ configuration, clients, rounds, failure }) => {
    const { label } = results.configurations.find(({ id }) => id === configuration);
    const times = `in ${results.knobs.rounds - rounds} of ${results.knobs.rounds} rounds`;
    return `FAILED: ${label}, ${clients} ${clients === 1 ? 'client' : 'clients'}, ${times}: ${failure}`;
  });
}

/** One line per pooler. */
export function memoryLines(results) {
  if (results.memory.length === 0) return ['memory of an idle client: not measured'];
  return results.memory.map((each) => {
    const { label } = results.configurations.find(({ id }) => id === each.configuration);
    if (each.kbPerClient === null) return `${label}: failed with ${each.clients} idle clients: ${each.failure}`;
    const from = `${(each.beforeKb / 1024).toFixed(0)} to ${(each.afterKb / 1024).toFixed(0)} MB`;
    return `${label}: ${each.kbPerClient.toFixed(1)} kB per idle client (${each.clients} of them, RSS from ${from})`;
  });
}

/** What could not be measured, and why. */
export function skippedLines(results) {
  return results.configurations.filter(({ skipped }) => skipped !== null).map(({ label, skipped }) => `SKIPPED: ${label}: ${skipped}`);
}

function columns(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  return rows.map((row) => row.map((text, at) => (at === 0 ? text.padEnd(widths[at]) : text.padStart(widths[at]))).join('  ')).join('\n');
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
