import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../../core/contract/index.ts';
import { eventMatcher, parseEventFilter, withField, withoutTerm, writeEventTerm } from '../../renderer/src/features/events/filter.ts';
import { groupEvents } from '../../renderer/src/features/events/group.ts';

let id = 0;
function entry(message: string, change: Partial<LogEntry> = {}): LogEntry {
  id += 1;
  return { id, at: id, level: 'warn', code: 'client_refused', message, sessionId: null, repeats: 1, ...change };
}
const lines = (log: readonly LogEntry[]) => groupEvents(log).map(({ entry: { message }, times }) => `${times} ${message}`);

describe('groupEvents', () => {
  it('makes one line of clients turned away for one reason, whatever port each came from, and shows the newest', () => {
    const log = [
      entry('A client at 127.0.0.1:50122 (user "bob") was refused: endpoint "ep-nope" does not exist.'),
      entry('A client at 127.0.0.1:50123 (user "bob") was refused: endpoint "ep-nope" does not exist.', { repeats: 4 }),
      entry('A client at 127.0.0.1:50124 (user "bob") was refused: endpoint "ep-nope" does not exist.'),
    ];
    expect(lines(log)).toEqual(['6 A client at 127.0.0.1:50124 (user "bob") was refused: endpoint "ep-nope" does not exist.']);
  });

  it('keeps apart who asked, from where and why', () => {
    const log = [
      entry('A client at 127.0.0.1:1 (user "bob") was refused: endpoint "a" does not exist.'),
      entry('A client at 127.0.0.1:2 (user "eve") was refused: endpoint "a" does not exist.'),
      entry('A client at 127.0.0.1:3 (user "bob") was refused: endpoint "b" does not exist.'),
      entry('A client at [::1]:4 (user "bob") was refused: endpoint "a" does not exist.'),
    ];
    expect(groupEvents(log)).toHaveLength(4);
  });

  it('joins sessions that got no server for one reason', () => {
    const log = [
      entry('Session 12 (user "bob") got no server connection: x.'),
      entry('Session 13 (user "bob") got no server connection: x.'),
    ];
    expect(groupEvents(log).map(({ times }) => times)).toEqual([2]);
  });

  it('leaves every other kind of event a line of its own, newest first', () => {
    const log = [entry('x', { code: 'server_lost' }), entry('x', { code: 'server_lost' }), entry('y', { code: 'server_lost' })];
    expect(lines(log)).toEqual(['1 y', '1 x', '1 x']);
  });
});

describe('the filter of the log', () => {
  const now = new Date(2026, 10, 21, 14, 10, 0).getTime();
  const at = (hours: number, minutes: number, seconds = 0): number => new Date(2026, 10, 21, hours, minutes, seconds).getTime();
  const log = [
    entry('127.0.0.1:5432 is down: refused.', { level: 'error', code: 'backend_down', at: at(14, 3, 9) }),
    entry('Session 12 (a to b) moved in 8 ms.', { level: 'info', code: 'migrated', sessionId: 12, at: at(14, 8) }),
    entry('Session 1 (a to b) did not move: busy.', { code: 'migration_refused', sessionId: 1, at: at(14, 9, 30) }),
    entry('A client at 127.0.0.1:1 was refused.', { at: at(23, 0) - 86_400_000 }),
  ];
  const found = (text: string): string[] => log.filter(eventMatcher(text, now)).map(({ code }) => code);

  it.each([
    ['', ['backend_down', 'migrated', 'migration_refused', 'client_refused']],
    ['level:error', ['backend_down']],
    ['level:error level:warn', ['backend_down', 'migration_refused', 'client_refused']],
    ['-level:error', ['migrated', 'migration_refused', 'client_refused']],
    ['code:migrated', ['migrated']],
    ['session:1', ['migration_refused']],
    ['session:1 session:12', ['migrated', 'migration_refused']],
    ['is:refused', ['client_refused']],
    ['MOVED', ['migrated']],
    ['"a to b" -busy', ['migrated']],
    ['127.0.0.1:5432', ['backend_down']],
    ['last:5m', ['migrated', 'migration_refused']],
    ['from:14:03:09 to:14:08', ['backend_down', 'migrated']],
    ['to:14:03:09', ['backend_down', 'client_refused']],
    ['to:14:03:08', ['client_refused']],
    ['from:22:00', ['backend_down', 'migrated', 'migration_refused', 'client_refused']],
    ['to:23:01', ['client_refused']],
    ['level:warm', []],
    ['-level:warm', []],
    ['last:soon', []],
  ])('%s', (text, codes) => {
    expect(found(text)).toEqual(codes);
  });

  it('says what is wrong with a term', () => {
    expect(parseEventFilter('level:warm from:25:00 session:x last:5 is:odd code:a word').map(({ problem }) => problem)).toEqual([
      'level: knows info, warn and error.',
      'from: wants a time of day, such as from:14:03 or from:14:03:09.',
      'session: wants the number of a session, such as session:12.',
      'last: wants a time, such as last:30s, last:5m or last:1h.',
      'is: knows refused.',
      null,
      null,
    ]);
  });

  it('is understood as the same again when it is written', () => {
    for (const text of ['level:error -code:x "two words" session:12', '"-minus" "level:error"', String.raw`"say \"hi\"" "back\\slash"`]) {
      const terms = parseEventFilter(text);
      expect(parseEventFilter(terms.map(writeEventTerm).join(' '))).toEqual(terms);
    }
  });

  it('replaces a field, and takes one term away', () => {
    expect(withField('lost level:warn level:error code:x', ['level'], [{ field: 'level', value: 'info' }])).toBe('lost code:x level:info');
    expect(withField('level:warn', ['level', 'is'], [])).toBe('');
    expect(withoutTerm('a level:warn -b', 1)).toBe('a -b');
  });
});
