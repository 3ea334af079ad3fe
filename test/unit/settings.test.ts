import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settings, type Settings, type SettingsInput } from '../../core/contract/index.ts';
import { ServedSettings, type SettingsContext } from '../../core/facade/settings.ts';
import { openSettings, settingsToStartWith, UnusableSettings, type SettingsWords } from '../../main/settings-store.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'switchyard-settings-'));
  file = path.join(folder, 'deep', 'settings.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const defaults = settings.parse({});
const write = (what: unknown): string => {
  const place = path.join(folder, 'settings.json');
  writeFileSync(place, typeof what === 'string' ? what : JSON.stringify(what));
  return place;
};

describe('the settings file', () => {
  it('is made when it is missing, for its owner only, and read again', async () => {
    const opened = openSettings(file);
    expect(opened.settings).toEqual(defaults);
    expect(existsSync(file)).toBe(false);
    const next: Settings = { ...defaults, unknownEndpoint: 'refuse', listeners: [{ endpoint: 'ep-a', port: 7001 }] };
    await opened.file.save(next);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(openSettings(file).settings).toEqual(next);
    await opened.file.save(defaults);
    expect(openSettings(file).settings).toEqual(defaults);
    expect(readdirSync(path.dirname(file))).toEqual(['settings.json']);
  });

  it.each<[string, unknown, RegExp]>([
    ['is no JSON', '{"tls": ', /are not JSON/],
    ['has an unknown word', { tsl: {} }, /"tsl": there is no such setting \(known here: tls, authentication, /],
    ['has an unknown word inside', { limits: { client: 1 } }, /"limits\.client": .*\(known here: clients, clientsPerEndpoint, /],
    ['has a wrong value', { times: { login: 'soon' } }, /times\.login: /],
    ['is no object', [], /the whole file: /],
  ])('that %s is refused with the place, and left as it is', (_what, content, message) => {
    const place = write(content);
    const before = readFileSync(place, 'utf8');
    expect(() => openSettings(place)).toThrow(UnusableSettings);
    expect(() => openSettings(place)).toThrow(message);
    expect(() => openSettings(place)).toThrow(place);
    expect(readFileSync(place, 'utf8')).toBe(before);
  });

  it('never repeats a value, which may be a secret', () => {
    const place = write({ authentication: { users: [{ name: 'me', verifier: 'md5sesame', password: 'sesame' }] } });
    expect(() => openSettings(place)).toThrow(/password/);
    try {
      openSettings(place);
    } catch (error) {
      expect(String(error)).not.toContain('sesame');
    }
  });

  it('that somebody has changed meanwhile, or broken, is not overwritten', async () => {
    const place = write({});
    const opened = openSettings(place);
    writeFileSync(place, '{"unknown');
    await expect(opened.file.save(defaults)).rejects.toMatchObject({ code: 'file_changed' });
    expect(readFileSync(place, 'utf8')).toBe('{"unknown');
  });

  it('that cannot be written is an error in words', async () => {
    const opened = openSettings(file);
    writeFileSync(path.dirname(file), 'a file where the folder should be');
    await expect(opened.file.save(defaults)).rejects.toMatchObject({ code: 'file_not_kept' });
  });
});

describe('the command line and the file together', () => {
  const words: SettingsWords = { unknownEndpoint: null, tls: null, auth: null, listen: { host: '127.0.0.1' } };

  it('what the command line says comes first', () => {
    const place = write({ unknownEndpoint: 'refuse', tls: { clients: 'require', certificate: { kind: 'local' } } });
    expect(settingsToStartWith(place, words).settings).toMatchObject({ unknownEndpoint: 'refuse', tls: { clients: 'require' } });
    expect(settingsToStartWith(place, { ...words, unknownEndpoint: 'default', tls: 'off', auth: 'md5' }).settings).toMatchObject({
      unknownEndpoint: 'default',
      tls: { clients: 'off' },
      authentication: { method: 'md5' },
    });
    const pooled = write({ pooling: { mode: 'transaction', size: 7, endpoints: [{ endpoint: 'ep-a', mode: 'session' }] } });
    expect(settingsToStartWith(pooled, words).settings.pooling).toMatchObject({ mode: 'transaction', profile: 'strict' });
    expect(
      settingsToStartWith(pooled, { ...words, poolMode: 'session', poolProfile: 'observe', poolSize: 9 }).settings.pooling,
    ).toMatchObject({
      mode: 'session',
      profile: 'observe',
      size: 9,
      endpoints: [{ endpoint: 'ep-a', mode: 'session', profile: 'strict' }],
    });
    expect(settingsToStartWith(null, words)).toEqual({ settings: defaults, file: null });
  });

  it('TLS that is asked for without a certificate is done with a local one', () => {
    expect(settingsToStartWith(null, { ...words, tls: 'allow' }).settings.tls).toEqual({
      clients: 'allow',
      certificate: { kind: 'local' },
    });
  });

  it('trust beyond loopback is refused', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5', '127.0.0.1.example.com']) {
      expect(() => settingsToStartWith(null, { ...words, listen: { host } }), host).toThrow(/cannot be trusted on/);
      expect(() => settingsToStartWith(null, { ...words, listen: { host }, auth: 'scram-sha-256' })).not.toThrow();
    }
    for (const host of ['127.1.2.3', '::1', 'localhost']) settingsToStartWith(null, { ...words, listen: { host } });
  });
});

describe('settings at work', () => {
  const applied: Settings[] = [];
  const kept: Settings[] = [];
  const serve = (input: SettingsInput = {}, context: Partial<SettingsContext> = {}): ServedSettings => {
    applied.length = kept.length = 0;
    return new ServedSettings(input, {
      host: '127.0.0.1',
      isEndpoint: () => true,
      file: {
        path: '/settings.json',
        save: (next) => {
          kept.push(next);
          return Promise.resolve();
        },
        load: () => Promise.reject(new Error('not asked for')),
      },
      makeLocalAuthority: () => Promise.resolve({ authorityFile: '/ca.pem', certificateFile: '/cert.pem', keyFile: '/key.pem' }),
      listeners: () => [],
      apply: (next) => {
        applied.push(next);
        return Promise.resolve([]);
      },
      ...context,
    });
  };

  it('users have a verifier, which nobody sees, and are kept when the rest is saved', async () => {
    const served = serve();
    const added = await served.handlers['users.save']({ name: 'me', password: 'sesame' });
    expect(added.settings.authentication.users).toEqual([{ name: 'me' }]);
    expect(JSON.stringify(added)).not.toMatch(/SCRAM|sesame/);
    const verifier = served.current.authentication.users[0]?.verifier;
    expect(verifier).toMatch(/^SCRAM-SHA-256\$4096:/);
    const { authentication, ...rest } = defaults;
    await served.handlers['settings.save']({
      ...rest,
      unknownEndpoint: 'refuse',
      authentication: { method: 'scram-sha-256', verifiersFrom: null },
    });
    expect(served.current).toMatchObject({
      unknownEndpoint: 'refuse',
      authentication: { method: 'scram-sha-256', users: [{ name: 'me', verifier }] },
    });
    await served.handlers['users.save']({ name: 'me', password: 'other' });
    expect(served.current.authentication.users).toHaveLength(1);
    expect(served.current.authentication.users[0]?.verifier).not.toBe(verifier);
    await served.handlers['users.remove']({ name: 'me' });
    await expect(served.handlers['users.remove']({ name: 'me' })).rejects.toMatchObject({ code: 'unknown_user' });
    expect(served.current.authentication.users).toEqual(authentication.users);
    expect(kept).toEqual(applied);
    expect(kept).toHaveLength(4);
  });

  it('a local certificate is one call, and shows what clients need', async () => {
    const served = serve();
    expect(await served.handlers['tls.makeLocal']({})).toMatchObject({
      authorityFile: '/ca.pem',
      settings: { tls: { clients: 'allow', certificate: { kind: 'local' } } },
    });
    const without = serve({}, { makeLocalAuthority: null });
    await expect(without.handlers['tls.makeLocal']({})).rejects.toMatchObject({ code: 'no_folder' });
    expect(without.current).toEqual(defaults);
  });

  it('what cannot be kept is not put to work; what must not be served is neither', async () => {
    const full = (): Promise<never> => Promise.reject(new Error('disk full'));
    const broken = serve({}, { file: { path: '/x', save: full, load: full } });
    await expect(broken.handlers['tls.makeLocal']({})).rejects.toThrow('disk full');
    expect(broken.current).toEqual(defaults);
    expect(() => serve({}, { host: '0.0.0.0' })).toThrow(/cannot be trusted/);
    const open = serve({ authentication: { method: 'md5' } }, { host: '0.0.0.0' });
    const { authentication: _authentication, ...rest } = defaults;
    await expect(
      open.handlers['settings.save']({ ...rest, authentication: { method: 'trust', verifiersFrom: null } }),
    ).rejects.toMatchObject({
      code: 'trust_beyond_loopback',
    });
    await expect(open.apply({})).rejects.toMatchObject({ code: 'trust_beyond_loopback' });
    expect(applied).toEqual([]);
  });

  it('what could not be put to work is shown, without a certificate the proxy still starts', async () => {
    const served = serve(
      { tls: { clients: 'allow', certificate: { kind: 'local' } } },
      { makeLocalAuthority: () => Promise.reject(new Error('read-only')), apply: () => Promise.resolve(['and more']) },
    );
    await served.start();
    expect(served.view().problems).toEqual(['The local certificate cannot be used: read-only', 'and more']);
  });
});
