import { beforeEach, describe, expect, it } from 'vitest';
import type { EndpointRow } from '../../core/contract/index.ts';
import { clientLine } from '../../renderer/src/features/endpoints/client-lines.ts';
import { changeTitle, stage, takenNames, unstage, useStagedMap } from '../../renderer/src/features/endpoints/staged-map.ts';
import { TestQueue } from '../../renderer/src/features/endpoints/test-queue.ts';

beforeEach(() => unstage());

const changes = () => useStagedMap.getState().changes;

describe('staged changes', () => {
  it('are one per endpoint, in their order, and can be taken back one by one', () => {
    stage({ kind: 'save', id: 'a', url: 'u' }, 'a');
    stage({ kind: 'save', id: 'new', url: 'u' }, null);
    stage({ kind: 'save', id: 'b', url: 'u', replaces: 'a' }, 'a');
    expect(changes().map(changeTitle)).toEqual(['Rename a to b', 'Add new']);
    stage({ kind: 'save', id: 'newer', url: 'u' }, null, changes()[1]?.key);
    stage({ kind: 'remove', id: 'a' }, 'a');
    expect(changes().map(changeTitle)).toEqual(['Remove a', 'Add newer']);
    unstage([changes()[0]?.key ?? 0]);
    expect(changes().map(changeTitle)).toEqual(['Add newer']);
  });

  it('give names free and take them', () => {
    const endpoints = ['a', 'b', 'c'].map((id) => ({ id }) as EndpointRow);
    stage({ kind: 'remove', id: 'a' }, 'a');
    stage({ kind: 'save', id: 'd', url: 'u', replaces: 'b' }, 'b');
    expect(takenNames(endpoints, changes(), null)).toEqual(new Set(['c', 'd']));
    expect(takenNames(endpoints, changes(), changes()[1]?.key ?? null)).toEqual(new Set(['b', 'c']));
  });
});

describe('tests of connections', () => {
  it('run few at a time, in their order; one nobody waits for is not run', async () => {
    const queue = new TestQueue(2);
    const started: string[] = [];
    const ends = new Map<string, () => void>();
    const ask = (name: string, signal = new AbortController().signal): Promise<string | null> =>
      queue.run(
        () =>
          new Promise<string>((resolve) => {
            started.push(name);
            ends.set(name, () => resolve(name));
          }),
        signal,
      );
    const given = new AbortController();
    const answers = [ask('a'), ask('b'), ask('c', given.signal), ask('d')];
    await Promise.resolve();
    expect(started).toEqual(['a', 'b']);
    given.abort();
    expect(await answers[2]).toBeNull();
    ends.get('b')?.();
    expect(await answers[1]).toBe('b');
    await expect.poll(() => started).toEqual(['a', 'b', 'd']);
    ends.get('a')?.();
    ends.get('d')?.();
    expect(await Promise.all(answers)).toEqual(['a', 'b', null, 'd']);
  });

  it('give no answer to what is not asked any more, and go on after a failure', async () => {
    const queue = new TestQueue(1);
    const given = new AbortController();
    let end = (): void => undefined;
    const late = queue.run(() => new Promise<string>((resolve) => (end = () => resolve('late'))), given.signal);
    await Promise.resolve();
    given.abort();
    end();
    expect(await late).toBeNull();
    const { signal } = new AbortController();
    await expect(queue.run(() => Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(await queue.run(() => Promise.resolve('yes'), signal)).toBe('yes');
  });
});

it('lines to connect with are made for every kind of client', () => {
  const lines = [
    { endpoint: 'a', label: 'psql to a', text: 'psql "host=127.0.0.1"' },
    { endpoint: 'a', label: 'URL of a', text: "postgresql://o'me@127.0.0.1:6432/a/app?sslmode=require" },
    { endpoint: 'b', label: 'URL of b', text: 'postgresql://127.0.0.1:6432/b/app' },
  ];
  expect((['psql', 'url', 'node', 'python', 'jdbc'] as const).map((kind) => clientLine(lines, 'a', kind))).toEqual([
    'psql "host=127.0.0.1"',
    "postgresql://o'me@127.0.0.1:6432/a/app?sslmode=require",
    "new pg.Client({ connectionString: 'postgresql://o\\'me@127.0.0.1:6432/a/app?sslmode=require' })",
    'psycopg.connect("postgresql://o\'me@127.0.0.1:6432/a/app?sslmode=require")',
    "jdbc:postgresql://127.0.0.1:6432/a/app?user=o'me&sslmode=require",
  ]);
  expect(clientLine(lines, 'b', 'jdbc')).toBe('jdbc:postgresql://127.0.0.1:6432/b/app');
  expect(clientLine(lines, 'c', 'jdbc')).toBeNull();
});
