/** Serves the built window over HTTP: files below one folder, nothing else, with headers that let nobody embed or sniff them. */
import { readFile, realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { contentSecurityPolicy, contentType } from '../static-files.ts';

/** On every answer, refusals too. */
export const securityHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** Answers GET and HEAD from the folder; `/` is its index.html. Never throws. */
export async function answerWithFile(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return answerWithText(response, 405, 'Only GET and HEAD.');
  }
  const file = await fileFor(folder, request.url ?? '/');
  const content = file === null ? null : await readFile(file).catch(() => null);
  if (file === null || content === null) return answerWithText(response, 404, 'There is no such file.');
  response.writeHead(200, { ...securityHeaders, 'content-type': contentType(file), 'content-length': content.length });
  response.end(request.method === 'HEAD' ? undefined : content);
}

/** A short answer in words. */
export function answerWithText(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${words}\n`);
}

/** The real file behind a request's path; null when there is none inside the folder. */
async function fileFor(folder: string, url: string): Promise<string | null> {
  // As it came: a parsed URL would have resolved `..` already, and with it the reason to refuse.
  const [encoded = '/'] = url.split(/[?#]/, 1);
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    return null;
  }
  if (!decoded.startsWith('/') || /[\0\\]/.test(decoded) || decoded.split('/').includes('..')) return null;
  try {
    const root = await realpath(folder);
    const file = await realpath(path.join(root, decoded === '/' ? 'index.html' : decoded));
    return file.startsWith(root + path.sep) ? file : null;
  } catch {
    return null;
  }
}
