/** Prepared statements by SQL and by protocol, and what the extended protocol can do besides. */
import type { Fragment, Maker } from '../maker.ts';
import type { Frame } from '../script.ts';

/** Few, so that they meet: again in the same session, and with other sessions' statements of the same name. */
const NAMES = ['p1', 'p2', 'p3'] as const;

const STATEMENTS: readonly { readonly sql: string; readonly values: readonly (string | null)[] }[] = [
  { sql: 'SELECT 1 AS one', values: [] },
  { sql: 'SELECT $1::int + 1 AS next', values: ['41'] },
  { sql: 'SELECT $1::text AS said, $2::date AS on', values: ['hello', '2024-01-02'] },
  { sql: 'SELECT label FROM who', values: [] },
  { sql: 'SELECT 1 / $1::int AS q', values: ['0'] },
  { sql: `SELECT current_setting('app.a', true) AS a`, values: [] },
  { sql: 'SELECT nonsense', values: [] },
  { sql: 'SELEKT 1', values: [] },
];

/** An SQL PREPARE is listed with the whole string it came in; where it is prepared again, it came alone. */
const TEXT = `CASE WHEN from_sql THEN substring(statement from '(?i)prepare p[0-9][^;]*') ELSE statement END`;
const LISTING = `SELECT name, ${TEXT} AS statement, from_sql, parameter_types::text FROM pg_prepared_statements ORDER BY name`;

function oneCycle(m: Maker): Frame[] {
  const name = m.pick(NAMES);
  const { sql, values } = m.pick(STATEMENTS);
  switch (m.random.below(8)) {
    case 0:
    case 1:
      return [{ t: 'P', name, sql }];
    case 2:
      return [...m.run(name, m.oneIn(2) ? [] : ['7'])];
    case 3:
      return [{ t: 'C', of: 'S', name }];
    case 4:
      return [{ t: 'D', of: 'S', name }];
    case 5:
      return [{ t: 'C', of: 'S', name }, { t: 'P', name, sql }, ...m.run(name, values)];
    default:
      return m.cycle(sql, values);
  }
}

