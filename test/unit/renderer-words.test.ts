import { describe, expect, it } from 'vitest';
import type { EndpointRow, Finding, TransferRow } from '../../core/contract/index.ts';
import { hashOf, parseHash } from '../../renderer/src/app/routes.ts';
import { takeToken } from '../../renderer/src/bridge/token.ts';
import { retryDelay } from '../../renderer/src/bridge/websocket.ts';
import { steppedTop } from '../../renderer/src/charts/scale.ts';
import { splitPassword, tlsOf, withTls } from '../../renderer/src/features/endpoints/url.ts';
import { progressOf } from '../../renderer/src/features/migrate/progress.ts';
import { firstTarget, sharedFindings, targetsFor } from '../../renderer/src/features/migrate/targets.ts';
import { filterOf, listTransfers } from '../../renderer/src/features/migrations/select.ts';
import {
  formatBytes,
  formatMs,
  formatShare,
  formatShort,
  formatSpan,
  formatSpanShort,
  plural,
  sentences,
} from '../../renderer/src/lib/format.ts';
import { World } from '../e2e/support/standin-world.ts';
import { operationRowOf } from '../support/operation-row.ts';

describe('numbers in words', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1.0k'],
    [99_940, '99.9k'],
    [99_960, '100k'],
    [999_949, '1.0M'],
    [999_400, '999k'],
    [2_500_000, '2.5M'],
  ])('shortens %d to %s', (value, expected) => {
    expect(formatShort(value)).toBe(expected);
  });

  it.each([
    [0, '0 B'],
    [1_500, '1.5 kB'],
    [999_999_999, '1.0 GB'],
  ])('says %d bytes as %s', (value, expected) => {
    expect(formatBytes(value)).toBe(expected);
  });

  it.each([
    [0.04, '0.0 ms'],
    [9.94, '9.9 ms'],
    [9.96, '10 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [59_940, '59.9 s'],
    [59_960, '60.0 s'],
    [125_000, '2 min 5 s'],
  ])('says %d ms as %s', (value, expected) => {
    expect(formatMs(value)).toBe(expected);
  });

  it.each([
    [-5, '0 s'],
    [59_999, '59 s'],
    [3_600_000, '1 h 0 min'],
    [90_000_000, '1 d 1 h'],
  ])('says a span of %d ms as %s', (value, expected) => {
    expect(formatSpan(value)).toBe(expected);
  });

  it('joins what happened and what helps, and shortens spans', () => {
    expect(sentences('owns "t"', 'Drop it.')).toBe('owns "t". Drop it.');
    expect(sentences('Owns "t".', 'Drop it.')).toBe('Owns "t". Drop it.');
    expect(sentences('owns "t"', null)).toBe('owns "t"');
    expect(formatSpanShort(125_000)).toBe('2 m 5 s');
  });

  it('counts in words and shares', () => {
    expect(plural(1, 'session')).toBe('1 session');
    expect(plural(1_200, 'session')).toBe('1,200 sessions');
    expect(formatShare(3, 4)).toBe('75 %');
    expect(formatShare(0, 0)).toBe('–');
  });

  it.each([
    [0, 2],
    [2, 2],
    [2.1, 4],
    [5, 10],
    [11, 20],
    [41, 100],
    [400, 400],
  ])('gives a chart that reaches %d the top %d', (value, expected) => {
    expect(steppedTop(value)).toBe(expected);
  });
});

describe('addresses', () => {
  it('reads the view and its parameters, and falls back to the yard', () => {
    expect(parseHash('#/pools').route).toBe('pools');
    expect(parseHash('').route).toBe('yard');
    expect(parseHash('#/nowhere').route).toBe('yard');
    const { route, params } = parseHash(hashOf('migrations', { outcome: 'refused', operation: '3' }));
    expect([route, params.get('outcome'), params.get('operation')]).toEqual(['migrations', 'refused', '3']);
  });

  it('takes the token out of the address and keeps it for a reload', () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
    const shown: string[] = [];
    const history = { replaceState: (_data: unknown, _title: string, url?: string | URL | null) => void shown.push(String(url)) };
    const at = (hash: string) => ({ hash, pathname: '/', search: '' });
    expect(takeToken(at(''), storage, history)).toBeNull();
    expect(takeToken(at('#token=abc'), storage, history)).toBe('abc');
    expect(shown).toEqual(['/']);
    expect(takeToken(at('#/pools'), storage, history)).toBe('abc');
    expect(takeToken(at('#token=def'), storage, history)).toBe('def');
  });

  it.each([
    ['postgresql://bob:s3cret@h:1/db', 'postgresql://bob@h:1/db', 's3cret'],
    ['postgres://bob:a%40b@h/db', 'postgres://bob@h/db', 'a@b'],
    ['postgres://bob:100%@h/db', 'postgres://bob@h/db', '100%'],
    ['postgresql://bob@h:1/db', 'postgresql://bob@h:1/db', null],
    ['host=h password=x', 'host=h password=x', null],
  ])('takes the password out of %s', (text, url, password) => {
    expect(splitPassword(text)).toEqual({ url, password });
  });

  it('reads and writes what a URL says of encryption, and leaves the rest of it as typed', () => {
    const url = 'postgresql://me@h/db?application_name=a%20b&sslmode=prefer';
    expect(tlsOf(url)).toEqual({ sslmode: 'prefer', sslrootcert: '', sslcert: '', sslkey: '' });
    const strict = withTls(withTls(url, 'sslmode', 'verify-full'), 'sslrootcert', '/a dir/r&t.pem');
    expect(strict).toBe('postgresql://me@h/db?application_name=a%20b&sslmode=verify-full&sslrootcert=/a%20dir/r%26t.pem');
    expect(tlsOf(strict)).toMatchObject({ sslmode: 'verify-full', sslrootcert: '/a dir/r&t.pem' });
    expect(withTls('postgresql://h/db?sslmode=require', 'sslmode', '')).toBe('postgresql://h/db');
  });

  it('waits longer with each retry, up to 5 s', () => {
    expect([0, 1, 2, 20].map(retryDelay)).toEqual([250, 500, 1_000, 5_000]);
  });
});

