import { expect, it } from 'vitest';
import { settledEntry } from '../../core/facade/settled-entry.ts';
import { transferRow } from '../support/console-rig.ts';

it('names the endpoints, and of one that was remapped the servers', () => {
  const row = transferRow(7, 'ep-b', 'success', null);
  expect(settledEntry(row)).toMatchObject({ level: 'info', code: 'migrated', message: 'Session 7 (ep-a to ep-b) moved in 1.2 ms.' });
  expect(settledEntry({ ...row, toEndpoint: 'ep-a' }).message).toBe('Session 7 (127.0.0.1:1 to 127.0.0.1:2) moved in 1.2 ms.');
});

it('says why a session stayed', () => {
  const row = transferRow(7, 'ep-b', 'refused', 'it has a temporary table');
  expect(settledEntry(row)).toMatchObject({
    level: 'warn',
    code: 'migration_refused',
    message: 'Session 7 (ep-a to ep-b) did not move: it has a temporary table.',
  });
});