/** See the head of this file. */
export const statementFragments: readonly Fragment[] = [
  {
    kind: 'SQL PREPARE',
    weight: 7,
    make(m) {
      const name = m.pick(NAMES);
      m.sql(
        `PREPARE ${name}${m.pick([' AS SELECT 11 AS eleven', '(int) AS SELECT $1 * 2 AS twice', ` AS SELECT '01/02/2024'::date AS d`, ' AS SELECT label FROM who'])}`,
      );
      for (let times = m.random.below(3); times > 0; times--)
        m.sql(m.pick([`EXECUTE ${name}`, `EXECUTE ${name}(4)`, `EXECUTE ${m.pick(NAMES)}`]));
      if (m.oneIn(3)) m.sql(m.pick([`DEALLOCATE ${name}`, 'DEALLOCATE ALL', `DEALLOCATE PREPARE ${m.pick(NAMES)}`]));
    },
  },
  { kind: 'EXECUTE', weight: 3, make: (m) => m.sql(`EXECUTE ${m.pick(NAMES)}${m.oneIn(2) ? '(5)' : ''}`) },
  { kind: 'DEALLOCATE', weight: 2, make: (m) => m.sql(`DEALLOCATE ${m.pick([...NAMES, 'ALL', 'unknown_one'])}`) },
  {
    kind: 'Parse by name',
    weight: 8,
    make(m) {
      const name = m.pick(NAMES);
      const { sql, values } = m.pick(STATEMENTS);
      if (m.oneIn(2)) m.send([{ t: 'C', of: 'S', name }, { t: 'S' }]);
      m.send([{ t: 'P', name, sql }, ...(m.oneIn(2) ? [{ t: 'D', of: 'S', name } as const] : []), { t: 'S' }]);
      for (let times = m.random.below(4); times > 0; times--) m.send([...m.run(name, values), { t: 'S' }]);
    },
  },
  {
    kind: 'Bind by name',
    weight: 6,
    make: (m) => m.send([...m.run(m.pick([...NAMES, 'lit1', 'never_seen']), m.oneIn(2) ? [] : ['3']), { t: 'S' }]),
  },
  {
    kind: 'Close by name',
    weight: 3,
    make: (m) => m.send([{ t: 'C', of: m.pick(['S', 'S', 'P']), name: m.pick([...NAMES, '']) }, { t: 'S' }]),
  },
  {
    kind: 'unnamed statement in two cycles',
    weight: 6,
    make(m) {
      const { sql, values } = m.pick(STATEMENTS);
      m.send([{ t: 'P', name: '', sql }, { t: 'D', of: 'S', name: '' }, { t: 'S' }]);
      if (m.oneIn(4)) m.query('SELECT 1');
      if (m.oneIn(6)) m.send([{ t: 'C', of: 'S', name: '' }, { t: 'S' }]);
      m.send([...m.run('', values), { t: 'S' }]);
      if (m.oneIn(3)) m.send([{ t: 'D', of: 'S', name: '' }, ...m.run('', values), { t: 'S' }]);
    },
  },
  {
    kind: 'unnamed statement, later',
    weight: 3,
    make: (m) => m.send([...m.run('', m.oneIn(2) ? [] : ['9']), { t: 'S' }]),
  },
  {
    kind: 'EXECUTE of a protocol statement',
    weight: 3,
    make(m) {
      const name = m.pick(NAMES);
      m.send([{ t: 'C', of: 'S', name }, { t: 'P', name, sql: 'SELECT $1::int * 3 AS thrice' }, { t: 'S' }]);
      m.sql(`EXECUTE ${name}(5)`);
      m.send([...m.run(name, ['6']), { t: 'S' }]);
      if (m.oneIn(2)) m.sql(`DEALLOCATE ${name}`);
      m.send([...m.run(name, ['7']), { t: 'S' }]);
    },
  },
  {
    kind: 'Bind of an SQL statement',
    weight: 3,
    make(m) {
      const name = m.pick(NAMES);
      m.sql(`PREPARE ${name}(int) AS SELECT $1 - 1 AS less`);
      m.send([{ t: 'D', of: 'S', name }, ...m.run(name, ['6']), { t: 'S' }]);
      m.send([{ t: 'P', name, sql: 'SELECT 2 AS two' }, { t: 'S' }]);
    },
  },
  { kind: 'pg_prepared_statements', weight: 4, make: (m) => m.sql(LISTING) },
  {
    kind: 'pipeline',
    weight: 8,
    make(m) {
      const frames: Frame[] = [];
      for (let left = m.random.between(2, 6); left > 0; left--) {
        frames.push(...(m.oneIn(8) ? m.cycle(m.pick(['BEGIN', 'COMMIT', 'SELECT 1/0 AS boom', 'SAVEPOINT sp'])) : oneCycle(m)));
        if (!m.oneIn(3)) frames.push({ t: 'S' });
        if (m.oneIn(8)) frames.push({ t: 'H' });
      }
      frames.push({ t: 'S' });
      m.send(frames);
    },
  },
  {
    kind: 'pipeline with queries',
    weight: 3,
    make(m) {
      const queries = [
        'SELECT 1 AS a',
        'SELECT 1/0',
        `SET app.a = 'piped'`,
        `SELECT current_setting('app.a', true) AS a`,
        'SHOW DateStyle',
      ];
      const frames: Frame[] = [];
      for (let left = m.random.between(2, 5); left > 0; left--) {
        if (m.oneIn(2)) frames.push({ t: 'Q', sql: m.pick(queries) });
        else frames.push(...m.cycle(m.pick(queries)), { t: 'S' });
      }
      m.send(frames);
    },
  },
  {
    kind: 'Flush without Sync',
    weight: 5,
    make(m) {
      const { sql, values } = m.pick(STATEMENTS);
      const name = m.pick(['', 'p1']);
      if (m.oneIn(2)) {
        m.sendAndFlush(
          [
            { t: 'P', name, sql },
            { t: 'D', of: 'S', name },
          ],
          'TnE',
        );
        m.finishFlush(m.run(name, values));
      } else {
        m.sendAndFlush([{ t: 'P', name: '', sql }, ...m.run('', values)], 'CEsI');
        m.finishFlush(m.oneIn(2) ? [] : m.cycle('SELECT 5 AS five'));
      }
    },
  },
  {
    kind: 'portal with a row limit',
    weight: 5,
    make(m) {
      // An own name each time: PostgreSQL 18.4 itself crashes when a portal of before is executed in a transaction that has failed since.
      const portal = m.oneIn(2) ? '' : `c${m.steps.length}`;
      m.query('BEGIN');
      m.send([
        { t: 'P', name: '', sql: 'SELECT n FROM generate_series(1, 7) n' },
        { t: 'B', portal, name: '', values: [] },
        { t: 'E', portal, rows: 3 },
        m.oneIn(2) ? { t: 'E', portal, rows: 2 } : { t: 'D', of: 'P', name: portal },
        { t: 'S' },
      ]);
      if (portal !== '') m.send([{ t: 'E', portal, rows: 2 }, { t: 'S' }]);
      if (portal !== '' && m.oneIn(2)) m.send([{ t: 'E', portal, rows: 0 }, { t: 'C', of: 'P', name: portal }, { t: 'S' }]);
      m.query(m.pick(['COMMIT', 'ROLLBACK']));
      if (portal !== '' && m.oneIn(3)) m.send([{ t: 'E', portal, rows: 0 }, { t: 'S' }]);
    },
  },
  {
    kind: 'portal outside a transaction',
    weight: 2,
    make(m) {
      const portal = `c${m.steps.length}`;
      m.send([
        { t: 'P', name: '', sql: 'SELECT n FROM generate_series(1, 5) n' },
        { t: 'B', portal, name: '', values: [] },
        { t: 'E', portal, rows: 2 },
        { t: 'E', portal, rows: 1 },
        { t: 'S' },
      ]);
      m.send([{ t: 'E', portal, rows: 1 }, { t: 'S' }]);
    },
  },
];
