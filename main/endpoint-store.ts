/**
 * The endpoints that were mapped in the window, kept for the next start: names and URLs in a file beside the settings, passwords
 * in the system's keychain or nowhere (DESIGN.md section 7).
 */
import path from 'node:path';
import * as z from 'zod';
import { backendColor, CallError, endpointId } from '../core/contract/index.ts';
import { backendId, formatBackendUrl, parseBackendUrl, type EndpointSpec } from '../core/endpoints/map.ts';
import { demoEndpointIds } from './demo/demo.ts';
import { KeptFile } from './kept-file.ts';
import { UnusableSettings } from './settings-store.ts';

/** Where passwords lie encrypted. Names are no secret. */
export interface SecretStore {
  /** Null when there is none by this name, or it cannot be decrypted any more. */
  read(name: string): Promise<string | null>;
  /** Keeps exactly these; null: there is none, or `read` could not give it, and then it stays. Rejects when it cannot. */
  replace(secrets: ReadonlyMap<string, string | null>): Promise<void>;
}

/** The keychain, or why there is none, as the end of a sentence. */
export type OpenedSecrets = { readonly store: SecretStore } | { readonly store: null; readonly reason: string };

/** What to start with. */
export interface EndpointsToStartWith {
  readonly endpoints: EndpointSpec[];
  readonly defaultEndpoint: string | null;
  /** By backend (`host:port`). */
  readonly backendColors: Readonly<Record<string, number>>;
  /** Start the demo along. */
  readonly demo: boolean;
  /** Where changes are kept; null: this run's endpoints are its own. */
  readonly file: KeptFile | null;
}

/** What the command line says about endpoints. */
export interface EndpointWords {
  readonly endpoints: readonly EndpointSpec[];
  readonly defaultEndpoint: string | null;
  readonly demoAsked: boolean;
}

const keptEndpoints = z.strictObject({
  defaultEndpoint: endpointId.nullable().default(null),
  endpoints: z.array(z.strictObject({ id: endpointId, url: z.string().min(1).max(4096) })).default([]),
  colors: z.record(z.string().min(1).max(512), backendColor).default({}),
});

const NAME = 'endpoints.json';

/**
 * The command line's endpoints, and then nothing is kept; else those kept beside `settingsFile` (null: in memory only); else the demo.
 * @throws UnusableSettings
 */
export function endpointsToStartWith(settingsFile: string | null, words: EndpointWords): EndpointsToStartWith {
  if (words.endpoints.length > 0) return checked({ ...words, endpoints: [...words.endpoints], backendColors: {}, demo: false, file: null });
  if (words.demoAsked || settingsFile === null) return checked({ ...words, endpoints: [], backendColors: {}, demo: true, file: null });
  const file = openFile(path.join(path.dirname(path.resolve(settingsFile)), NAME));
  const kept = readKept(file);
  return checked({
    endpoints: kept.endpoints,
    defaultEndpoint: words.defaultEndpoint ?? kept.defaultEndpoint,
    backendColors: kept.colors,
    demo: kept.endpoints.length === 0,
    file,
  });
}

function checked(start: EndpointsToStartWith): EndpointsToStartWith {
  const { defaultEndpoint, demo, endpoints } = start;
  const known: readonly string[] = demo ? demoEndpointIds : endpoints.map(({ id }) => id);
  if (defaultEndpoint === null || known.includes(defaultEndpoint)) return start;
  throw new UnusableSettings(`The default endpoint ${defaultEndpoint} is not in the map (${known.join(', ')}).`);
}

function openFile(place: string): KeptFile {
  try {
    return new KeptFile(place);
  } catch (error) {
    throw new UnusableSettings(`The endpoints in ${place} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function readKept(file: KeptFile): { endpoints: EndpointSpec[]; defaultEndpoint: string | null; colors: Record<string, number> } {
  if (file.text === null) return { endpoints: [], defaultEndpoint: null, colors: {} };
  const unusable = (why: string): UnusableSettings =>
    new UnusableSettings(`The endpoints in ${file.path} cannot be used: ${why} Mend or remove the file.`);
  let raw: unknown;
  try {
    raw = JSON.parse(file.text);
  } catch {
    // The parser's words quote the text, in which somebody may have put a password.
    throw unusable('it is not JSON.');
  }
  const parsed = keptEndpoints.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unusable(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not understood'}.`);
  }
  const { defaultEndpoint, colors } = parsed.data;
  const endpoints = parsed.data.endpoints.map(({ id, url }) => {
    const spec = readUrl(url, (why) => unusable(`endpoint "${id}": ${why}`));
    if (spec.password === null) return { id, ...spec };
    throw unusable(`endpoint "${id}": a password does not belong in it; use the password file (~/.pgpass).`);
  });
  const ids = new Set(endpoints.map(({ id }) => id));
  if (ids.size < endpoints.length) throw unusable('an endpoint is there twice.');
  // The default may have gone with its line.
  return { endpoints, defaultEndpoint: defaultEndpoint !== null && ids.has(defaultEndpoint) ? defaultEndpoint : null, colors };
}

function readUrl(url: string, complain: (why: string) => UnusableSettings): ReturnType<typeof parseBackendUrl> {
  try {
    return parseBackendUrl(url);
  } catch (error) {
    if (error instanceof CallError) throw complain(error.message);
    throw error;
  }
}

/** The endpoints with the passwords that the keychain has for them. */
export async function withPasswords(endpoints: readonly EndpointSpec[], store: SecretStore): Promise<EndpointSpec[]> {
  return await Promise.all(endpoints.map(async (spec) => ({ ...spec, password: spec.password ?? (await store.read(secretName(spec))) })));
}

/** Keeps endpoints for the next start. Rejects with `CallError` (see `KeptFile.replace`) or the keychain's error. */
export async function keepEndpoints(
  file: KeptFile,
  store: SecretStore | null,
  now: {
    readonly endpoints: readonly EndpointSpec[];
    readonly defaultEndpoint: string | null;
    readonly colors: Readonly<Record<string, number>>;
  },
): Promise<void> {
  const lines = now.endpoints.map((spec) => ({ id: spec.id, url: formatBackendUrl(spec) }));
  const isKept = lines.some(({ id }) => id === now.defaultEndpoint);
  const text = { defaultEndpoint: isKept ? now.defaultEndpoint : null, endpoints: lines, colors: now.colors };
  await file.replace(`${JSON.stringify(text, null, 2)}\n`);
  await store?.replace(new Map(now.endpoints.map((spec) => [secretName(spec), spec.password])));
}

/** A password belongs to a role on a server, so that a changed endpoint never sends it elsewhere. */
function secretName(spec: EndpointSpec): string {
  return `${encodeURIComponent(spec.user)}@${backendId(spec)}`;
}
