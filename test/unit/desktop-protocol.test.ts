import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer, registerScheme, serveWindow } from '../../main/desktop/protocol.ts';
import { protocol } from '../fakes/electron.ts';

let outside: string;
let folder: string;
beforeAll(() => {
  outside = mkdtempSync(path.join(os.tmpdir(), 'switchyard-protocol-'));
  folder = path.join(outside, 'renderer');
  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  writeFileSync(path.join(outside, 'secret.txt'), 'secret');
  mkdirSync(path.join(outside, 'renderer-private'));
  writeFileSync(path.join(outside, 'renderer-private', 'secret.txt'), 'secret');
  writeFileSync(path.join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(path.join(folder, 'assets', 'app.js'), 'let x = 1;');
});
afterAll(() => rmSync(outside, { recursive: true }));

const get = (url: string, method = 'GET'): Promise<Response> => answer(folder, { method, url });

describe('app://switchyard', () => {
  it('is registered as a secure standard scheme and served by the main process', async () => {
    registerScheme();
    serveWindow(folder);
    expect(protocol.schemes).toEqual([{ scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } }]);
    const served = await protocol.served.get('app')?.(new Request('app://switchyard/index.html'));
    expect(served?.status).toBe(200);
  });

  it('serves the window with its type and the same policy as the headless host', async () => {
    const page = await get('app://switchyard/');
    expect(page.status).toBe(200);
    expect(await page.text()).toBe('<!doctype html>');
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    const script = await get('app://switchyard/assets/app.js?v=1#top');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toBe('let x = 1;');
  });

  it.each([
    'app://switchyard/%2e%2e%2fsecret.txt',
    'app://switchyard/..%2fsecret.txt',
    'app://switchyard/..%5csecret.txt',
    'app://switchyard/assets/..%2f..%2fsecret.txt',
    'app://switchyard/..%2frenderer-private%2fsecret.txt',
    'app://switchyard/%2fetc%2fpasswd',
    'app://switchyard//etc/passwd',
    'app://switchyard/index.html%00.js',
    'app://switchyard/%E0%A4%A',
    'app://switchyard/missing.js',
    'app://switchyard/assets',
    'app://evil/index.html',
  ])('has nothing at %s', async (url) => {
    const response = await get(url);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each(['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'])('refuses %s', async (method) => {
    const response = await get('app://switchyard/index.html', method);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
  });
});
