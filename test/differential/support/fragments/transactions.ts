/** Transactions, savepoints, errors in and out of them, and several statements in one Query. */
import type { Fragment, Maker } from '../maker.ts';

const FAILURES = ['SELECT 1/0 AS boom', 'SELECT * FROM nowhere', 'SELEKT', `SELECT 'x'::int`, `SELECT missing_function(1)`];

function atom(m: Maker): string {
  return m.pick([
    'SELECT 1 AS one',
    `SET app.a = 'm${m.random.below(3)}'`,
    `SET LOCAL app.b = 'local'`,
    `SET DateStyle = '${m.pick(['German', 'ISO, DMY', 'ISO, MDY'])}'`,
    `SELECT current_setting('app.a', true) AS a`,
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'SAVEPOINT s1',
    'ROLLBACK TO s1',
    'SHOW DateStyle',
    'RESET app.a',
    `SELECT set_config('app.tenant', 'multi', false)`,
    `SELECT '01/02/2024'::date AS d`,
    'PREPARE p1 AS SELECT 1 AS from_multi',
    'DEALLOCATE ALL',
    `/* it's; a comment */ SELECT $$a;b$$ AS dollar`,
    '',
    m.pick(FAILURES),
  ]);
}

/** See the head of this file. */
export const transactionFragments: readonly Fragment[] = [
  {
    kind: 'savepoints',
    weight: 7,
    make(m) {
      const name = m.pick(['sp', 'SP', '"s p"']);
      m.sql(`SET app.a = 'before'`);
      m.sql(`SAVEPOINT ${name}`);
      m.sql(
        m.pick([
          `SET app.a = 'within'`,
          `SET DateStyle = 'German'`,
          `SET LOCAL app.a = 'locally'`,
          'SET ROLE alice',
          'PREPARE p2 AS SELECT 2',
        ]),
      );
      if (m.oneIn(3)) m.sql(m.pick(FAILURES));
      m.sql(m.pick([`ROLLBACK TO ${name}`, `ROLLBACK TO SAVEPOINT ${name}`, `RELEASE ${name}`, `RELEASE SAVEPOINT ${name}`]));
      m.sql(`SELECT current_setting('app.a', true) AS a, current_setting('DateStyle') AS d, current_user`);
    },
  },
  { kind: 'failure', weight: 6, make: (m) => m.sql(m.pick(FAILURES)) },
  {
    kind: 'COMMIT of a failed block',
    weight: 4,
    make(m) {
      m.sql('BEGIN');
      m.sql(`SET app.tenant = 'never'`);
      m.sql(`SET TimeZone = 'Asia/Tokyo'`);
      m.sql(m.pick(FAILURES));
      if (m.oneIn(2)) m.sql('SHOW TimeZone');
      m.sql(m.pick(['COMMIT', 'END', 'ROLLBACK', 'COMMIT AND CHAIN']));
      m.sql(`SELECT current_setting('app.tenant', true) AS t, current_setting('TimeZone') AS z`);
    },
  },
  {
    kind: 'several statements in one Query',
    weight: 9,
    make: (m) => m.query(Array.from({ length: m.random.between(2, 6) }, () => atom(m)).join('; ')),
  },
  { kind: 'empty query', weight: 3, make: (m) => m.sql(m.pick(['', ';', ' -- nothing', '/* */', ';;'])) },
  {
    kind: 'transaction words out of place',
    weight: 3,
    make: (m) =>
      m.sql(
        m.pick([
          'COMMIT',
          'ROLLBACK',
          'SAVEPOINT lost',
          'RELEASE lost',
          'ROLLBACK TO lost',
          'BEGIN',
          'START TRANSACTION READ ONLY',
          'ABORT',
          'COMMIT AND CHAIN',
        ]),
      ),
  },
  {
    kind: 'chained transactions',
    weight: 2,
    make(m) {
      m.sql('BEGIN ISOLATION LEVEL REPEATABLE READ');
      m.sql(`SET LOCAL app.b = 'chained'`);
      m.sql(m.pick(['COMMIT AND CHAIN', 'ROLLBACK AND CHAIN']));
      m.sql(`SELECT current_setting('app.b', true) AS b, current_setting('transaction_isolation') AS i`);
      m.sql(m.pick(['COMMIT', 'ROLLBACK']));
    },
  },
  {
    kind: 'rows',
    weight: 5,
    writes: true,
    make(m) {
      m.sql(`INSERT INTO ${m.schema}.t(v) VALUES ('a'), ('b') RETURNING id`);
      if (m.oneIn(2)) m.sql(`UPDATE ${m.schema}.t SET v = v || '+' WHERE id % 2 = 1`);
      if (m.oneIn(3)) m.sql(`DELETE FROM ${m.schema}.t WHERE id % 3 = 0`);
      m.sql(`SELECT id, v FROM ${m.schema}.t ORDER BY id`);
    },
  },
  {
    kind: 'notices',
    weight: 3,
    make: (m) =>
      m.sql(
        m.pick([
          `SELECT says('this')`,
          `DO $$ BEGIN RAISE INFO 'x' USING HINT = 'try y', DETAIL = 'z'; END $$`,
          `SET LOCAL a.b = 1`,
          'ABORT',
        ]),
      ),
  },
];
