/** What the demo's clients do: six kinds of applications around a railway, each with habits of its own. */
import type pg from 'pg';

/** What a job works with. */
export interface JobContext {
  client: pg.Client;
  /** Waits; rejects at once when the workload stops. Milliseconds. */
  pause: (ms: number) => Promise<void>;
}

/** A kind of client. */
export interface Job {
  /** Becomes the application name. */
  name: string;
  /** Once per connection. */
  begin?: (context: JobContext) => Promise<unknown>;
  /** Again and again. */
  step: (context: JobContext) => Promise<unknown>;
}

/** Every kind runs once per demo endpoint. */
export const jobs: Job[] = [
  {
    name: 'dispatcher',
    begin: ({ client }) => client.query("set timezone = 'Europe/Berlin'; set app.user_id = '42'"),
    async step({ client, pause }) {
      const text = 'select wagon.number, kind, load_tons from wagon where depot_id = $1 order by load_tons desc limit 10';
      await client.query({ name: 'wagons of a depot', text, values: [between(1, 6)] });
      await pause(between(80, 400));
    },
  },
  {
    name: 'tracker',
    async step({ client, pause }) {
      const wagon = between(1, 240);
      const target = between(1, 6);
      await client.query('begin');
      const text = 'select depot_id from wagon where id = $1 for update';
      const { rows } = await client.query<{ depot_id: number }>({ name: 'lock a wagon', text, values: [wagon] });
      await pause(between(20, 120));
      await client.query('insert into movement (wagon_id, from_depot, to_depot) values ($1, $2, $3)', [
        wagon,
        rows[0]?.depot_id ?? target,
        target,
      ]);
      await client.query('update wagon set depot_id = $2 where id = $1', [wagon, target]);
      // The demo may run for days; its history does not have to grow with it.
      await client.query('delete from movement where id <= (select max(id) - 5000 from movement)');
      await client.query('commit');
      await pause(between(200, 900));
    },
  },
  {
    name: 'departure board',
    begin: ({ client }) => client.query('listen timetable'),
    async step({ client, pause }) {
      await pause(between(2_000, 5_000));
      await client.query('select depot, wagons, tons from wagons_by_depot');
    },
  },
  {
    name: 'signal box',
    async step({ client, pause }) {
      await pause(between(1_000, 3_000));
      await client.query('select pg_notify($1, $2)', ['timetable', `track ${between(1, 20)} is free`]);
    },
  },
  {
    name: 'monthly report',
    async step({ client, pause }) {
      await client.query('select kind, count(*), avg(load_tons), pg_sleep(1.5) from wagon group by kind order by kind limit 1');
      await pause(between(1_500, 4_000));
    },
  },
  {
    name: 'back office',
    async step({ client, pause }) {
      await client.query('select count(*) from movement');
      await pause(between(15_000, 30_000));
    },
  },
];

function between(low: number, high: number): number {
  return low + Math.floor(Math.random() * (high - low + 1));
}
