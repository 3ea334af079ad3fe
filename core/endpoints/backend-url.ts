/**
 * Backend URLs (`postgresql://user:password@host:port/database`) and what is read from them. The grammar is libpq's
 * ("Connection URIs"), read by pg-connection-string; what this proxy does not do is refused by name, never ignored.
 */
import { parse, type ConnectionOptions } from 'pg-connection-string';
import { CallError } from '../contract/index.ts';
import type { BackendTls } from '../tls/backend-tls.ts';
import { formatTlsParameters, isTlsParameter, parseTlsParameters } from './tls-parameters.ts';

/** Where a backend is and how the proxy logs in to it. */
export interface BackendSpec {
  /** Host name, address (IPv6 without brackets), or the absolute path of a Unix socket's folder. */
  readonly host: string;
  readonly port: number;
  /** Used when a client names no database. */
  readonly database: string;
  /** Role the proxy logs in as; empty: the client's own user name. */
  readonly user: string;
  /** Null: none stored. */
  readonly password: string | null;
  readonly tls: BackendTls;
}

const defaultPort = 5432;

/** URL parameters that say nothing about where the backend is or who logs in; clients send their own. */
const ignoredParameters = new Set(['application_name', 'fallback_application_name', 'connect_timeout', 'client_encoding']);
const readParameters = new Set(['host', 'port', 'user', 'password', 'dbname']);

/**
 * Reads one backend URL. Missing parts get libpq's defaults: port 5432, host `localhost`, database = user name, else
 * `postgres`. Throws `CallError` with code `invalid_url`; the message never contains the password.
 */
export function parseBackendUrl(url: string): BackendSpec {
  const text = url.trim().replaceAll(' ', '%20');
  if (!/^postgres(ql)?:\/\//i.test(text)) {
    throw invalid('A backend URL begins with postgresql:// or postgres://.', 'For example postgresql://me@127.0.0.1:5432/app');
  }
  // pg-connection-string repairs a stray % by guessing; a URL that decodes to two different things is better refused.
  if (/%(?![0-9a-f]{2})/i.test(text))
    throw invalid('The backend URL has a % that is not followed by two hexadecimal digits.', 'Write % as %25.');
  const [address, query] = splitOnce(text, '?');
  const parameters = new URLSearchParams(query);
  checkParameters(parameters);

  const parsed = parseAddress(address, parameters);
  const host = parsed.host || 'localhost';
  if (host.includes(',')) throw invalid('An endpoint has exactly one backend; this URL lists several hosts.', 'Map one endpoint per host.');
  const user = parsed.user ?? '';
  const database = parameters.get('dbname') ?? (pathOf(address) || user || 'postgres');
  const spec = { host, port: portOf(parsed.port), database, user, password: parsed.password || null, tls: parseTlsParameters(parameters) };
  const { rootCert, cert, key } = spec.tls;
  if ([host, database, user, spec.password, rootCert, cert, key].some((part) => part?.includes('\0') === true)) {
    throw invalid('The backend URL contains a zero byte (%00).', null);
  }
  return spec;
}

/** The URL of a backend without its password: for people, settings files and logs. */
export function formatBackendUrl(spec: BackendSpec): string {
  const user = spec.user === '' ? '' : `${encodeURIComponent(spec.user)}@`;
  const host = isSocketFolder(spec.host) ? encodeURIComponent(spec.host) : bracketed(spec.host);
  return `postgresql://${user}${host}:${spec.port}/${encodeURIComponent(spec.database)}${formatTlsParameters(spec.tls)}`;
}

/** The identity of a backend: `host:port`, an IPv6 address in brackets. */
export function backendId(spec: Pick<BackendSpec, 'host' | 'port'>): string {
  return `${bracketed(spec.host)}:${spec.port}`;
}

/** What `net.connect` wants: TCP, or the socket file libpq would open. */
export function dialAddress(spec: Pick<BackendSpec, 'host' | 'port'>): { host: string; port: number } | { path: string } {
  if (isSocketFolder(spec.host)) return { path: `${spec.host.replace(/\/+$/, '')}/.s.PGSQL.${spec.port}` };
  return { host: spec.host, port: spec.port };
}

function isSocketFolder(host: string): boolean {
  return host.startsWith('/');
}

function bracketed(host: string): string {
  return host.includes(':') && !isSocketFolder(host) ? `[${host}]` : host;
}

function checkParameters(parameters: URLSearchParams): void {
  for (const name of parameters.keys()) {
    if (ignoredParameters.has(name) || readParameters.has(name) || isTlsParameter(name)) continue;
    throw invalid(
      `The URL parameter "${name}" is not supported for a backend.`,
      'Let the client send it: its own startup parameters reach the backend.',
    );
  }
}

/** Only the address and the known parameters reach the library, so it neither opens certificate files nor warns about TLS. */
function parseAddress(address: string, parameters: URLSearchParams): ConnectionOptions {
  const kept = new URLSearchParams();
  for (const name of ['host', 'port', 'user', 'password']) {
    const value = parameters.get(name);
    if (value !== null) kept.set(name, value);
  }
  try {
    return parse(kept.size === 0 ? address : `${address}?${kept.toString()}`);
  } catch {
    // The library's error carries the URL, and with it the password.
    throw invalid(
      'The backend URL cannot be read.',
      'The form is postgresql://user:password@host:port/database; write @ : / ? # , in a name or password as %40 %3A %2F %3F %23 %2C.',
    );
  }
}

/** The database of the path. Decoded here: the library leaves %2F, %2C and the like as they are. */
function pathOf(address: string): string {
  const path = /^[a-z]+:\/\/[^/#]*\/([^#]*)/i.exec(address)?.[1] ?? '';
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid('The database name in the URL is not valid UTF-8.', null);
  }
}

function portOf(text: string | null | undefined): number {
  if (text === null || text === undefined || text === '') return defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalid(`"${text}" is not a port.`, 'A port is a number from 1 to 65535.');
  return port;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function invalid(message: string, hint: string | null): CallError {
  return new CallError('invalid_url', message, hint);
}
