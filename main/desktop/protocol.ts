import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { protocol } from 'electron';
import { contentSecurityPolicy, contentType } from '../static-files.ts';
import { appScheme, isOwnUrl } from './origin.ts';

/** Makes `app:` a proper origin, so that the content security policy and `'self'` mean something. Before `ready` only. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: appScheme, privileges: { standard: true, secure: true, supportFetchAPI: true } }]);
}

/** Answers `app://switchyard/…` from the folder of the built window. */
export function serveWindow(folder: string): void {
  protocol.handle(appScheme, (request) => answer(folder, request));
}

/** One answer: GET only, this host only, and only what lies inside the folder. */
export async function answer(folder: string, request: { method: string; url: string }): Promise<Response> {
  if (request.method !== 'GET') return refusal(405, { allow: 'GET' });
  if (!isOwnUrl(request.url)) return refusal(404);
  const file = fileInside(folder, new URL(request.url).pathname);
  if (file === null) return refusal(404);
  try {
    return new Response(new Uint8Array(await readFile(file)), { headers: headers(contentType(file)) });
  } catch {
    return refusal(404);
  }
}

/** The file behind a path, or null if it would lie outside the folder or the path cannot be decoded. */
function fileInside(folder: string, urlPath: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  if (decoded.includes('\0')) return null;
  const base = path.resolve(folder);
  const file = path.resolve(base, `.${path.posix.sep}${decoded === '/' ? 'index.html' : decoded}`);
  return file.startsWith(base + path.sep) ? file : null;
}

function headers(type: string): Record<string, string> {
  return {
    'content-type': type,
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

function refusal(status: number, extra: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { ...headers('text/plain'), ...extra } });
}
