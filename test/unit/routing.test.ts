import { describe, expect, it } from 'vitest';
import { EndpointMap } from '../../core/endpoints/map.ts';
import { endpointInOptions, route } from '../../core/proxy/routing.ts';

describe('endpoint words in the options', () => {
  it.each([
    ['endpoint=ep-a', 'ep-a', ''],
    ['-c endpoint=ep-a', 'ep-a', ''],
    ['-cendpoint=ep-a', 'ep-a', ''],
    ['--endpoint=ep-a', 'ep-a', ''],
    ['-c work_mem=1MB endpoint=ep-a -c x.y=a\\ b', 'ep-a', '-c work_mem=1MB -c x.y=a\\ b'],
    ['-c endpoint=ep-a --geqo=off', 'ep-a', '--geqo=off'],
    ['  endpoint=ep-a\t-cx.y=\\\\z ', 'ep-a', '-cx.y=\\\\z'],
    ['endpoint=ep\\-a', 'ep-a', ''],
    ['endpoint=ep-a --endpoint=ep-a', 'ep-a', ''],
    ['-c my.endpoint=x', null, '-c my.endpoint=x'],
    ['-c search_path=endpoint=x', null, '-c search_path=endpoint=x'],
    ['-c -c endpoint=x', 'x', '-c'],
    ['', null, ''],
    ['-c x.y=a\u00a0b', null, '-c x.y=a\u00a0b'],
    ['-c x.y=a\u00a0b endpoint=e', 'e', '-c x.y=a\u00a0b'],
  ])('of %j', (options, id, rest) => {
    expect(endpointInOptions(options)).toEqual({ id, rest });
  });
});

describe('a route', () => {
  const spec = (id: string, database = 'main'): Parameters<EndpointMap['set']>[0] => ({
    id,
    host: 'h',
    port: 1,
    database,
    user: '',
    password: null,
  });
  const map = new EndpointMap([spec('ep-a'), spec('ep-b', 'other')]);
  const go = (
    parameters: Record<string, string>,
    unknown: 'default' | 'refuse' = 'refuse',
  ): { id: string; database: string; by: string } => {
    const { spec: found, database, routedBy } = route(new Map(Object.entries({ user: 'me', ...parameters })), map, unknown);
    return { id: found.id, database, by: routedBy };
  };

  it('names endpoint and database', () => {
    expect(go({})).toEqual({ id: 'ep-a', database: 'main', by: 'default' });
    expect(go({ database: 'x' })).toEqual({ id: 'ep-a', database: 'x', by: 'default' });
    expect(go({ database: 'ep-b/x' })).toEqual({ id: 'ep-b', database: 'x', by: 'database' });
    expect(go({ database: 'ep-b/' })).toEqual({ id: 'ep-b', database: 'other', by: 'database' });
    expect(go({ options: 'endpoint=ep-b', database: 'x' })).toEqual({ id: 'ep-b', database: 'x', by: 'options' });
    expect(go({ options: 'endpoint=ep-b', database: 'a/b' })).toEqual({ id: 'ep-b', database: 'a/b', by: 'options' });
    expect(go({ database: 'ep-c/x' }, 'default')).toEqual({ id: 'ep-a', database: 'x', by: 'fallback' });
  });

  it('refuses what it cannot decide', () => {
    expect(() => go({ database: 'ep-c/x' })).toThrow('endpoint "ep-c" does not exist');
    expect(() => go({ database: 'ep-a/x', options: 'endpoint=ep-b' })).toThrow(
      'the options name endpoint "ep-b", the database name endpoint "ep-a"',
    );
    expect(() => go({ options: 'endpoint=ep-a endpoint=ep-b' })).toThrow('two endpoints');
    expect(() => route(new Map([['user', 'me']]), new EndpointMap(), 'default')).toThrow('there is no endpoint');
  });

  it('passes on everything but what it was made of', () => {
    const { startup } = route(
      new Map([
        ['user', 'me'],
        ['database', 'ep-a/x'],
        ['options', 'endpoint=ep-a -c a.b=1'],
        ['TimeZone', 'UTC'],
        ['_pq_.x', '1'],
      ]),
      map,
      'refuse',
    );
    expect([...startup]).toEqual([
      ['options', '-c a.b=1'],
      ['TimeZone', 'UTC'],
    ]);
  });
});
