/** What a client may say after its login: valid scripts first, then what becomes of them when they are spoiled. */
import {
  bind,
  closeStatement,
  cstring,
  describeStatement,
  execute,
  flush,
  int16,
  int32,
  message,
  parse,
  sync,
} from '../../support/wire-client.ts';
import { mutateBody, mutateBytes, mutateOrder, split } from './mutate.ts';
import type { Random } from './random.ts';

/** What is sent, and what follows. */
export interface SessionCase {
  readonly pieces: readonly Buffer[];
  /**
   * `live`: every message has its true length, so that the server finds the messages behind them and the session can go on.
   * Otherwise the client leaves in this way.
   */
  readonly leave: 'live' | 'fin' | 'reset';
}

const queries = [
  'select 1',
  "select 'a', null, 2",
  'select generate_series(1, 30)',
  '',
  ';;',
  'select 1; select 2; select 3',
  'begin',
  'commit',
  'rollback',
  'select 1/0',
  'selekt',
  "set my.fuzz = 'x'",
  "select set_config('my.other', 'y', false)",
  'create temp table if not exists f (i int); truncate f',
  'insert into f select 1',
  'copy f from stdin',
  'copy f from stdin with (format csv)',
  'copy (select generate_series(1, 5)) to stdout',
  'copy (select 1) to stdout (format binary)',
  'prepare p as select $1::int',
  'execute p(1)',
  'deallocate all',
  'discard all',
  'declare c cursor for select generate_series(1, 9)',
  'fetch 3 from c',
  "do $$ begin raise notice 'said'; end $$",
  "do $$ begin raise exception 'no' using errcode = 'P0001'; end $$",
  "select repeat('x', 9000)",
  'savepoint s; rollback to s',
];

const names = ['', '', 's', 't', 'p'];

/** Makes a case. */
export function makeSession(random: Random): SessionCase {
  let messages = Array.from({ length: random.between(1, 4) }, () => exchange(random)).flat();
  const kind = random.below(10);
  if (kind >= 2) messages = mutateOrder(random, messages);
  if (kind >= 5) messages = messages.map((one) => (random.oneIn(3) ? mutateBody(random, one) : one));
  if (kind === 9 && random.oneIn(2))
    messages.splice(random.below(messages.length + 1), 0, message(oddType(random), random.bytes(random.length(400))));
  if (random.oneIn(30)) {
    const bytes = mutateBytes(random, Buffer.concat(messages));
    return { pieces: split(random, bytes), leave: random.pick(['fin', 'reset']) };
  }
  if (random.oneIn(80)) return { pieces: messages, leave: random.pick(['fin', 'reset']) };
  return { pieces: random.oneIn(2) ? messages : split(random, Buffer.concat(messages)), leave: 'live' };
}

/** What ends whatever a case has left open, and shows that the session lives: its answer has `marker` in it. */
export function recovery(marker: string): Buffer {
  return Buffer.concat([
    message('f', cstring('over')),
    sync,
    message('Q', cstring('rollback')),
    message('Q', cstring(`/* */ select '${marker}'`)),
  ]);
}

function oddType(random: Random): string {
  return random.oneIn(2) ? random.pick(['X', 'p', 'R', 'Z', 'd', 'c', 'f', 'F', 'H']) : String.fromCharCode(random.below(256));
}

function exchange(random: Random): Buffer[] {
  const query = message('Q', cstring(random.pick(queries)));
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return [query];
    case 3:
      return [message('Q', cstring('copy f from stdin')), ...copyData(random)];
    case 4:
      return [...extended(random, 'copy f from stdin'), ...copyData(random), sync];
    case 5:
      return [message('F', int32(random.pick([89, 745, 0, 99])), int16(0), int16(0), int16(random.below(2)))];
    case 6:
      return [...extended(random, random.pick(queries)), flush, ...extended(random, random.pick(queries)), sync];
    default:
      return [...extended(random, random.pick(queries)), ...(random.oneIn(5) ? [] : [sync])];
  }
}

function extended(random: Random, sql: string): Buffer[] {
  const name = random.pick(names);
  const messages = [
    closeStatement(name),
    parse(name, random.oneIn(4) ? 'select $1::text' : sql),
    describeStatement(name),
    bind('', name, random.oneIn(3) ? ['1'] : []),
    message('D', Buffer.from('P\0')),
    execute('', random.below(4)),
  ];
  return messages.filter(() => !random.oneIn(7));
}

function copyData(random: Random): Buffer[] {
  const rows = Array.from({ length: random.below(4) }, () =>
    message('d', random.oneIn(5) ? random.bytes(random.length(300)) : Buffer.from('7\n')),
  );
  return [...rows, ...(random.oneIn(4) ? [sync] : []), random.oneIn(4) ? message('f', cstring('no')) : message('c')];
}
