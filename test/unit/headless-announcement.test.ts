import { describe, expect, it } from 'vitest';
import { connectLines } from '../../core/facade/connect-lines.ts';
import { announceToPeople, announceToScripts, type Announcement } from '../../main/headless/announcement.ts';
import { hasDisplay } from '../../main/headless/browser.ts';

function announcement(
  change: { wantedPort?: number; host?: string; user?: string; database?: string; empty?: boolean } = {},
): Announcement {
  const { wantedPort = null, host = '127.0.0.1', user = 'postgres', database = 'postgres', empty = false } = change;
  const endpoint = {
    id: 'ep-a',
    backend: '127.0.0.1:40001',
    host: '127.0.0.1',
    port: 40001,
    database,
    user,
    url: `postgresql://127.0.0.1:40001/${database}`,
    passwordSet: true,
    isDefault: true,
    status: 'up',
    statusReason: null,
    serverVersion: '18.4',
    checkedAt: null,
    sessions: 0,
    poolMode: 'session',
    profile: 'strict',
    paused: false,
    redirectedTo: null,
    color: 0,
  } as const;
  return {
    url: 'http://127.0.0.1:8080/#token=abc',
    snapshot: {
      host: {
        version: '0.1.0',
        startedAt: 0,
        proxy: { host, port: 6433 },
        wantedPort,
        admitting: true,
        defaultEndpoint: 'ep-a',
        unknownEndpoint: 'default',
        demo: { state: empty ? 'failed' : 'running', reason: empty ? 'no room' : null, workload: false, available: true },
        passwords: { kept: 'memory', reason: null },
        endpointsKept: { file: null, problem: null },
        capture: null,
        connectLines: connectLines({ host, port: 6433 }, [endpoint]),
      },
      endpoints: empty ? [] : [endpoint],
    },
  };
}

describe('what is said once ready', () => {
  it('to scripts: exactly the agreed keys, on one line', () => {
    const line = announceToScripts(announcement());
    expect(line).toBe(
      '{"proxy":{"host":"127.0.0.1","port":6433},"ui":{"url":"http://127.0.0.1:8080/#token=abc"},"endpoints":[{"id":"ep-a","backend":"127.0.0.1:40001"}]}',
    );
  });

  it('to people: the address, and lines to paste', () => {
    const lines = announceToPeople(announcement())
      .split('\n')
      .map((line) => line.trim());
    expect(lines).toContain('http://127.0.0.1:8080/#token=abc');
    expect(lines).toContain(`psql "host=127.0.0.1 port=6433 user=postgres dbname=postgres options='endpoint=ep-a'"`);
    expect(lines).toContain('postgresql://postgres@127.0.0.1:6433/ep-a/postgres');
    expect(lines.join(' ')).not.toContain('taken');
  });

  it('names the port that was taken', () => {
    expect(announceToPeople(announcement({ wantedPort: 6432 }))).toContain('Port 6432 was taken, so the proxy listens on 6433 instead.');
  });

  it('quotes what needs it, for libpq, for the shell, for a URL', () => {
    const text = announceToPeople(announcement({ host: '::1', user: "o'neil $x", database: 'my db' }));
    expect(text).toContain(String.raw`user='o\\'neil \$x' dbname='my db'`);
    expect(text).toContain("postgresql://o'neil%20%24x@[::1]:6433/ep-a/my%20db");
  });

  it('leaves out a user that the endpoint does not name', () => {
    expect(announceToPeople(announcement({ user: '' }))).toContain('port=6433 dbname=postgres');
    expect(announceToPeople(announcement({ user: '' }))).toContain('postgresql://127.0.0.1:6433/');
  });

  it('says why there is nothing', () => {
    expect(announceToPeople(announcement({ empty: true }))).toContain('The demo did not start: no room');
  });
});

describe('a browser is opened', () => {
  it.each<[NodeJS.Platform, NodeJS.ProcessEnv, boolean]>([
    ['linux', {}, false],
    ['linux', { DISPLAY: '' }, false],
    ['linux', { DISPLAY: ':0' }, true],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, true],
    ['linux', { DISPLAY: '', WAYLAND_DISPLAY: 'wayland-0' }, true],
    ['darwin', {}, true],
    ['win32', {}, true],
  ])('on %s with %o: %s', (platform, env, shown) => expect(hasDisplay(platform, env)).toBe(shown));
});
