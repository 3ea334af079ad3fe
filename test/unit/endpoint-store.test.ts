import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { dispatch, settings, type CallRequest } from '../../core/contract/index.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { openKeychain } from '../../main/desktop/keychain.ts';
import { endpointsToStartWith } from '../../main/endpoint-store.ts';
import { createHost, type Host } from '../../main/host.ts';
import { openSettings, UnusableSettings } from '../../main/settings-store.ts';
import { safeStorage } from '../fakes/electron.ts';

let folder: string;
let settingsFile: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'switchyard-endpoints-'));
  settingsFile = path.join(folder, 'settings.json');
  file = path.join(folder, 'endpoints.json');
  Object.assign(safeStorage, { available: true, backend: 'gnome_libsecret', key: 0x5a, encryptions: 0 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const nothingSaid = { endpoints: [], defaultEndpoint: null, demoAsked: false };
const given = [{ id: 'given', ...parseBackendUrl('postgresql://me@127.0.0.1:1/app') }];

/** A host as a shell starts it, with a keychain or without. */
async function start(keychain: boolean, words = nothingSaid): Promise<{ host: Host; log: ReturnType<typeof vi.fn> }> {
  const log = vi.fn();
  const from = endpointsToStartWith(settingsFile, words);
  const host = createHost({
    version: '1.2.3',
    listen: { host: '127.0.0.1', port: 0 },
    settings: { settings: settings.parse({}), file: openSettings(settingsFile).file },
    folder,
    poolSize: null,
    allowOlderServer: false,
    workload: false,
    ...from,
    // What would start is looked at, not the servers.
    demo: false,
    endpointsFile: from.file,
    ...(keychain ? { openSecrets: () => openKeychain(path.join(folder, 'secrets.json'), log) } : {}),
    log,
  });
  onTestFinished(() => host.stop());
  await host.start();
  return { host, log };
}

async function save(host: Host, request: CallRequest<'endpoints.save'>): Promise<void> {
  expect(await dispatch(host.handlers, 'endpoints.save', request, () => undefined)).toMatchObject({ ok: true });
}

async function mapped(host: Host): Promise<[string, boolean][]> {
  return (await host.handlers.snapshot({})).endpoints.map(({ id, passwordSet }) => [id, passwordSet]);
}

describe('endpoints mapped in the window', () => {
  it('are there at the next start, their passwords from the keychain and nowhere in clear', async () => {
    const first = await start(true);
    expect((await first.host.handlers.snapshot({})).host.passwords).toEqual({ kept: 'keychain', reason: null });
    await save(first.host, { id: 'a', url: 'postgresql://me:sesame@127.0.0.1:1/app' });
    await save(first.host, { id: 'b', url: 'postgresql://127.0.0.1:2/x', makeDefault: true });
    await first.host.stop();
    for (const name of ['endpoints.json', 'secrets.json']) {
      expect(readFileSync(path.join(folder, name), 'utf8')).not.toMatch(/sesame|c2VzYW1l/);
      expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
    }
    expect(endpointsToStartWith(settingsFile, nothingSaid)).toMatchObject({ demo: false, defaultEndpoint: 'b' });

    const second = await start(true);
    expect(await mapped(second.host)).toEqual([
      ['a', true],
      ['b', false],
    ]);
    expect((await second.host.handlers.snapshot({})).host.defaultEndpoint).toBe('b');
    // Its colour came back, too: both lines were seen, in their order.
    expect((await second.host.handlers.snapshot({})).endpoints.map(({ color }) => color)).toEqual([0, 1]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ colors: { '127.0.0.1:1': 0, '127.0.0.1:2': 1 } });
    // Untouched, a secret is not encrypted again; a removed one goes.
    await save(second.host, { id: 'c', url: 'postgresql://127.0.0.1:3/x' });
    expect(safeStorage.encryptions).toBe(1);
    await second.host.handlers['endpoints.remove']({ id: 'a' });
    expect(JSON.parse(readFileSync(path.join(folder, 'secrets.json'), 'utf8'))).toEqual({});
    expect(first.log).not.toHaveBeenCalled();
    expect(second.log).not.toHaveBeenCalled();
  });

  it('a password goes to the server and role it was given for, and to no other', async () => {
    const { host } = await start(true);
    await save(host, { id: 'a', url: 'postgresql://me:sesame@127.0.0.1:1/app' });
    await host.stop();
    writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:1', '127.0.0.1:9'));
    expect(await mapped((await start(true)).host)).toEqual([['a', false]]);
  });

  it.each([
    ['there is none', { available: false }, 'this system offers no keychain'],
    ['it would protect nothing', { backend: 'basic_text' }, 'this desktop has no keychain (GNOME Keyring or KWallet)'],
  ])('without a keychain passwords stay in memory: %s', async (_what, is, reason) => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('linux');
    onTestFinished(() => void vi.restoreAllMocks());
    Object.assign(safeStorage, is);
    const { host } = await start(true);
    expect((await host.handlers.snapshot({})).host.passwords).toEqual({ kept: 'memory', reason });
    await save(host, { id: 'a', url: 'postgresql://me:sesame@127.0.0.1:1/app' });
    expect(await mapped(host)).toEqual([['a', true]]);
    await host.stop();
    expect(await mapped((await start(true)).host)).toEqual([['a', false]]);
  });

  it('what a keychain made anew cannot read is asked for again, and stays until then', async () => {
    const first = await start(true);
    await save(first.host, { id: 'a', url: 'postgresql://me:sesame@127.0.0.1:1/app' });
    await first.host.stop();
    safeStorage.key = 0x33;
    const second = await start(true);
    expect(await mapped(second.host)).toEqual([['a', false]]);
    expect(String(second.log.mock.calls[0]?.[0])).toMatch(/kept for me@127\.0\.0\.1:1 cannot be decrypted/);
    await save(second.host, { id: 'b', url: 'postgresql://127.0.0.1:2/x' });
    await second.host.stop();
    safeStorage.key = 0x5a;
    expect(await mapped((await start(true)).host)).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('say so when they cannot be kept, and hold nonetheless', async () => {
    const { host } = await start(false);
    await save(host, { id: 'a', url: 'postgresql://127.0.0.1:1/app' });
    writeFileSync(file, 'somebody was here');
    await save(host, { id: 'b', url: 'postgresql://127.0.0.1:2/app' });
    expect(await mapped(host)).toEqual([
      ['a', false],
      ['b', false],
    ]);
    const { log } = await host.handlers.snapshot({});
    expect(log.find(({ code }) => code === 'endpoints_not_kept')?.message).toContain(`${file} has been changed since it was read`);
    expect(readFileSync(file, 'utf8')).toBe('somebody was here');
  });
});

describe('what to start with', () => {
  it('the command line comes first, and is not kept', async () => {
    const { host } = await start(false);
    await save(host, { id: 'kept', url: 'postgresql://127.0.0.1:1/app' });
    await host.stop();
    const before = readFileSync(file, 'utf8');
    const other = await start(true, { ...nothingSaid, endpoints: given } as typeof nothingSaid);
    expect((await other.host.handlers.snapshot({})).host.passwords).toEqual({
      kept: 'memory',
      reason: 'the endpoints of this run are not kept',
    });
    await save(other.host, { id: 'more', url: 'postgresql://127.0.0.1:2/app' });
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(endpointsToStartWith(settingsFile, { ...nothingSaid, demoAsked: true })).toMatchObject({
      demo: true,
      endpoints: [],
      file: null,
    });
    expect(endpointsToStartWith(null, nothingSaid)).toMatchObject({ demo: true, endpoints: [], file: null });
    expect(endpointsToStartWith(settingsFile, nothingSaid)).toMatchObject({ demo: false, endpoints: [{ id: 'kept' }] });
  });

  it('a default that is not in the map is refused', () => {
    expect(() => endpointsToStartWith(null, { ...nothingSaid, endpoints: given, defaultEndpoint: 'b' })).toThrow(
      /not in the map \(given\)/,
    );
    expect(() => endpointsToStartWith(null, { ...nothingSaid, defaultEndpoint: 'b' })).toThrow(/not in the map \(ep-a, ep-b\)/);
  });

  it.each([
    ['is no JSON', '{"postgresql://me:sesame@h', /it is not JSON/],
    ['has a password', { endpoints: [{ id: 'a', url: 'postgresql://me:sesame@h/d' }] }, /"a": a password does not belong in it/],
    ['has a bad URL', { endpoints: [{ id: 'a', url: 'mysql://me:sesame@h/d' }] }, /"a": A backend URL begins with/],
    ['names one twice', { endpoints: ['a', 'a'].map((id) => ({ id, url: 'postgresql://h/d' })) }, /there twice/],
    ['has unknown words', { endpoint: [] }, /Unrecognized key/],
  ])('a file that %s is refused in words, without its secrets', (_what, content, message) => {
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    const open = (): unknown => endpointsToStartWith(settingsFile, nothingSaid);
    expect(open).toThrow(UnusableSettings);
    expect(open).toThrow(message);
    expect(open).not.toThrow(/sesame/);
  });
});
