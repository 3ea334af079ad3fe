/**
 * What random sessions have found, shortened by hand to what it was: by the name of what was wrong. Each is played by several clients at
 * once, so that server connections change hands.
 */
import type { Batch, Frame, Step } from '../support/script.ts';

/** A case without its clients. */
export interface Case {
  readonly startup?: Readonly<Record<string, string>>;
  readonly moves?: true;
  /** What every other client does; the rest only look on. `n`: its number. */
  readonly steps: (n: number) => readonly Step[];
}

/** What those look at who have done nothing. */
const LOOK = `SELECT ${['app.a', 'app.b', 'app.tenant'].map((name, index) => `current_setting('${name}', true) AS c${index}`).join(', ')}`;
const LISTING = 'SELECT name, from_sql FROM pg_prepared_statements ORDER BY name';

const q = (sql: string): Step => ({ do: 'send', frames: [{ t: 'Q', sql }] });
const send = (...frames: Frame[]): Step => ({ do: 'send', frames: [...frames, { t: 'S' }] });
const parse = (name: string, sql: string): Frame => ({ t: 'P', name, sql });
const run = (name: string, ...values: string[]): Frame[] => [
  { t: 'B', portal: '', name, values },
  { t: 'E', portal: '', rows: 0 },
];
const leave = (how: 'terminate' | 'vanish'): Step => ({ do: 'leave', how, frames: [] });

export const CASES: Readonly<Record<string, Case>> = {
  'a Parse by protocol of a name that PREPARE made is an error': {
    steps: () => [q('PREPARE p3(int) AS SELECT $1 - 1 AS less'), send(parse('p3', 'SELECT 2 AS two')), q('EXECUTE p3(5)')],
  },
  'EXECUTE in a transaction finds what was parsed by protocol in it': {
    steps: () => [
      q('BEGIN READ ONLY'),
      send({ t: 'C', of: 'S', name: 'p2' }, parse('p2', 'SELECT $1::int * 3 AS thrice')),
      q('EXECUTE p2(5)'),
      q('COMMIT'),
      q('EXECUTE p2(6)'),
    ],
  },
  'nobody sees the statements of the proxy or of others': {
    steps: () => [
      q('SET app.a = 1'),
      send(parse('mine', 'SELECT 1 / $1::int AS q')),
      send(...run('mine', '1')),
      q('BEGIN'),
      q(LISTING),
      q('COMMIT'),
      send(parse('', LISTING), ...run('')),
      q('SELECT pg_advisory_unlock(5)'),
      q(LISTING),
    ],
  },
  'nobody sees them after a move either': {
    moves: true,
    steps: () => [
      q('PREPARE mine AS SELECT 1'),
      q(LISTING),
      q('SET app.a = 1'),
      q(LISTING),
      send(parse('', LISTING), ...run('')),
      q(LISTING),
    ],
  },
  'a custom setting made in a function stays with whom it belongs to': {
    steps: (n) => [
      q(`SELECT sets_tenant('tenant ${n}')`),
      q(LOOK),
      q('SELECT 1'),
      q(LOOK),
      q(`BEGIN; SELECT sets_locally('x'); COMMIT`),
      q(LOOK),
    ],
  },
  'a custom setting made in a trigger stays with whom it belongs to': {
    steps: (n) => [q(`INSERT INTO s${n}.t(v) VALUES ('tenant ${n}') RETURNING id, v`), q(LOOK), q('SELECT 1'), q(LOOK)],
  },
  'a custom setting made by the fast path stays with whom it belongs to': {
    steps: (n) => [{ do: 'send', frames: [{ t: 'F', oid: 2078, args: ['app.a', `fast ${n}`, 'f'] }] }, q('SELECT 1'), q(LOOK)],
  },
  'RESET of a custom setting that nobody made makes it': {
    steps: () => [q('RESET app.a'), q(LOOK), q('SET app.b TO DEFAULT'), q(LOOK), q(`RESET app.tenant; SELECT 1 / 0`), q(LOOK)],
  },
  'custom settings are forgotten by nobody but their client, moves or not': {
    moves: true,
    steps: (n) => [q(`SET app.a = 'a${n}'`), q(LOOK), q(`BEGIN; SET LOCAL app.b = 1; ROLLBACK`), q(LOOK)],
  },
  'an abandoned transaction leaves nothing': {
    steps: (n) => [
      q('BEGIN'),
      q(`SET app.a = 'abandoned'`),
      q(`INSERT INTO s${n}.t(v) VALUES ('never')`),
      leave('vanish'),
      { do: 'open', startup: {} },
      q(LOOK),
      q('SELECT lastval()'),
    ],
  },
  'a warning of the Parse is heard once': {
    startup: { options: '-c standard_conforming_strings=off' },
    steps: () => [
      send(parse('lit', `SELECT 'a\\tb' AS t`), { t: 'D', of: 'S', name: 'lit' }),
      q('SELECT 1'),
      send(...run('lit')),
      q('SET standard_conforming_strings = on'),
      send(...run('lit')),
    ],
  },
  'a Parse of the unnamed statement that fails removes the one before': {
    steps: () => [
      send(parse('', 'SELECT 1 AS one')),
      send(...run('')),
      send(parse('', 'SELECT nonsense'), { t: 'D', of: 'S', name: '' }),
      send(...run('')),
    ],
  },
  'the unnamed statement is the last one, also where an earlier one was left': {
    steps: (n) =>
      Array.from({ length: 6 }, (_, turn) => [
        send(parse('', `SELECT ${n * 100 + turn} AS turn`)),
        send(...run('')),
        send({ t: 'C', of: 'S', name: '' }),
        send(...run('')),
        send(parse('', `SELECT ${n * 100 + turn} AS again`)),
        send(...run('')),
      ]).flat(),
  },
  'what setseed began goes on where it began': {
    moves: true,
    steps: () => [q('SELECT setseed(0.25)'), q('SELECT random()'), q('SELECT 1'), q('SELECT random()'), q('SELECT random()')],
  },
};

/** The case, played by four clients among four that only look. */
export function batchOf({ startup = {}, moves, steps }: Case): Batch {
  const common = startup;
  const onlooker: readonly Step[] = [
    q(LOOK),
    q('SELECT 1'),
    q('EXECUTE p3(1)'),
    q('SELECT random() IS NOT NULL'),
    q(LOOK),
    q('SELECT lastval()'),
  ];
  const sessions = Array.from({ length: 8 }, (_, n) => ({
    kinds: [],
    roams: false,
    steps: [
      { do: 'open' as const, startup: common },
      ...(n % 2 === 0 ? steps(n) : onlooker).map((step): Step => (step.do === 'open' ? { do: 'open', startup: common } : step)),
      leave('terminate'),
    ],
  }));
  return { schedule: 1, moves: moves === true, startup: common, sessions };
}
