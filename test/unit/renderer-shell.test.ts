import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { electronTransport } from '../../renderer/src/bridge/electron.ts';
import { onShellCommand } from '../../renderer/src/bridge/shell.ts';
import { webSocketTransport } from '../../renderer/src/bridge/websocket.ts';

/** What the page uses of a WebSocket. */
class FakeSocket {
  static readonly OPEN = 1;
  static last: FakeSocket | null = null;
  readyState = 1;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor() {
    FakeSocket.last = this;
  }
  close(): void {
    this.readyState = 3;
  }
}

const page = { location: { hash: '#/sessions' } };

/** Both ways in which a frame comes to the page. */
const ways = {
  'the preload'(): (frame: unknown) => void {
    let listener: (frame: unknown) => void = () => undefined;
    const bridge = {
      call: () => Promise.resolve(null),
      subscribe: (heard: (frame: unknown) => void) => {
        listener = heard;
        return () => undefined;
      },
    };
    electronTransport(bridge).subscribe(
      () => undefined,
      () => undefined,
    );
    return (frame) => listener(frame);
  },
  'the WebSocket'(): (frame: unknown) => void {
    webSocketTransport('ws://127.0.0.1:1/ws', 'token').subscribe(
      () => undefined,
      () => undefined,
    );
    return (frame) => FakeSocket.last?.onmessage?.({ data: JSON.stringify(frame) });
  },
};

beforeEach(() => {
  page.location.hash = '#/sessions';
  vi.stubGlobal('window', page);
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe.each(Object.entries(ways))('a request of the desktop, over %s', (_way, connect) => {
  it('goes to a view', () => {
    connect()({ kind: 'shell', shell: { navigate: '#/sessions?session=12' } });
    expect(page.location.hash).toBe('#/sessions?session=12');
  });

  it('hands a command to who listens, until it no longer does', () => {
    const push = connect();
    const heard: string[] = [];
    const stop = onShellCommand((command) => heard.push(command));
    push({ kind: 'shell', shell: { command: 'view.freeze' } });
    stop();
    push({ kind: 'shell', shell: { command: 'view.freeze' } });
    expect(heard).toEqual(['view.freeze']);
  });

  it.each([
    ['another page', { navigate: 'https://example.com/' }],
    ['a script', { navigate: 'javascript:alert(1)' }],
    ['both at once', { navigate: '#/yard', command: 'x' }],
    ['neither', {}],
  ])('is dropped when it asks for %s', (_what, shell) => {
    connect()({ kind: 'shell', shell });
    expect(page.location.hash).toBe('#/sessions');
  });
});
