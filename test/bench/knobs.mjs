/** What a run of the benchmark is asked for: by environment, with defaults short enough that a whole run takes about five minutes. */
import { configurations } from './configurations.mjs';
import { workloads } from './workloads.mjs';

/** A knob that cannot be understood; the message says what to write instead. */
export class UnusableKnob extends Error {}

export const usage = `npm run bench [-- --quick] [-- --pause] [-- --write]

  --quick                one round at 10 clients, about a minute
  --pause                only the pauses of moves, about a minute; the rest stays as it was measured last
  --write                writes docs/benchmark.md, too

  DURATION=1             seconds per run
  ROUNDS=3               how often each cell is measured; ratios are taken within a round
  CLIENTS=1,10,100       clients at the same time (the whole matrix: 1,2,5,10,25,50,100)
  CONFIGS=…              of ${configurations.map(({ id }) => id).join(',')}
  WORKLOADS=…            of ${workloads.map(({ id }) => id).join(',')}
  IDLE_CLIENTS=1000      clients that are connected and do nothing, for the memory of one; 0: not measured
  SCALE=10               pgbench's scale
`;

const standard = { duration: 1, rounds: 3, clients: [1, 10, 100], idleClients: 1000 };
const quick = { duration: 1, rounds: 1, clients: [10], idleClients: 1000 };

/**
 * Reads the words after the program's name and the environment.
 * @throws UnusableKnob
 */
export function readKnobs(words, environment) {
  const unknown = words.find((word) => !['--quick', '--pause', '--write', '--help'].includes(word));
  if (unknown !== undefined) throw new UnusableKnob(`There is no option ${unknown}.`);
  const base = words.includes('--quick') ? quick : standard;
  return {
    help: words.includes('--help'),
    write: words.includes('--write'),
    quick: base === quick,
    pauseOnly: words.includes('--pause'),
    duration: number(environment, 'DURATION', base.duration, 1, 3600),
    rounds: number(environment, 'ROUNDS', base.rounds, 1, 1000),
    clients: list(environment, 'CLIENTS', base.clients, (text) => integer(text, 'CLIENTS', 1, 150)),
    configurations: chosen(environment, 'CONFIGS', configurations),
    workloads: chosen(environment, 'WORKLOADS', workloads),
    idleClients: number(environment, 'IDLE_CLIENTS', base.idleClients, 0, 1000),
    scale: number(environment, 'SCALE', 10, 1, 1000),
  };
}

function number(environment, name, standardValue, least, most) {
  const text = environment[name];
  return text === undefined || text === '' ? standardValue : integer(text, name, least, most);
}

function integer(text, name, least, most) {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UnusableKnob(`${name}: "${text}" is no whole number from ${least} to ${most}.`);
}

function list(environment, name, standardValue, read) {
  const text = environment[name];
  if (text === undefined || text === '') return standardValue;
  return [...new Set(text.split(',').map((each) => read(each.trim())))];
}

function chosen(environment, name, all) {
  const ids = list(
    environment,
    name,
    all.map(({ id }) => id),
    (id) => {
      if (all.some((each) => each.id === id)) return id;
      throw new UnusableKnob(`${name}: there is no "${id}"; there are ${all.map((each) => each.id).join(', ')}.`);
    },
  );
  // In the order of the table, whatever the order of the wish: colours and columns stay what they are.
  return all.filter(({ id }) => ids.includes(id));
}
