/** The pauses of moves as text: for a terminal, and as a section of docs/benchmark.md. */
import { pauseFloorsOf } from './floors.mjs';

const title = '## Pauses of moves';
const header = ['what', 'with a move', 'without', 'ratio'];

/** As lines. */
export function pauseForTerminal(pause) {
  const lines = rowsOf(pause).map(([what, ...rest]) => `${what}: ${rest.join('  ')}`);
  return ['Pauses of moves (with a move, without, ratio)', ...lines, drainWords(pause), '', ...floorLines(pause)].join('\n');
}

/** The section. */
export function pauseForDocs(pause) {
  const cells = (row) => `| ${row.join(' | ')} |`;
  const busy = pause.loadBefore > pause.cores / 2 ? ` The load average was ${pause.loadBefore.toFixed(1)} on ${pause.cores} cores.` : '';
  return [
    title,
    '',
    'Measured in turns within one run: a move, and the same without one. Times are medians unless it says otherwise; a ratio is the median of',
    `the rounds', with the lowest and the highest. ${pause.at.slice(0, 10)}.${busy}`,
    '',
    cells(header),
    '| --- | ---: | ---: | ---: |',
    ...rowsOf(pause).map(cells),
    '',
    `${drainWords(pause)}.`,
    '',
    '| floor | at most | measured | |',
    '| --- | ---: | ---: | --- |',
    ...pauseFloorsOf(pause).map(({ title: words, floor, value, met }) => cells([words, String(floor), value.toFixed(2), verdict(met)])),
    '',
  ].join('\n');
}

/** docs/benchmark.md with this section in the place of the one that it had. */
export function withPause(docs, section) {
  const at = docs.indexOf(`${title}\n`);
  return `${(at < 0 ? docs : docs.slice(0, at)).trimEnd()}\n\n${section}`;
}

function rowsOf({ idle, first, second, whole }) {
  const ratio = ({ median, lowest, highest }) => `${median.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
  const hold = (what, { ms, directMs, ratio: spread }) => [what, milliseconds(ms), milliseconds(directMs), ratio(spread)];
  return [
    [
      `next statement of an idle client, p95 over ${idle.moves}`,
      milliseconds(idle.moved.p95),
      milliseconds(idle.unmoved.p95),
      idle.ratio.toFixed(2),
    ],
    hold('two-phase, first hold', first),
    hold('two-phase, second hold', second),
    hold('preconnect, the one hold', whole),
  ];
}

function drainWords({ drain }) {
  return `${drain.moved} of ${drain.sessions} idle sessions drained in ${drain.seconds.toFixed(1)} s, ${drain.perSecond.toFixed(0)} sessions per second, ${drain.errors} errors`;
}

function floorLines(pause) {
  return pauseFloorsOf(pause).map(
    ({ title: words, floor, value, met }) => `${verdict(met).padEnd(12)} ${words}: ${value.toFixed(2)} (at most ${floor})`,
  );
}

function verdict(met) {
  return met ? 'met' : 'NOT MET';
}

function milliseconds(value) {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}
