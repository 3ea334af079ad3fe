/** How sessions are cut short: timeouts, cancels, leaving and coming back; and the fast path. */
import type { Fragment, Maker } from '../maker.ts';

/** `int4pl`, `set_config` and nothing, in pg_proc. */
const CALLS: readonly { readonly oid: number; readonly args: readonly string[] }[] = [
  { oid: 177, args: ['20', '22'] },
  { oid: 2078, args: ['app.a', 'by the fast path', 'f'] },
  { oid: 2078, args: ['TimeZone', 'Asia/Tokyo', 'f'] },
  { oid: 177, args: ['1'] },
  { oid: 99_999_999, args: [] },
];

/** Leaves in one of the ways there are, with something unfinished or not. */
export function leave(m: Maker): void {
  switch (m.random.below(7)) {
    case 0:
      m.steps.push({ do: 'leave', how: 'half-close', frames: [{ t: 'Q', sql: `SELECT 'last words' AS w` }] });
      break;
    case 1:
      m.steps.push({ do: 'leave', how: 'half-close', frames: [...m.cycle('SELECT 5 AS five'), { t: 'S' }] });
      break;
    case 2:
      m.steps.push({ do: 'leave', how: 'vanish', frames: m.oneIn(3) ? [{ t: 'Q', sql: 'SELECT pg_sleep(0.15)' }] : [] });
      break;
    case 3:
      m.steps.push({ do: 'leave', how: 'terminate', frames: [{ t: 'Q', sql: 'SELECT 1 AS bye' }] });
      break;
    default:
      m.steps.push({ do: 'leave', how: 'terminate', frames: [] });
  }
}

/** See the head of this file. */
export const lifeFragments: readonly Fragment[] = [
  {
    kind: 'statement_timeout',
    weight: 1,
    make(m) {
      const local = m.oneIn(2);
      m.query('ROLLBACK');
      if (local) m.query('BEGIN');
      m.query(`SET ${local ? 'LOCAL ' : ''}statement_timeout = 200`);
      m.query('SELECT pg_sleep(20)');
      m.query(local ? 'ROLLBACK' : 'RESET statement_timeout');
    },
  },
  {
    kind: 'cancel',
    weight: 2,
    make(m) {
      const mark = m.mark();
      const sql = `SELECT pg_sleep(30) /* ${mark} */`;
      m.query('ROLLBACK');
      if (m.oneIn(3)) m.query('BEGIN');
      m.steps.push({ do: 'cancel', mark, frames: m.oneIn(2) ? [{ t: 'Q', sql }] : [...m.cycle(sql), { t: 'S' }] });
      m.sql('SELECT 1 AS alive');
    },
  },
  {
    kind: 'leaving in a transaction',
    weight: 3,
    make(m) {
      m.sql('BEGIN');
      m.sql(
        m.pick([
          `SET app.a = 'abandoned'`,
          `SET DateStyle = 'German'`,
          'SELECT 1',
          'SELECT 1/0',
          'CREATE TEMP TABLE left_behind(n int)',
          `SELECT pg_advisory_lock(${m.lockKey()})`,
        ]),
      );
      leave(m);
      m.open();
      m.sql(`SELECT current_setting('app.a', true) AS a, current_setting('DateStyle') AS d`);
    },
  },
  {
    kind: 'leaving with rows',
    weight: 2,
    writes: true,
    make(m) {
      m.sql('BEGIN');
      m.sql(`INSERT INTO ${m.schema}.t(v) VALUES ('never') RETURNING id`);
      leave(m);
      m.open();
      m.sql(`SELECT id, v FROM ${m.schema}.t ORDER BY id, v`);
    },
  },
  {
    kind: 'leaving and coming back',
    weight: 3,
    make(m) {
      leave(m);
      m.open();
      m.sql(m.pick(['EXECUTE p1', 'SHOW DateStyle', `SELECT current_setting('app.tenant', true)`, 'SELECT n FROM tt']));
    },
  },
  {
    kind: 'FunctionCall',
    weight: 3,
    make(m) {
      m.send([{ t: 'F', ...m.pick(CALLS) }]);
      m.sql(`SELECT current_setting('app.a', true) AS a, current_setting('TimeZone') AS z`);
    },
  },
];
