import type { Session, WebContents } from 'electron';
import { beforeEach, describe, expect, it } from 'vitest';
import { confine, denyPermissions, mayOpenOutside } from '../../main/desktop/navigation.ts';
import { isOwnUrl } from '../../main/desktop/origin.ts';
import { FakeWebContents, session, shell } from '../fakes/electron.ts';

describe('whose address it is', () => {
  it.each(['app://switchyard/index.html', 'app://switchyard/assets/x.js?y#z', 'app://switchyard/'])('ours: %s', (url) => {
    expect(isOwnUrl(url)).toBe(true);
  });
  it.each([
    'app://switchyard.example/',
    'app://evil/switchyard',
    'app://user@switchyard/',
    'app://switchyard:8080/',
    'https://switchyard/',
    'file:///app/switchyard',
    'data:text/html,app://switchyard/',
    'about:blank',
    '',
    'null',
  ])('not ours: %s', (url) => {
    expect(isOwnUrl(url)).toBe(false);
  });
});

describe('a confined page', () => {
  let contents: FakeWebContents;
  beforeEach(() => {
    shell.opened.length = 0;
    contents = new FakeWebContents();
    confine(contents as unknown as WebContents);
  });

  it.each(['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview'] as const)('may not: %s', (event) => {
    expect(new FakeWebContents().attempt(event), 'without confinement').toBe(true);
    expect(contents.attempt(event)).toBe(false);
  });

  it('opens no window; an allowed link goes to the system browser', () => {
    expect(contents.open('https://www.postgresql.org/docs/current/')).toEqual({ action: 'deny' });
    expect(contents.open('https://example.com/')).toEqual({ action: 'deny' });
    expect(shell.opened).toEqual(['https://www.postgresql.org/docs/current/']);
  });

  it.each([
    'http://www.postgresql.org/',
    'https://www.postgresql.org.example/',
    'https://www.postgresql.org:8443/',
    'https://user:pass@www.postgresql.org/',
    'https://example.com/https://www.postgresql.org/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'not a url',
  ])('never hands out %s', (url) => {
    expect(mayOpenOutside(url)).toBe(false);
  });
});

describe('permissions', () => {
  it('are denied, but for writing to the clipboard from our own page', () => {
    denyPermissions(session.defaultSession as unknown as Session);
    const asked = (permission: string, url: string): boolean => {
      const contents = new FakeWebContents();
      contents.url = url;
      let answer: boolean | null = null;
      const { onRequest } = session.defaultSession;
      onRequest?.(contents as unknown as WebContents, permission as 'media', (granted) => (answer = granted), {} as never);
      const checked = session.defaultSession.onCheck?.(null, permission as 'media', url, {} as never);
      expect(checked).toBe(answer);
      return answer === true;
    };
    expect(asked('clipboard-sanitized-write', 'app://switchyard/index.html')).toBe(true);
    expect(asked('clipboard-sanitized-write', 'https://example.com/')).toBe(false);
    expect(asked('clipboard-read', 'app://switchyard/index.html')).toBe(false);
    expect(asked('media', 'app://switchyard/index.html')).toBe(false);
    expect(session.defaultSession.onDevice?.({} as never)).toBe(false);
  });
});
