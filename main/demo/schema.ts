/** What both demo servers hold: a small railway, the same on each but for one row that says which server answered. */

/**
 * The statements that fill a demo server. Both servers run the same ones in the same order, so that even object ids agree.
 * @param endpoint the name that ends up in `server_name`; letters, digits, `-` and `_` only.
 */
export function demoSchema(endpoint: string): string {
  return `
    begin;
    create table server_name (name text primary key);
    comment on table server_name is 'One row: which of the two demo servers this is.';

    create table depot (
      id integer primary key,
      name text not null unique,
      city text not null,
      tracks integer not null check (tracks > 0)
    );
    create table wagon (
      id integer primary key,
      number text not null unique,
      kind text not null check (kind in ('flat', 'tank', 'box', 'hopper')),
      load_tons numeric(5, 1) not null,
      depot_id integer not null references depot
    );
    create index on wagon (depot_id);
    create table movement (
      id bigint generated always as identity primary key,
      wagon_id integer not null references wagon,
      from_depot integer not null references depot,
      to_depot integer not null references depot,
      moved_at timestamptz not null default now(),
      moved_by text not null default current_setting('application_name')
    );
    create index on movement (wagon_id, moved_at);

    insert into depot values
      (1, 'North Yard', 'Hamburg', 12), (2, 'Harbour', 'Rotterdam', 20), (3, 'Westbahnhof', 'Wien', 9),
      (4, 'La Chapelle', 'Paris', 15), (5, 'Smistamento', 'Milano', 18), (6, 'Old Oak', 'London', 7);
    insert into wagon
      select n, format('%s-%s', 31 + n % 4 * 10, lpad((n * 7919 % 100000)::text, 5, '0')),
        (array['flat', 'tank', 'box', 'hopper'])[1 + n % 4], (n * 37 % 800) / 10.0, 1 + n % 6
      from generate_series(1, 240) as n;
    insert into movement (wagon_id, from_depot, to_depot, moved_at, moved_by)
      select 1 + n * 11 % 240, 1 + n % 6, 1 + (n + 1 + n % 4) % 6, now() - n * interval '3 minutes', 'timetable'
      from generate_series(1, 400) as n;
    create view wagons_by_depot as
      select depot.name as depot, city, count(wagon.id) as wagons, coalesce(sum(load_tons), 0) as tons
      from depot left join wagon on wagon.depot_id = depot.id
      group by depot.id order by depot.id;

    insert into server_name values ('${endpoint}');
    commit;
    analyze;
  `;
}
