import { describe, expect, it } from 'vitest';
import { environmentLines, passLine, psqlLine, urlLine } from '../../core/contract/index.ts';
import type { EndpointRow, SessionRow } from '../../core/contract/index.ts';
import { sessionsAs } from '../../renderer/src/features/copy-as/sessions.ts';
import { targetOfEndpoint, targetOfServer } from '../../renderer/src/features/copy-as/targets.ts';
import type { Door } from '../../renderer/src/features/copy-as/targets.ts';
import { World } from '../e2e/support/standin-world.ts';

const world = new World({ sessions: 3, transfers: 0 }).snapshot();
const door: Door = { proxy: { host: '127.0.0.1', port: 6432 }, offered: { clients: 'off', authorityFile: null } };
const encrypted: Door = { ...door, offered: { clients: 'allow', authorityFile: '/home/me/ca.pem' } };

function session(change: Partial<SessionRow> = {}): SessionRow {
  const [first] = world.sessions;
  if (!first) throw new Error('the world has no session');
  return { ...first, id: 12, application: 'app', user: 'bob', database: 'shop', endpoint: 'ep-a', ...change };
}

function endpoint(change: Partial<EndpointRow> = {}): EndpointRow {
  const [first] = world.endpoints;
  if (!first) throw new Error('the world has no endpoint');
  return {
    ...first,
    id: 'ep-a',
    host: 'db.local',
    port: 5433,
    user: 'me',
    database: 'shop',
    url: 'postgresql://me@db.local:5433/shop',
    ...change,
  };
}

describe('sessions to paste', () => {
  it('connect as the client did', () => {
    expect(sessionsAs('psql', [session()], door)).toBe(`psql "host=127.0.0.1 port=6432 user=bob dbname=shop options='endpoint=ep-a'"`);
    expect(sessionsAs('url', [session()], door)).toBe('postgresql://bob@127.0.0.1:6432/ep-a/shop');
    expect(sessionsAs('environment', [session()], door)).toBe(
      'export PGHOST=127.0.0.1\nexport PGPORT=6432\nexport PGUSER=bob\nexport PGDATABASE=shop\nexport PGOPTIONS=endpoint=ep-a',
    );
  });

  it('verify whom they talk to where there is a certificate to do so', () => {
    expect(sessionsAs('psql', [session()], encrypted)).toContain('sslmode=verify-full sslrootcert=/home/me/ca.pem');
    expect(sessionsAs('environment', [session()], encrypted)).toContain(
      'export PGSSLMODE=verify-full\nexport PGSSLROOTCERT=/home/me/ca.pem',
    );
    expect(sessionsAs('url', [session()], encrypted), 'drivers understand different words').not.toContain('ssl');
  });

  it('are one object or a list, one row or a table', () => {
    const two = [session(), session({ id: 13, application: 'batch' })];
    expect(JSON.parse(sessionsAs('json', [session()], door))).toMatchObject({ id: 12, application: 'app', user: 'bob', endpoint: 'ep-a' });
    expect(JSON.parse(sessionsAs('json', two, door))).toMatchObject([{ id: 12 }, { id: 13 }]);
    expect(sessionsAs('markdown', [session()], door)).toMatch(/^\| 12 \| app \| bob \|[^\n]*\|$/);
    expect(sessionsAs('markdown', two, door).split('\n')).toEqual([
      expect.stringMatching(/^\| id \| application \|/),
      expect.stringMatching(/^\| --- \| --- \|/),
      expect.stringMatching(/^\| 12 \| app \|/),
      expect.stringMatching(/^\| 13 \| batch \|/),
    ]);
    expect(
      sessionsAs('table', two, door)
        .split('\n')
        .map((line) => line.split('\t')[1]),
    ).toEqual(['application', 'app', 'batch']);
    expect(sessionsAs('psql', two, door).split('\n')).toHaveLength(2);
    expect(sessionsAs('environment', two, door)).toContain('\n\n# session 13, batch\nexport PGHOST=127.0.0.1');
  });

  it('cannot be broken out of by the names that a client gives itself', () => {
    const hostile = session({ application: 'a|b\nrm -rf ~\t=1', user: `o'b"$(x)\``, database: '=cmd' });
    expect(sessionsAs('psql', [hostile], door)).toContain(`user='o\\\\'b\\"\\$(x)\\\`'`);
    expect(sessionsAs('environment', [hostile], door)).toContain(`export PGUSER='o'\\''b"$(x)\`'`);
    expect(sessionsAs('environment', [hostile, hostile], door)).not.toContain('\nrm');
    expect(sessionsAs('markdown', [hostile], door)).toMatch(/^\| 12 \| a\\\|b rm -rf ~ =1 \|[^\n]*$/);
    const cells = sessionsAs('table', [hostile], door).split('\n')[1]?.split('\t');
    expect(cells?.[3]).toBe("'=cmd");
  });
});

describe('endpoints and servers to paste', () => {
  it('lead through the proxy, or past it', () => {
    expect(psqlLine(targetOfEndpoint(endpoint(), door, 'psql'))).toBe(
      `psql "host=127.0.0.1 port=6432 user=me dbname=shop options='endpoint=ep-a'"`,
    );
    const server = targetOfServer(endpoint({ url: 'postgresql://me@db.local:5433/shop?sslmode=require&application_name=x' }));
    expect(psqlLine(server)).toBe('psql "host=db.local port=5433 user=me dbname=shop sslmode=require"');
    expect(urlLine(server)).toBe('postgresql://me@db.local:5433/shop?sslmode=require');
    expect(environmentLines(server)).toContain('export PGSSLMODE=require');
  });

  it('has a place for the password, and never the password', () => {
    expect(passLine(targetOfServer(endpoint({ database: 'a:b\\c' })))).toBe('db.local:5433:a\\:b\\\\c:me:');
    expect(passLine(targetOfServer(endpoint({ user: '' })))).toBe('db.local:5433:shop:*:');
  });

  it('knows sockets and addresses of version 6', () => {
    expect(urlLine(targetOfServer(endpoint({ host: '/var/run/postgresql', port: 5432 })))).toBe(
      'postgresql://me@/shop?host=%2Fvar%2Frun%2Fpostgresql&port=5432',
    );
    expect(urlLine(targetOfServer(endpoint({ host: '::1' })))).toBe('postgresql://me@[::1]:5433/shop');
  });
});
