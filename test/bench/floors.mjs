/** What the project has promised itself (issue "The pool", done when 7), and whether a run reached it. */

const steady = ['tpcb', 'select', 'prepared'];
const leastSteadyClients = 10;
const labelOf = { session: 'session', transaction: 'transaction' };

/**
 * Every floor, with the worst of the measured values: `met` is true, false, or null when it was not measured. `where` says which cell the
 * worst value is from.
 */
export function floorsOf(rows, memory) {
  const short = (id) => rows.filter((row) => row.workload === 'short' && row.configuration === id);
  const long = (id) => rows.filter((row) => steady.includes(row.workload) && row.clients >= leastSteadyClients && row.configuration === id);
  return ['session', 'transaction'].flatMap((id) => [
    atLeast(`${labelOf[id]} mode, short sessions: sessions/s at least 8 times direct`, 8, short(id), 'toDirect'),
    atLeast(`${labelOf[id]} mode, short sessions: at least 0.9 of PgBouncer's`, 0.9, short(id), 'toRival'),
    atLeast(`${labelOf[id]} mode, steady, ${leastSteadyClients} clients and more: at least 0.85 of PgBouncer's`, 0.85, long(id), 'toRival'),
    atMost(
      `${labelOf[id]} mode: memory per idle client at most 40 kB`,
      40,
      memory.find((each) => each.configuration === id),
    ),
  ]);
}

/** What issue "Migration", done when 5, asks of the pauses of moves (`measurePause`). */
export function pauseFloorsOf({ idle, first, second, whole, drain }) {
  const most = (title, floor, value) => ({ title, floor, met: value <= floor, value });
  return [
    most('an idle client moved optimistically: p95 of its next statement, times that of an unmoved one', noNoticeable, idle.ratio),
    most('an idle client moved optimistically: its longest pause, ms', 0, idle.pauseMs),
    most('two-phase, ten statements: first hold, times the same batch on a direct connection', 2, first.ratio.median),
    most('two-phase, ten statements: second hold, times the same batch on a direct connection', 2, second.ratio.median),
    most('preconnect, ten statements: pause, times capture, replay and verification done directly', 1.6, whole.ratio.median),
    most(`${drain.sessions} idle sessions drained: errors`, 0, drain.errors),
  ];
}

/** A statement of a tenth of a millisecond varies so much between two halves of one run. */
const noNoticeable = 1.25;

function atLeast(title, floor, rows, ratio) {
  const measured = rows.filter((row) => row[ratio] !== null).toSorted((a, b) => a[ratio].median - b[ratio].median);
  const [worst] = measured;
  if (worst === undefined) return { title, floor, met: null, value: null, best: null, where: null };
  return {
    title,
    floor,
    met: worst[ratio].median >= floor,
    value: worst[ratio].median,
    best: measured.at(-1)[ratio].median,
    where: `${worst.workload}, ${worst.clients} ${worst.clients === 1 ? 'client' : 'clients'}`,
  };
}

function atMost(title, floor, measured) {
  const value = measured?.kbPerClient ?? null;
  if (value === null) return { title, floor, met: null, value: null, best: null, where: null };
  return { title, floor, met: value <= floor, value, best: value, where: `${measured.clients} clients` };
}
