import { describe, expect, it } from 'vitest';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { parseCommandLine, usage, UsageError, type CommandLine } from '../../main/cli/args.ts';

function run(...words: string[]): CommandLine {
  const invocation = parseCommandLine(words);
  if (invocation.action !== 'run') throw new Error(`not run but ${invocation.action}`);
  return invocation.options;
}

describe('the command line', () => {
  it('without words: port 6432, a free port for the window', () => {
    expect(run()).toEqual({
      headless: false,
      json: false,
      demoAsked: false,
      workload: false,
      listen: { host: '127.0.0.1', port: 6432 },
      ui: { host: '127.0.0.1', port: 0 },
      endpoints: [],
      defaultEndpoint: null,
      settingsFile: null,
      unknownEndpoint: null,
      tls: null,
      auth: null,
      poolMode: null,
      poolProfile: null,
      poolSize: null,
      allowOlderServer: false,
      open: null,
    });
  });

  it('reads what scripts write', () => {
    expect(run('--headless', '--json', '--demo', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0')).toMatchObject({
      headless: true,
      json: true,
      demoAsked: true,
      listen: { host: '127.0.0.1', port: 0 },
    });
  });

  it('--json means headless', () => expect(run('--json').headless).toBe(true));

  it('reads a map, and then leaves the demo alone', () => {
    const options = run(
      '--endpoint-map=ep-a=postgresql://me:secret@127.0.0.1:5433/app,ep-b=postgresql://127.0.0.1/x',
      '--default-endpoint',
      'ep-b',
    );
    expect(options.defaultEndpoint).toBe('ep-b');
    expect(options.endpoints).toEqual([
      { id: 'ep-a', host: '127.0.0.1', port: 5433, database: 'app', user: 'me', password: 'secret', tls: PREFER_TLS },
      { id: 'ep-b', host: '127.0.0.1', port: 5432, database: 'x', user: '', password: null, tls: PREFER_TLS },
    ]);
  });

  it('reads the rest', () => {
    expect(run('--pool-size', '7', '--unknown-endpoint', 'refuse', '--workload', '--no-open', '--default-endpoint', 'ep-a')).toMatchObject({
      poolSize: 7,
      unknownEndpoint: 'refuse',
      workload: true,
      demoAsked: true,
      open: false,
      defaultEndpoint: 'ep-a',
    });
    expect(run('--open').open).toBe(true);
  });

  it.each(['127.0.0.1:0', '127.1.2.3:65535', '[::1]:6432', 'localhost:1', '0.0.0.0:6432', '[::]:1'])('listens on %s', (address) => {
    expect(() => run('--listen', address)).not.toThrow();
  });

  it('help and version win', () => {
    expect(parseCommandLine(['--help', '--demo'])).toEqual({ action: 'help' });
    expect(parseCommandLine(['-h'])).toEqual({ action: 'help' });
    expect(parseCommandLine(['--version'])).toEqual({ action: 'version' });
    expect(usage).toContain('--endpoint-map');
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown option', ['--pool'], /Unknown option '--pool'\. See --help/],
    ['a stray word', ['demo'], /^Unexpected argument 'demo'\. See --help\.$/],
    ['a missing value', ['--listen'], /--listen/],
    ['a negated option', ['--no-demo'], /There is no option --no-demo/],
    ['a value for a switch', ['--demo=yes'], /--demo/],
    ['no port', ['--listen', '127.0.0.1'], /write host:port/],
    ['a port too high', ['--listen', '127.0.0.1:65536'], /write host:port/],
    ['a port that is none', ['--listen', '127.0.0.1:x'], /write host:port/],
    ['brackets around nothing', ['--listen', '[127.0.0.1]:1'], /write host:port/],
    ['the window under a name', ['--ui', 'localhost:0'], /127\.0\.0\.1 only/],
    ['the window on the network', ['--ui', '0.0.0.0:0'], /127\.0\.0\.1 only/],
    ['no pool', ['--pool-size', '0'], /1 to 10000/],
    ['half a pool', ['--pool-size', '1.5'], /1 to 10000/],
    ['a wrong kind of TLS', ['--tls', 'on'], /--tls on: write off, allow or require/],
    ['a wrong authentication', ['--auth', 'ldap'], /trust, scram-sha-256, md5 or password/],
    ['a settings file without a name', ['--settings='], /name of a file/],
    ['a wrong choice', ['--unknown-endpoint', 'ask'], /default or refuse/],
    ['demo and map', ['--demo', '--endpoint-map', 'a=postgresql://h/d'], /exclude each other/],
    ['workload and map', ['--workload', '--endpoint-map', 'a=postgresql://h/d'], /belongs to the demo/],
    ['an empty map', ['--endpoint-map', ''], /empty/],
    ['a map without names', ['--endpoint-map', 'postgresql://h/d'], /--endpoint-map: Entry 1/],
  ])('refuses %s', (_what, words, message) => {
    expect(() => parseCommandLine(words)).toThrow(UsageError);
    expect(() => parseCommandLine(words)).toThrow(message);
  });

  it('never repeats a password', () => {
    expect.assertions(1);
    try {
      run('--endpoint-map', 'a=postgresql://me:sesame@h:99999/d');
    } catch (error) {
      expect(String(error)).not.toContain('sesame');
    }
  });
});