describe('where sessions can move', () => {
  const world = new World({ sessions: 4, endpoints: 3 });
  const rows = [...world.sessions.values()];
  const [a, b, c] = world.endpoints as [EndpointRow, EndpointRow, EndpointRow];

  it('knows the endpoint that all are at, and not one that was remapped', () => {
    const onB = rows.filter((row) => row.endpoint === b.id);
    expect(targetsFor([a, b], onB).map(({ current }) => current)).toEqual([false, true]);
    expect(targetsFor([a, { ...b, backend: 'elsewhere:1' }], onB).map(({ current }) => current)).toEqual([false, false]);
    expect(targetsFor([a, b], rows).map(({ current }) => current)).toEqual([false, false]);
  });

  it('begins with the only sensible target, or with the one asked for', () => {
    const targets = (status: EndpointRow['status']) =>
      targetsFor(
        [a, b, { ...c, status }],
        rows.filter((row) => row.endpoint === a.id),
      );
    expect(firstTarget(targets('down'), null)).toBe(b.id);
    expect(firstTarget(targets('up'), null)).toBeNull();
    expect(firstTarget(targets('up'), a.id)).toBe(a.id);
    expect(firstTarget(targets('up'), 'gone')).toBeNull();
  });
});

describe('transfers', () => {
  const template = [...new World({ sessions: 3, transfers: 1 }).transfers.values()][0];
  if (!template) throw new Error('no transfer to start from');
  const transfer = (id: number, change: Partial<TransferRow>): TransferRow => ({
    ...template,
    id,
    operationId: 5,
    sessionId: id,
    fromEndpoint: 'ep-a',
    toEndpoint: 'ep-b',
    ...change,
  });
  const operation = operationRowOf({ id: 5, success: 1, recoverable: 1 });
  const moved = transfer(1, { outcome: 'success', phase: 'settled', pauseMs: 8 });
  const failed = transfer(2, { outcome: 'error_recoverable', phase: 'settled', pauseMs: null });
  const armed = transfer(3, { outcome: null, phase: 'armed', pauseMs: null });

  it('lists what is under way first, then what went wrong', () => {
    const progress = progressOf(operation, [moved, failed, armed, transfer(9, { operationId: 6 })]);
    expect(progress.steps.map(({ id }) => id)).toEqual([3, 2, 1]);
    expect(progress.done).toBe(2);
  });

  it('can be cancelled before the pause only', () => {
    expect(progressOf(operation, [moved, failed, armed]).canCancel).toBe(true);
    expect(progressOf(operation, [moved, failed, { ...armed, phase: 'capture' }]).canCancel).toBe(false);
    expect(progressOf(operation, [moved]).canCancel, 'others have not begun').toBe(true);
    expect(progressOf({ ...operation, cancelled: true }, [armed]).canCancel).toBe(false);
  });

  it('sums up the pause and offers the way back only if there is one', () => {
    const progress = progressOf(operation, [
      moved,
      transfer(2, { outcome: 'success', pauseMs: 20 }),
      transfer(3, { outcome: 'success', pauseMs: 12 }),
    ]);
    expect(progress.pause).toEqual({ median: 12, longest: 20 });
    expect(progress.undo).toEqual({ sessionIds: [1, 2, 3], to: 'ep-a' });
    expect(progressOf(operation, [moved, transfer(2, { outcome: 'success', fromEndpoint: 'ep-c' })]).undo).toBeNull();
    expect(progressOf(operation, [{ ...moved, fromEndpoint: 'ep-b' }]).undo, 'a remap').toBeNull();
    expect(progressOf(operation, [failed]).pause).toBeNull();
  });

  it('are narrowed by outcome and operation, newest first', () => {
    const all = [moved, failed, armed, transfer(9, { operationId: 6, outcome: 'refused' })];
    const ids = (...args: [Parameters<typeof listTransfers>[1], number | null]): number[] =>
      listTransfers(all, ...args).map(({ id }) => id);
    expect(ids('all', null)).toEqual([9, 3, 2, 1]);
    expect(ids('unmoved', null)).toEqual([9, 2]);
    expect(ids('unmoved', 5)).toEqual([2]);
    expect(ids('success', null)).toEqual([1]);
    expect(filterOf('nonsense')).toBe('all');
    expect(filterOf('refused')).toBe('refused');
  });
});

describe('notes of a preflight', () => {
  const note = { level: 'info' as const, code: 'not_checked', message: 'not checked: x', hint: null };
  const block = { level: 'block' as const, code: 'temp_object', message: 'owns t', hint: null };
  const verdict = (sessionId: number, findings: Finding[]) => ({ sessionId, verdict: 'ready' as const, reason: null, findings });

  it('are said once when sessions share them; what blocks stays with its session', () => {
    const shared = sharedFindings([verdict(1, [note, block]), verdict(2, [note, block]), verdict(3, [{ ...note, message: 'y' }])]);
    expect(shared).toEqual([{ finding: note, sessions: 2 }]);
  });
});
