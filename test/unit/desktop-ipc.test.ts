import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { snapshot } from '../../core/contract/index.ts';
import type { CallResult, Delta } from '../../core/contract/index.ts';
import { answerCalls, pushFrame } from '../../main/desktop/ipc.ts';
import { BrowserWindow, contextBridge, ipcRenderer } from '../fakes/electron.ts';
import { FakeHost } from '../fakes/host.ts';

/** What the page sees, as the preload exposes it. */
interface Bridge {
  call: (name: unknown, request: unknown) => Promise<CallResult>;
  subscribe: (listener: (...frames: unknown[]) => void) => () => void;
}

const host = new FakeHost();
const unexpected = vi.fn();
let bridge: Bridge;

beforeAll(async () => {
  answerCalls(host.handlers, unexpected);
  await import('../../main/preload.ts');
  bridge = contextBridge.exposed.get('switchyard') as Bridge;
});
beforeEach(() => {
  unexpected.mockClear();
  ipcRenderer.sender = { url: 'app://switchyard/index.html', parent: null };
});

describe('a call from the page', () => {
  it('sees two functions and nothing else', () => {
    expect([...contextBridge.exposed.keys()]).toEqual(['switchyard']);
    expect(Object.entries(bridge).map(([name, value]) => [name, typeof value])).toEqual([
      ['call', 'function'],
      ['subscribe', 'function'],
    ]);
  });

  it('goes there and back, validated', async () => {
    host.sessions = 2;
    const result = await bridge.call('snapshot', {});
    expect(result.ok && snapshot.parse(result.reply).sessions.map(({ id }) => id)).toEqual([1, 2]);
    expect(unexpected).not.toHaveBeenCalled();
  });

  it.each([
    ['an unknown name', 'rm -rf', {}, 'unknown_call'],
    ['an inherited name', 'toString', {}, 'unknown_call'],
    ['a name that is no string', { toString: 'x' }, {}, 'unknown_call'],
    ['a request that does not fit', 'migrate', { sessionIds: ['all'], to: 'ep-b' }, 'invalid_request'],
    ['an unknown key', 'snapshot', { extra: 1 }, 'invalid_request'],
    ['no request', 'migrate', undefined, 'invalid_request'],
  ])('is refused for %s', async (_what, name, request, code) => {
    expect(await bridge.call(name, request)).toMatchObject({ ok: false, error: { code } });
    expect(unexpected).not.toHaveBeenCalled();
  });

  it('brings an error back as data, with its code and hint', async () => {
    expect(await bridge.call('endpoints.remove', { id: 'ep-a' })).toEqual({
      ok: false,
      error: { code: 'in_use', message: 'ep-a still has 2 sessions.', hint: 'Move them first.' },
    });
  });

  it('reports a bug in a handler instead of hiding it', async () => {
    expect(await bridge.call('endpoints.check', { id: 'ep-a' })).toMatchObject({ ok: false, error: { code: 'internal' } });
    expect(unexpected).toHaveBeenCalledTimes(1);
  });

  it('can be answered by one handler only', () => {
    expect(() => answerCalls(host.handlers, unexpected)).toThrow('second handler');
  });

  it.each([
    ['another site', { url: 'https://example.com/', parent: null }],
    ['a look-alike', { url: 'app://switchyard.example/index.html', parent: null }],
    ['an embedded frame', { url: 'app://switchyard/index.html', parent: {} }],
    ['an empty page', { url: 'about:blank', parent: null }],
    ['a frame that is gone', null],
  ])('is refused from %s, without reaching a handler', async (_what, sender) => {
    ipcRenderer.sender = sender;
    const spy = vi.spyOn(host.handlers, 'snapshot');
    expect(await bridge.call('snapshot', {})).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    expect(spy).not.toHaveBeenCalled();
    expect(unexpected).toHaveBeenCalledTimes(1);
    spy.mockRestore();
  });
});

describe('a delta', () => {
  const delta: Delta = { seq: 7, at: 1 };

  it('reaches the page as a frame, without Electron’s event, until it unsubscribes', () => {
    const window = new BrowserWindow();
    const listener = vi.fn();
    const stop = bridge.subscribe(listener);
    pushFrame({ kind: 'delta', delta });
    expect(listener.mock.calls).toEqual([[{ kind: 'delta', delta }]]);
    stop();
    pushFrame({ kind: 'delta', delta });
    expect(listener).toHaveBeenCalledTimes(1);
    expect(ipcRenderer.listenerCount('switchyard:push')).toBe(0);
    window.close();
  });

  it('is not sent to a crashed page', () => {
    const window = new BrowserWindow();
    window.webContents.crashed = true;
    const send = vi.spyOn(window.webContents, 'send');
    pushFrame({ kind: 'delta', delta });
    expect(send).not.toHaveBeenCalled();
    window.close();
  });
});
