import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../../core/contract/index.ts';
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
