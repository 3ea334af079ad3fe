import { describe, expect, it } from 'vitest';
import type { ImportSource } from '../../core/contract/index.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { DraftPasswords } from '../../main/endpoint-import/draft-passwords.ts';
import { importDrafts } from '../../main/endpoint-import/drafts.ts';

const mapped = [{ id: 'orders', ...parseBackendUrl('postgresql://me@127.0.0.1:5432/orders') }];

function passwordOf(passwords: DraftPasswords, passwordFrom: string): string | undefined {
  const request: { passwordFrom: string; password?: string } = { passwordFrom };
  return passwords.resolve(request).password;
}

/** The drafts with their passwords, as only the host can see them; what crosses to a window is searched for the passwords first. */
function read(source: ImportSource, text: string, secrets: readonly string[] = []) {
  const passwords = new DraftPasswords();
  const reply = importDrafts({ source, text }, mapped, passwords);
  for (const secret of secrets) expect(JSON.stringify(reply)).not.toContain(secret);
  const drafts = reply.drafts.map(({ passwordFrom, ...draft }) => ({
    ...draft,
    password: passwordFrom === null ? null : passwordOf(passwords, passwordFrom),
  }));
  return { drafts, problems: reply.problems };
}

describe('connection strings', () => {
  it('are read as they lie about in shells, .env files and settings', () => {
    const { drafts, problems } = read(
      'url',
      [
        '# the shop',
        'postgresql://me:sesame@db.example:6000/shop?sslmode=require&application_name=x&options=-csearch_path%3Da',
        '',
        "export DATABASE_URL='postgres://you@localhost/orders'",
        'jdbc:postgresql://10.0.0.7/reports?user=bi&password=op%40en',
        'postgresql+psycopg://py@127.0.0.1:5433/app',
        "host=/var/run/postgresql dbname=lo\\'cal user='o k' password='a\\'b'",
      ].join('\n'),
      ['sesame', 'op@en', 'op%40en', "a'b"],
    );
    expect(problems).toEqual([]);
    expect(drafts.map(({ id, url, password }) => [id, url, password])).toEqual([
      ['shop', 'postgresql://me@db.example:6000/shop?sslmode=require', 'sesame'],
      ['database_url', 'postgresql://you@localhost:5432/orders', null],
      ['reports', 'postgresql://bi@10.0.0.7:5432/reports', 'op@en'],
      ['app', 'postgresql://py@127.0.0.1:5433/app', null],
      ['lo-cal', "postgresql://o%20k@%2Fvar%2Frun%2Fpostgresql:5432/lo'cal", "a'b"],
    ]);
    expect(drafts[0]?.notes).toEqual(['Left out, for the client to say itself: application_name, options.']);
  });

  it('that list several hosts are one draft each, with names of their own', () => {
    expect(read('url', 'postgresql://me@a:1,b:2/orders').drafts.map(({ id, url }) => [id, url])).toEqual([
      ['orders-2', 'postgresql://me@a:1/orders'],
      ['orders-3', 'postgresql://me@b:2/orders'],
    ]);
  });

  it('that point where an endpoint points already say so', () => {
    expect(read('url', 'postgresql://me:x@127.0.0.1/orders').drafts).toMatchObject([{ id: 'orders-2', mapped: 'orders' }]);
  });

  it('that cannot be read are named by their line, without a word of their text', () => {
    const { drafts, problems } = read('url', 'mysql://root:hunter2@x/y\npostgresql://me:hunter2@h:99999/x', ['hunter2']);
    expect(drafts).toEqual([]);
    expect(problems.map(({ line }) => line)).toEqual([1, 2]);
    expect(problems[0]?.message).toContain('postgresql://');
    expect(read('url', '\n# nothing\n').problems).toMatchObject([{ line: null, message: 'There is no entry in it.' }]);
  });
});

describe('a password file', () => {
  it('gives an endpoint per line that names a host, its password unescaped', () => {
    const { drafts, problems } = read(
      'pgpass',
      ['# mine', 'db.example:5433:shop:me:a\\:b\\\\c', 'other:*:*:*:pass:word', '*:*:*:you:everywhere', 'nonsense', ''].join('\r\n'),
      ['a:b', 'pass:word', 'everywhere', 'nonsense'],
    );
    expect(drafts.map(({ id, url, password }) => [id, url, password])).toEqual([
      ['shop', 'postgresql://me@db.example:5433/shop', 'a:b\\c'],
      ['other', 'postgresql://other:5432/postgres', 'pass:word'],
    ]);
    expect(drafts[1]?.notes).toHaveLength(3);
    expect(problems.map(({ line }) => line)).toEqual([4, 5]);
  });
});

describe('a service file', () => {
  it('gives an endpoint per section, values as they stand', () => {
    const { drafts, problems } = read(
      'service',
      [
        '# services',
        '[shop.prod]',
        'host=db.example',
        'port = 6000',
        'dbname=shop',
        'user=me',
        'password="a;b#c\\d',
        'sslmode=verify-full',
        'sslrootcert=/etc/ssl/root.pem',
        'connect_timeout=4',
        '[local]',
        'dbname=true',
        '[broken]',
        'host=x',
        'port=many',
      ].join('\n'),
      ['a;b#c'],
    );
    // The library gives sections with a dot in their name last.
    const ordered = drafts.toSorted((a, b) => (a.id > b.id ? -1 : 1));
    expect(ordered.map(({ id, url, password }) => [id, url, password])).toEqual([
      ['shop-prod', 'postgresql://me@db.example:6000/shop?sslmode=verify-full&sslrootcert=/etc/ssl/root.pem', '"a;b#c\\d'],
      ['local', 'postgresql://localhost:5432/true', null],
    ]);
    expect(ordered[1]?.notes).toEqual(['It names no host: localhost was taken.']);
    expect(problems.map(({ message }) => message)).toEqual(['Service broken: "many" is not a port.']);
  });

  it('without sections says what is missing', () => {
    expect(read('service', 'host=db.example').problems).toMatchObject([{ hint: 'A service begins with its [name].' }]);
  });
});

describe('passwords of drafts', () => {
  it('are known by their name for an hour, and a typed one comes first', () => {
    let now = 0;
    const passwords = new DraftPasswords(() => now);
    const passwordFrom = passwords.keep('sesame');
    expect(passwords.resolve({ passwordFrom, password: 'typed' }).password).toBe('typed');
    expect(passwords.resolve({ passwordFrom })).toEqual({ passwordFrom, password: 'sesame' });
    now = 3_600_001;
    expect(passwords.resolve({ passwordFrom })).toEqual({ passwordFrom });
  });

  it('are bounded: the oldest goes first', () => {
    const passwords = new DraftPasswords();
    const names = Array.from({ length: 1_001 }, (_, index) => passwords.keep(`p${index}`));
    expect(passwordOf(passwords, names[0] ?? '')).toBeUndefined();
    expect(passwordOf(passwords, names[1_000] ?? '')).toBe('p1000');
  });
});
