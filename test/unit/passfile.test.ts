import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PasswordFile, passwordPlace, standardPasswordFile } from '../../core/backend/passfile.ts';
import { text } from '../support/matching.ts';

let folder = '';
let warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'switchyard-passfile-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function make(lines: string, mode = 0o600): PasswordFile {
  const file = path.join(folder, 'pgpass');
  writeFileSync(file, lines);
  chmodSync(file, mode);
  return new PasswordFile(file, (message) => warnings.push(message));
}

const wanted = { host: 'db.example', port: 5432, database: 'app', role: 'alice' };

describe('a line', () => {
  it.each<[string, string, string | null]>([
    ['that fits word for word', 'db.example:5432:app:alice:pw', 'pw'],
    ['of wildcards', '*:*:*:*:pw', 'pw'],
    ['for another host', 'db.other:5432:app:alice:pw', null],
    ['for another port', 'db.example:5433:app:alice:pw', null],
    ['for another database', 'db.example:5432:app2:alice:pw', null],
    ['for another role', 'db.example:5432:app:bob:pw', null],
    ['with a part of the name only', 'db.example:5432:ap:alice:pw', null],
    ['behind others that do not fit', '# note\n\n*:1:*:*:no\n*:*:*:alice:pw\n*:*:*:*:late', 'pw'],
    ['that is a comment', '#*:*:*:*:no\n*:*:*:*:pw', 'pw'],
    ['with too few fields', '*:*:*:pw', null],
    ['with an escaped colon and backslash', String.raw`*:*:*:*:a\:b\\c`, String.raw`a:b\c`],
    ['that ends at a further colon', '*:*:*:*:a:b', 'a'],
    ['with an escaped star, which is a star', String.raw`\*:*:*:*:pw`, null],
    ['with Windows line ends', '*:*:*:*:pw\r\n', 'pw'],
    ['with blanks, which belong to it', '*:*:*:*: p w ', ' p w '],
    ['without a password', '*:*:*:*:', ''],
    ['beyond ASCII', '*:*:*:*:pässwörd', 'pässwörd'],
  ])('%s', async (_, line, password) => {
    expect(await make(line).find(wanted)).toBe(password);
    expect(warnings).toEqual([]);
  });

  it('is looked for anew each time', async () => {
    const file = make('*:*:*:*:old');
    expect(await file.find(wanted)).toBe('old');
    make('*:*:*:*:new');
    expect(await file.find(wanted)).toBe('new');
  });

  it('fits names with colons and backslashes', async () => {
    const file = make(String.raw`\:\:1:5432:a\\b:al\:ice:pw`);
    expect(await file.find({ host: '::1', port: 5432, database: 'a\\b', role: 'al:ice' })).toBe('pw');
  });
});

describe('a file', () => {
  it('that is not there says nothing', async () => {
    const file = new PasswordFile(path.join(folder, 'none'), (message) => warnings.push(message));
    expect(await file.find(wanted)).toBeNull();
    expect(await new PasswordFile(path.join(folder, 'none', 'deeper'), () => {}).find(wanted)).toBeNull();
    expect(warnings).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('that others may read is ignored, which is said once', async () => {
    const file = make('*:*:*:*:pw', 0o640);
    expect(await file.find(wanted)).toBeNull();
    expect(await file.find(wanted)).toBeNull();
    expect(warnings).toEqual([text('group or world access')]);
    chmodSync(path.join(folder, 'pgpass'), 0o600);
    expect(await file.find(wanted)).toBe('pw');
    chmodSync(path.join(folder, 'pgpass'), 0o604);
    expect(await file.find(wanted)).toBeNull();
    expect(warnings).toHaveLength(2);
  });

  it.skipIf(process.platform === 'win32')('that is a folder, a pipe or far too large is ignored, and nothing waits for it', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    const sub = path.join(folder, 'sub');
    mkdirSync(sub);
    for (const place of [pipe, sub]) {
      expect(await new PasswordFile(place, (message) => warnings.push(message)).find(wanted)).toBeNull();
    }
    expect(warnings).toHaveLength(2);
    expect(await make('*:*:*:*:pw\n'.repeat(200_000)).find(wanted)).toBeNull();
    expect(warnings.at(-1)).toContain('larger');
  });
});

describe('where to look', () => {
  it('PGPASSFILE, else the user’s own file', () => {
    expect(standardPasswordFile({ PGPASSFILE: '/x/y' }, 'linux', '/home/u')).toBe('/x/y');
    expect(standardPasswordFile({}, 'linux', '/home/u')).toBe('/home/u/.pgpass');
    expect(standardPasswordFile({ PGPASSFILE: '' }, 'darwin', '/Users/u')).toBe('/Users/u/.pgpass');
    expect(standardPasswordFile({}, 'linux', '')).toBeNull();
    expect(standardPasswordFile({ APPDATA: 'C:\\A' }, 'win32', 'C:\\U')).toBe('C:\\A\\postgresql\\pgpass.conf');
    expect(standardPasswordFile({}, 'win32', 'C:\\U')).toBeNull();
  });

  it('a socket in a standard folder is localhost, any other its folder', () => {
    const at = (connect: { path: string } | { host: string; port: number }) => passwordPlace({ id: 'it', connect });
    expect(at({ host: 'db', port: 5433 })).toEqual({ host: 'db', port: 5433 });
    expect(at({ path: '/tmp/.s.PGSQL.5433' })).toEqual({ host: 'localhost', port: 5433 });
    expect(at({ path: '/var/run/postgresql/.s.PGSQL.5432' })).toEqual({ host: 'localhost', port: 5432 });
    expect(at({ path: '/srv/pg/.s.PGSQL.5432' })).toEqual({ host: '/srv/pg', port: 5432 });
  });
});
