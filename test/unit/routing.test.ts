import { describe, expect, it } from 'vitest';
import { EndpointMap } from '../../core/endpoints/map.ts';
import { route } from '../../core/proxy/routing.ts';
import { endpointInOptions } from '../../core/proxy/routing-options.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';

type Client = Parameters<typeof route>[0];

function client(parameters: Record<string, string>, rest: Partial<Client> = {}): Client {
  return { parameters: new Map(Object.entries(parameters)), serverName: null, listenerEndpoint: null, ...rest };
}

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
    ['project=ep-a', 'ep-a', ''],
    ['--cluster=ep-a -c a=b', 'ep-a', '-c a=b'],
    ['-ccluster=ep-a', 'ep-a', ''],
    ['-c cluster_name=x', null, '-c cluster_name=x'],
    ['-c application_name=a -c endpoint=x', 'x', '-c application_name=a'],
    ['  -c   a=b  ', null, '  -c   a=b  '],
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
    tls: PREFER_TLS,
  });
  const map = new EndpointMap([spec('ep-a'), spec('ep-b', 'other')]);
  const go = (
    parameters: Record<string, string>,
    unknown: 'default' | 'refuse' = 'refuse',
  ): { id: string; database: string; by: string } => {
    const { spec: found, database, routedBy } = route(client({ user: 'me', ...parameters }), map, unknown);
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
      'the options name endpoint "ep-b", the database name ("ep-a/x") names endpoint "ep-a"',
    );
    expect(() => go({ options: 'endpoint=ep-a endpoint=ep-b' })).toThrow('two endpoints');
    expect(() => route(client({ user: 'me' }), new EndpointMap(), 'default')).toThrow('there is no endpoint');
  });

  it('passes on everything but what it was made of', () => {
    const { startup } = route(
      client({ user: 'me', database: 'ep-a/x', options: 'endpoint=ep-a -c a.b=1', TimeZone: 'UTC', '_pq_.x': '1' }),
      map,
      'refuse',
    );
    expect([...startup]).toEqual([
      ['options', '-c a.b=1'],
      ['TimeZone', 'UTC'],
    ]);
  });

  const routed = (rest: Partial<Client>, parameters: Record<string, string> = {}, unknown: 'default' | 'refuse' = 'refuse'): unknown => {
    const { spec: found, database, routedBy, requestedEndpoint } = route(client({ user: 'me', ...parameters }, rest), map, unknown);
    return [found.id, database, routedBy, requestedEndpoint];
  };

  it('by the TLS server name, where that can be meant', () => {
    expect(routed({ serverName: 'ep-b.localhost' })).toEqual(['ep-b', 'other', 'sni', 'ep-b']);
    expect(routed({ serverName: 'EP-B.Example.com' })).toEqual(['ep-b', 'other', 'sni', 'ep-b']);
    for (const serverName of ['localhost', 'db.example.com', 'ep-b', '', 'ep b.localhost']) {
      expect(routed({ serverName }), serverName).toEqual(['ep-a', 'main', 'default', null]);
    }
    expect(() => routed({ serverName: 'ep-c.localhost' })).toThrow('endpoint "ep-c" does not exist');
    expect(routed({ serverName: 'ep-c.localhost' }, {}, 'default')).toEqual(['ep-a', 'main', 'fallback', 'ep-c']);
  });

  it('by the port', () => {
    expect(routed({ listenerEndpoint: 'ep-b' }, { database: 'x' })).toEqual(['ep-b', 'x', 'listener', 'ep-b']);
    expect(routed({ listenerEndpoint: 'ep-b' }, { database: 'a/b' })).toEqual(['ep-b', 'a/b', 'listener', 'ep-b']);
    expect(routed({ listenerEndpoint: 'ep-b' }, { database: 'ep-b/x' })).toEqual(['ep-b', 'x', 'database', 'ep-b']);
  });

  it('refuses two that disagree, and names both with what they say', () => {
    const places = {
      options: { parameters: { options: '--endpoint=ep-a' }, says: 'the options name endpoint "ep-a"' },
      database: { parameters: { database: 'ep-b/x' }, says: 'the database name ("ep-b/x") names endpoint "ep-b"' },
      sni: { rest: { serverName: 'ep-c.localhost' }, says: 'the TLS server name "ep-c.localhost" names endpoint "ep-c"' },
      listener: { rest: { listenerEndpoint: 'ep-d' }, says: 'this port belongs to endpoint "ep-d"' },
    };
    const names = ['options', 'database', 'sni', 'listener'] as const;
    for (const a of names) {
      for (const b of names.slice(names.indexOf(a) + 1)) {
        const both = [places[a], places[b]];
        const parameters = Object.assign({}, ...both.map((each) => ('parameters' in each ? each.parameters : {}))) as Record<
          string,
          string
        >;
        const rest = Object.assign({}, ...both.map((each) => ('rest' in each ? each.rest : {}))) as Partial<Client>;
        expect(() => routed(rest, parameters), `${a} and ${b}`).toThrow(`${places[a].says}, ${places[b].says}`);
      }
    }
    expect(() => routed({}, { options: 'project=ep-a endpoint=ep-b' })).toThrow('two endpoints, "project=ep-a" and "endpoint=ep-b"');
    expect(routed({ serverName: 'ep-b.localhost', listenerEndpoint: 'ep-b' }, { options: 'endpoint=ep-b', database: 'ep-b/x' })).toEqual([
      'ep-b',
      'x',
      'options',
      'ep-b',
    ]);
  });
});
