import { describe, expect, it } from 'vitest';
import { CallError } from '../../core/contract/index.ts';
import {
  backendId,
  dialAddress,
  EndpointMap,
  formatBackendUrl,
  parseBackendUrl,
  parseEndpointMap,
  type EndpointChange,
} from '../../core/endpoints/map.ts';
import { PREFER_TLS, tlsKey } from '../../core/tls/backend-tls.ts';

function failure(run: () => unknown): CallError {
  try {
    run();
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
  throw new Error('expected a CallError');
}

describe('parseBackendUrl', () => {
  it.each([
    ['postgresql://me:pw@db.local:6000/app', { host: 'db.local', port: 6000, database: 'app', user: 'me', password: 'pw' }],
    ['postgres://127.0.0.1', { host: '127.0.0.1', port: 5432, database: 'postgres', user: '', password: null }],
    ['postgresql://me@localhost', { host: 'localhost', port: 5432, database: 'me', user: 'me', password: null }],
    ['postgresql:///app', { host: 'localhost', port: 5432, database: 'app', user: '', password: null }],
    ['postgresql://me@[::1]:5433/app', { host: '::1', port: 5433, database: 'app', user: 'me', password: null }],
    ['postgresql://m%40e:p%2Fw%3A%25%2C@h/a%2Fb%2Cc', { host: 'h', port: 5432, database: 'a/b,c', user: 'm@e', password: 'p/w:%,' }],
    ['postgresql://h/%252C', { host: 'h', port: 5432, database: '%2C', user: '', password: null }],
    ['postgresql://me:p w@h/my db', { host: 'h', port: 5432, database: 'my db', user: 'me', password: 'p w' }],
    [
      'postgresql://h/app?sslmode=disable',
      { host: 'h', port: 5432, database: 'app', user: '', password: null, tls: { ...PREFER_TLS, mode: 'disable' } },
    ],
    ['postgresql://h/?user=u&password=p%26w&dbname=d&port=7', { host: 'h', port: 7, database: 'd', user: 'u', password: 'p&w' }],
    [
      'postgresql://me@%2Fvar%2Frun%2Fpostgresql/app',
      { host: '/var/run/postgresql', port: 5432, database: 'app', user: 'me', password: null },
    ],
    ['postgresql:///app?host=/tmp', { host: '/tmp', port: 5432, database: 'app', user: '', password: null }],
    ['postgresql://me@h/d?sslmode=prefer&application_name=x', { host: 'h', port: 5432, database: 'd', user: 'me', password: null }],
  ])('reads %s', (url, expected) => {
    expect(parseBackendUrl(url)).toEqual({ tls: PREFER_TLS, ...expected });
  });

  it.each([
    ['mysql://h/d', 'invalid_url', /begins with postgresql/],
    ['/tmp/socket db', 'invalid_url', /begins with postgresql/],
    ['postgresql://h:99999/d', 'invalid_url', /./],
    ['postgresql://h:0/d', 'invalid_url', /port/],
    ['postgresql://h/d?port=abc', 'invalid_url', /"abc" is not a port/],
    ['postgresql://h/100%', 'invalid_url', /%/],
    ['postgresql://h1,h2/d', 'invalid_url', /several hosts/],
    ['postgresql://h/d?sslmode=on', 'invalid_url', /"on" is not an sslmode/],
    ['postgresql://h/d?sslmode=VERIFY-FULL', 'invalid_url', /is not an sslmode/],
    ['postgresql://h/d?sslmode=require&sslrootcert=system', 'invalid_url', /may not be used with sslrootcert=system/],
    ['postgresql://h/d?sslcert=/c.pem', 'invalid_url', /sslcert without sslkey/],
    ['postgresql://h/d?sslkey=/k.pem', 'invalid_url', /sslkey without sslcert/],
    ['postgresql://h/d?sslnegotiation=direct', 'invalid_url', /sslmode=prefer may not be used with sslnegotiation=direct/],
    ['postgresql://h/d?sslmode=require&sslnegotiation=later', 'invalid_url', /is not an sslnegotiation/],
    ['postgresql://h/d?channel_binding=yes', 'invalid_url', /is not a channel_binding/],
    ['postgresql://h/d?sslcrl=/x', 'invalid_url', /"sslcrl" is not supported/],
    ['postgresql://h/d?sslpassword=hunter2', 'invalid_url', /"sslpassword" is not supported/],
    ['postgresql://h/d?sslmode=verify-ca&sslrootcert=/a%00b', 'invalid_url', /zero byte/],
    ['postgresql://h/a%00b', 'invalid_url', /zero byte/],
    ['postgresql://h/%ff', 'invalid_url', /./],
  ])('refuses %s', (url, code, message) => {
    const error = failure(() => parseBackendUrl(url));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('never repeats a password in an error', () => {
    for (const url of [
      'postgresql://me:hunter2@h:99999/d',
      'postgresql://me:hunter2@h/d?sslmode=on',
      'postgresql://h/d?sslmode=require&sslpassword=hunter2',
      'postgresql://me:hunter2@a b:/%',
    ]) {
      const error = failure(() => parseBackendUrl(url));
      expect(`${error.message} ${error.hint}`).not.toContain('hunter2');
    }
  });
});

describe('encryption in a backend URL', () => {
  const tlsIn = (query: string) => parseBackendUrl(`postgresql://h/d?${query}`).tls;

  it('is libpq’s prefer unless it says something', () => {
    expect(parseBackendUrl('postgresql://h/d').tls).toEqual({
      mode: 'prefer',
      rootCert: null,
      cert: null,
      key: null,
      direct: false,
      channelBinding: 'prefer',
    });
    expect(tlsIn('sslmode=prefer&sslrootcert=&sslcert=&sslkey=&sslnegotiation=postgres')).toEqual(PREFER_TLS);
  });
  it.each(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])('knows %s', (mode) => {
    expect(tlsIn(`sslmode=${mode}`).mode).toBe(mode);
  });
  it('names files, in every mode', () => {
    expect(tlsIn('sslmode=verify-ca&sslrootcert=/a%20dir/r&sslcert=c.pem&sslkey=k.pem')).toEqual({
      mode: 'verify-ca',
      rootCert: '/a dir/r',
      cert: 'c.pem',
      key: 'k.pem',
      direct: false,
      channelBinding: 'prefer',
    });
  });
  it('means verify-full by the authorities of the system, as libpq', () => {
    expect(tlsIn('sslrootcert=system')).toEqual({ ...PREFER_TLS, mode: 'verify-full', rootCert: 'system' });
  });
  it('can begin with TLS at once', () => {
    expect(tlsIn('sslmode=require&sslnegotiation=direct').direct).toBe(true);
  });
  it('tells settings apart', () => {
    const keys = [
      '',
      'sslmode=disable',
      'sslmode=require',
      'sslrootcert=/a',
      'sslrootcert=/b',
      'sslcert=/a&sslkey=/b',
      'sslcert=/b&sslkey=/a',
      'sslmode=require&sslnegotiation=direct',
      'channel_binding=require',
    ].map((query) => tlsKey(tlsIn(query)));
    expect(new Set(keys).size).toBe(keys.length);
    expect(tlsKey(tlsIn('sslmode=prefer'))).toBe(keys[0]);
  });
});

describe('formatBackendUrl, backendId, dialAddress', () => {
  it.each([
    'postgresql://h:5432/d?sslmode=disable',
    'postgresql://me@h:5432/d?sslmode=verify-full&sslrootcert=/a%20dir/r%26t.pem&sslcert=/c.pem&sslkey=/k.pem',
    'postgresql://h:5432/d?sslmode=require&channel_binding=require',
    'postgresql://h:5432/d?sslmode=verify-full&sslrootcert=system',
    'postgresql://h:5432/d?sslrootcert=C%3A%5Croot.pem',
    'postgresql://h:5432/d?sslmode=require&sslnegotiation=direct',
    'postgresql://me@db:6000/app',
    'postgresql://h:5432/postgres',
    'postgresql://m%40e@[::1]:5433/a%2Fb',
    'postgresql://%2Ftmp:5432/app',
  ])('round-trips %s', (url) => {
    expect(formatBackendUrl(parseBackendUrl(url))).toBe(url);
  });
  it('leaves the password out', () => {
    expect(formatBackendUrl(parseBackendUrl('postgresql://me:hunter2@h/d'))).toBe('postgresql://me@h:5432/d');
  });
  it('names a backend', () => {
    expect(backendId({ host: 'h', port: 1 })).toBe('h:1');
    expect(backendId({ host: '::1', port: 5432 })).toBe('[::1]:5432');
  });
  it('dials TCP or the socket file', () => {
    expect(dialAddress({ host: '::1', port: 5432 })).toEqual({ host: '::1', port: 5432 });
    expect(dialAddress({ host: '/tmp/', port: 5433 })).toEqual({ path: '/tmp/.s.PGSQL.5433' });
  });
});

describe('parseEndpointMap', () => {
  it('reads the flag of the second seed', () => {
    const specs = parseEndpointMap('ep-a=postgresql://me@127.0.0.1:5433/postgres, ep-b=postgresql://u:a%2Cb=c@h:5434/db?sslmode=disable,');
    expect(specs.map((spec) => [spec.id, spec.port, spec.password])).toEqual([
      ['ep-a', 5433, null],
      ['ep-b', 5434, 'a,b=c'],
    ]);
  });
  it('is empty for an empty text', () => expect(parseEndpointMap(' ')).toEqual([]));
  it.each([
    ['ep-a=postgresql://h,postgresql://u:hunter2@h2', 'invalid_map', 'Entry 2 of'],
    ['ep-a=postgresql://h,nonsense', 'invalid_map', 'Entry 2 of'],
    ['ep-a=postgresql://h,ep-a=postgresql://h', 'invalid_map', 'Entry 2 ("ep-a")'],
    ['ep-a=postgresql://h,ep-b=http://u:hunter2@h', 'invalid_url', 'Entry 2 ("ep-b")'],
    ['ep a=postgresql://h', 'invalid_endpoint_id', 'Entry 1 ("ep a")'],
    ['a=postgresql://h,,b=postgresql://h', 'invalid_map', 'Entry 2 of'],
  ])('refuses %s', (text, code, place) => {
    const error = failure(() => parseEndpointMap(text));
    expect(error.code).toBe(code);
    expect(error.message).toContain(place);
    expect(error.message).not.toContain('hunter2');
  });
});

describe('EndpointMap', () => {
  const make = () => new EndpointMap(parseEndpointMap('ep-a=postgresql://h:1/a,ep-b=postgresql://h:2/b,ep-c=postgresql://h:3/c'));

  it('falls back to the first line as default, and follows deletion and rename', () => {
    const map = make();
    expect(map.defaultId).toBe('ep-a');
    map.setDefault('ep-b');
    map.rename('ep-b', 'ep-x');
    expect(map.defaultId).toBe('ep-x');
    expect(map.list().map((spec) => spec.id)).toEqual(['ep-a', 'ep-x', 'ep-c']);
    map.delete('ep-x');
    expect(map.defaultId).toBe('ep-a');
    expect(new EndpointMap().defaultId).toBeNull();
  });

  it('tells its listener every change, until it is removed', () => {
    const map = make();
    const seen: EndpointChange[] = [];
    const stop = map.onChange((change) => seen.push(change));
    const spec = map.require('ep-a');
    map.set({ ...spec, port: 9 });
    map.rename('ep-a', 'ep-z');
    map.delete('ep-z');
    stop();
    map.setDefault('ep-c');
    expect(seen.map((change) => `${change.kind} ${change.id}`)).toEqual([
      'set ep-a',
      'rename ep-z',
      'default ep-z',
      'delete ep-z',
      'default ep-b',
    ]);
    expect(seen[0]).toMatchObject({ before: { port: 1 }, after: { port: 9 } });
  });

  it('refuses with stable codes', () => {
    const map = make();
    expect(failure(() => map.require('nope'))).toMatchObject({ code: 'unknown_endpoint', hint: 'Known endpoints: ep-a, ep-b, ep-c.' });
    expect(failure(() => map.delete('nope')).code).toBe('unknown_endpoint');
    expect(failure(() => map.setDefault('nope')).code).toBe('unknown_endpoint');
    expect(failure(() => map.rename('ep-a', 'ep-b')).code).toBe('endpoint_exists');
    expect(failure(() => map.rename('ep-a', '-bad-')).code).toBe('invalid_endpoint_id');
    expect(failure(() => map.set({ ...map.require('ep-a'), id: 'a b' })).code).toBe('invalid_endpoint_id');
  });
});
