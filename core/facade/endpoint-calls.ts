/** The calls that edit and test the endpoint map. */
import { CallError, type CallParsed, type CallReply } from '../contract/index.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import { backendId, parseBackendUrl, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import type { Session } from '../session/session.ts';
import { testLogin, type EndpointStatus } from './endpoint-status.ts';

/** What these calls work on. */
export interface EndpointCallsContext {
  readonly map: EndpointMap;
  readonly status: EndpointStatus;
  readonly passwordFile: PasswordFile | null;
  readonly sessions: () => Iterable<Session>;
  /** Nothing points at this backend any more. */
  readonly onUnused: (backend: string) => void;
}

/** Adds or changes a line; answers which sessions are still on its former backend. */
export function saveEndpoint(context: EndpointCallsContext, request: CallParsed<'endpoints.save'>): CallReply<'endpoints.save'> {
  const { map } = context;
  const { before, spec, stranded } = putLine(map, context.sessions, request);
  if (before !== undefined && !isUsed(map, backendId(before))) context.onUnused(backendId(before));
  void context.status.check(spec);
  return { id: request.id, backend: backendId(spec), stranded };
}

/** What changed in the map by `putLine`. */
export interface PutLine {
  readonly before: EndpointSpec | undefined;
  readonly spec: EndpointSpec;
  /** Sessions of the endpoint that are on another backend than it points at now. */
  readonly stranded: number[];
}

/** Adds, changes or renames a line of a map, and nothing else. Throws `CallError`; then the map may have been renamed, no more. */
export function putLine(
  map: EndpointMap,
  sessions: () => Iterable<Session>,
  request: CallParsed<'endpoints.save'> & { readonly passwordFrom?: string | undefined },
): PutLine {
  const parsed = parseBackendUrl(request.url);
  requireDraftPassword(request);
  const before = map.get(request.replaces ?? request.id);
  if (request.replaces !== undefined) map.require(request.replaces);
  if (request.replaces !== undefined && request.replaces !== request.id) {
    for (const session of sessions()) {
      if (session.place.endpoint === request.replaces) throw inUse(request.replaces, 'renamed');
    }
    map.rename(request.replaces, request.id);
  }
  const password = request.password ?? parsed.password ?? keptPassword(before, parsed);
  const spec: EndpointSpec = { id: request.id, ...parsed, password };
  map.set(spec);
  if (request.makeDefault === true) map.setDefault(request.id);
  const backend = backendId(spec);
  const stranded = [...sessions()]
    .filter((session) => session.place.endpoint === request.id && session.backend !== backend)
    .map((session) => session.id);
  return { before, spec, stranded };
}

/** The host puts the password of a draft in its place as long as it has it. */
function requireDraftPassword({ password, passwordFrom }: { password?: string | undefined; passwordFrom?: string | undefined }): void {
  if (passwordFrom === undefined || password !== undefined) return;
  throw new CallError('unknown_draft', 'The imported password is not kept any more.', 'Type it, or import again.');
}

/** A stored password stays only while it would go to the same server and role. */
function keptPassword(before: EndpointSpec | undefined, now: Pick<EndpointSpec, 'host' | 'port' | 'user'>): string | null {
  const same = before !== undefined && before.host === now.host && before.port === now.port && before.user === now.user;
  return same ? before.password : null;
}

/** Removes a line; throws `CallError` (`in_use`) while sessions belong to it. */
export function removeEndpoint(context: EndpointCallsContext, id: string): void {
  const spec = takeLine(context.map, context.sessions, id);
  if (!isUsed(context.map, backendId(spec))) context.onUnused(backendId(spec));
}

/** Takes a line out of a map, and nothing else; throws as `removeEndpoint`. */
export function takeLine(map: EndpointMap, sessions: () => Iterable<Session>, id: string): EndpointSpec {
  const spec = map.require(id);
  for (const session of sessions()) if (session.place.endpoint === id) throw inUse(id, 'removed');
  map.delete(id);
  return spec;
}

function inUse(id: string, what: string): CallError {
  return new CallError(
    'in_use',
    `Endpoint ${id} cannot be ${what}: sessions belong to it.`,
    'Move them to another endpoint, or close them, first.',
  );
}

/** Whether a line of the map points at a backend. */
export function isUsed(map: EndpointMap, backend: string): boolean {
  return map.list().some((spec) => backendId(spec) === backend);
}

/** Tries a login; with `id` the stored password of that endpoint is used where the request brings none. */
export async function testEndpoint(
  context: EndpointCallsContext,
  request: CallParsed<'endpoints.test'>,
): Promise<CallReply<'endpoints.test'>> {
  const parsed = parseBackendUrl(request.url);
  requireDraftPassword(request);
  const known = request.id === undefined ? undefined : context.map.get(request.id);
  const password = request.password ?? parsed.password ?? keptPassword(known, parsed);
  const { ok, message, hint, serverVersion, ms } = await testLogin({ id: request.id ?? 'test', ...parsed, password }, context.passwordFile);
  return { ok, message, hint, serverVersion, ms };
}
