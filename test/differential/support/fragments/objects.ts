/** What belongs to one server connection: temporary objects, cursors, advisory locks, channels, sequences, seeds; and COPY. */
import type { Fragment, Maker } from '../maker.ts';
import type { Frame } from '../script.ts';

const LOCKS = `SELECT mode, count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1 ORDER BY 1`;

function copyRows(m: Maker): Frame[] {
  const data = m.pick([['1\tone\n2\ttwo\n'], ['3\tth', 'ree\n4\tfour\n'], ['5\tfive\nsix\tbad\n', '7\tseven\n'], ['8\n'], []]);
  return data.map((text) => ({ t: 'd', data: text }));
}

/** See the head of this file. */
export const objectFragments: readonly Fragment[] = [
  {
    kind: 'temporary tables',
    weight: 6,
    make(m) {
      const name = m.pick(['tt', 'pg_temp.tt', 'tt2']);
      const end = m.pick(['', '', ' ON COMMIT DROP', ' ON COMMIT DELETE ROWS', ' ON COMMIT PRESERVE ROWS']);
      m.sql(`CREATE ${m.pick(['TEMP', 'TEMPORARY'])} TABLE ${name.replace('pg_temp.', '')}(n int)${end}`);
      m.sql(`INSERT INTO ${name} VALUES (1), (2)`);
      m.sql(`SELECT n FROM ${name} ORDER BY n`);
      if (m.oneIn(3)) m.sql(`DROP TABLE ${name}`);
      if (m.oneIn(3)) m.sql(`SELECT n FROM ${name}`);
    },
  },
  {
    kind: 'other temporary objects',
    weight: 2,
    make(m) {
      const [make, use] = m.pick([
        ['CREATE TEMP VIEW tv AS SELECT 1 AS x', 'SELECT x FROM tv'],
        ['CREATE TEMP SEQUENCE ts', `SELECT nextval('ts')`],
        ['CREATE FUNCTION pg_temp.tf() RETURNS int LANGUAGE sql AS $$ SELECT 9 $$', 'SELECT pg_temp.tf()'],
        ['SELECT 1 AS n INTO TEMP into_temp', 'SELECT n FROM into_temp'],
        ['CREATE TEMP TABLE made_of AS SELECT 2 AS n', 'SELECT n FROM made_of'],
        [`DO $$ BEGIN EXECUTE 'CREATE TEMP TABLE hidden(n int)'; END $$`, 'SELECT count(*) FROM hidden'],
      ] as const);
      m.sql(make);
      m.sql(use);
      if (m.oneIn(3)) m.sql('DISCARD TEMP');
      m.sql(use);
    },
  },
  {
    kind: 'advisory locks',
    weight: 6,
    make(m) {
      const key = m.lockKey();
      const call = m.pick([
        'pg_advisory_lock',
        'pg_try_advisory_lock',
        'pg_advisory_lock_shared',
        'pg_advisory_xact_lock',
        'pg_try_advisory_xact_lock',
        'takes_lock',
      ]);
      m.sql(`SELECT ${call}(${key})`);
      m.sql(LOCKS);
      if (m.oneIn(2))
        m.sql(m.pick([`SELECT pg_advisory_unlock(${key})`, `SELECT pg_advisory_unlock_shared(${key})`, 'SELECT pg_advisory_unlock_all()']));
      m.sql(LOCKS);
    },
  },
  {
    kind: 'cursors',
    weight: 6,
    make(m) {
      const hold = m.oneIn(2) ? ' WITH HOLD' : '';
      const inside = m.oneIn(2);
      if (inside) m.sql('BEGIN');
      m.sql(`DECLARE cur${m.pick(['', ' SCROLL'])} CURSOR${hold} FOR SELECT n FROM generate_series(1, 5) n`);
      m.sql(m.pick(['FETCH 2 FROM cur', 'FETCH NEXT FROM cur', 'MOVE 1 IN cur']));
      if (inside) m.sql(m.pick(['COMMIT', 'COMMIT', 'ROLLBACK']));
      m.sql(m.pick(['FETCH 2 FROM cur', 'FETCH ALL FROM cur', 'FETCH BACKWARD 1 FROM cur']));
      m.sql('SELECT name, statement, is_holdable, is_scrollable FROM pg_cursors WHERE is_holdable ORDER BY name');
      if (m.oneIn(2)) m.sql(m.pick(['CLOSE cur', 'CLOSE ALL']));
    },
  },
  {
    kind: 'LISTEN',
    weight: 5,
    make(m) {
      const channel = `ch${m.slot}`;
      if (m.oneIn(4)) m.sql('BEGIN');
      m.sql(`LISTEN ${channel}`);
      m.sql(m.pick([`NOTIFY ${channel}, 'hello'`, `SELECT pg_notify('${channel}', 'called')`, `NOTIFY ${channel}_other`, 'SELECT 1']));
      if (m.oneIn(4)) m.sql(m.pick(['COMMIT', 'ROLLBACK']));
      if (m.oneIn(2)) m.sql(`NOTIFY ${channel}, 'again'`);
      m.sql('SELECT pg_listening_channels() ORDER BY 1');
      if (m.oneIn(2)) m.sql(m.pick([`UNLISTEN ${channel}`, 'UNLISTEN *']));
    },
  },
  { kind: 'NOTIFY', weight: 2, make: (m) => m.sql(`NOTIFY ch${m.slot}, 'from afar'`) },
  {
    kind: 'sequences',
    weight: 6,
    writes: true,
    make(m) {
      const sequence = `${m.schema}.t_id_seq`;
      if (m.oneIn(4)) m.sql(`SELECT currval('${sequence}')`);
      m.sql(
        m.pick([
          `SELECT nextval('${sequence}')`,
          `INSERT INTO ${m.schema}.t(v) VALUES ('s') RETURNING id`,
          `SELECT setval('${sequence}', 70)`,
        ]),
      );
      if (m.oneIn(3)) m.sql('SELECT 1');
      m.sql(m.pick([`SELECT currval('${sequence}')`, 'SELECT lastval()', `SELECT currval('${sequence}'), lastval()`]));
      if (m.oneIn(5)) m.sql('DISCARD SEQUENCES');
      if (m.oneIn(3)) m.sql('SELECT lastval()');
    },
  },
  {
    kind: 'setseed',
    weight: 3,
    make(m) {
      m.sql('SELECT setseed(0.25)');
      if (m.oneIn(3)) m.sql('SELECT 1');
      m.sql('SELECT random()');
      if (m.oneIn(2)) m.sql('SELECT random()');
    },
  },
  { kind: 'LOAD', weight: 1, make: (m) => m.sql(`LOAD 'plpgsql'`) },
  {
    kind: 'COPY in',
    weight: 5,
    writes: true,
    make(m) {
      const sql = `COPY ${m.schema}.t FROM STDIN`;
      const end: Frame = m.oneIn(5) ? { t: 'f', reason: 'the client gave up' } : { t: 'c' };
      switch (m.random.below(4)) {
        case 0:
          m.send([{ t: 'Q', sql }, ...copyRows(m), end]);
          break;
        case 1:
          m.send([{ t: 'Q', sql }], { until: 'G' });
          m.send([...copyRows(m), end], { owes: 0, ifCopying: true });
          break;
        case 2:
          m.send([...m.cycle(sql), ...copyRows(m), end, { t: 'S' }]);
          break;
        default:
          // As libpq does it: the first Sync comes to a server that waits for data, and is ignored.
          m.send([...m.cycle(sql), { t: 'S' }], { until: 'G' });
          m.send([...copyRows(m), end, { t: 'S' }], { owes: 0, ifCopying: true });
      }
      m.sql(`SELECT id, v FROM ${m.schema}.t ORDER BY id, v`);
    },
  },
  {
    kind: 'COPY out',
    weight: 3,
    make: (m) =>
      m.sql(
        m.pick([
          `COPY (SELECT n, '01/02/2024'::date FROM generate_series(1, 3) n) TO STDOUT`,
          'COPY (SELECT 1 / (2 - n) FROM generate_series(1, 3) n) TO STDOUT',
          'COPY nowhere TO STDOUT',
        ]),
      ),
  },
  {
    kind: 'COPY into a temporary table',
    weight: 2,
    make(m) {
      m.sql('BEGIN');
      m.sql('CREATE TEMP TABLE copied(id int, v text) ON COMMIT DROP');
      m.send([{ t: 'Q', sql: 'COPY copied FROM STDIN' }, ...copyRows(m), { t: 'c' }]);
      m.sql('SELECT * FROM copied ORDER BY id');
      m.sql('COMMIT');
    },
  },
];
