/** Several edits of the endpoint map at once: tried on a copy first, then all of them or none. */
import { CallError, type CallParsed, type CallReply, type ChangeEffect, type EndpointChange, type Settings } from '../contract/index.ts';
import type { BackendColors } from '../endpoints/colors.ts';
import { backendId, formatBackendUrl, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import { isUsed, putLine, removeEndpoint, saveEndpoint, takeLine, type EndpointCallsContext } from './endpoint-calls.ts';
import { poolingOf } from './pooling.ts';

type Pooling = Settings['pooling']['endpoints'][number];

/** What it works on beside the map. */
export interface ApplyContext extends EndpointCallsContext {
  readonly colors: BackendColors;
  readonly settings: () => Settings;
  /** Replaces these endpoints' lines of the pool settings; `null`: an endpoint has none any more. Rejects with `CallError`. */
  readonly setPooling: (lines: readonly (Pooling | { readonly endpoint: string; readonly mode: null })[]) => Promise<unknown>;
  readonly report: (code: string, message: string) => void;
}

/** See `endpoints.apply`. */
export async function applyChanges(
  context: ApplyContext,
  { changes, dryRun }: CallParsed<'endpoints.apply'>,
): Promise<CallReply<'endpoints.apply'>> {
  const effects = tried(context, changes);
  if (dryRun || effects.some(({ problem }) => problem !== null)) return { applied: false, effects };
  const lines = poolingLines(context, changes);
  if (lines.length === 0) return { applied: true, effects: done(context, changes, effects) };
  const before = context.settings().pooling.endpoints;
  // First what can fail: the settings may not be writable.
  await context.setPooling(lines);
  const again = tried(context, changes);
  if (again.every(({ problem }) => problem === null)) return { applied: true, effects: done(context, changes, effects) };
  // Sessions have come meanwhile that stand in the way.
  await context.setPooling(lines.map(({ endpoint }) => before.find((line) => line.endpoint === endpoint) ?? { endpoint, mode: null }));
  return { applied: false, effects: again };
}

/** Tries every change on a copy of the map; one that cannot be done is left out for those after it. */
function tried(context: ApplyContext, changes: readonly EndpointChange[]): ChangeEffect[] {
  const map = context.map.copy();
  return changes.map((change) => {
    const nothing = { endpoint: change.id, backend: null, does: [], stranded: [], problem: null, blockers: [] };
    try {
      return { ...nothing, ...(change.kind === 'remove' ? removal(context, map, change.id) : saving(context, map, change)) };
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const { code, message, hint } = error;
      const named = change.kind === 'save' && change.replaces !== undefined ? change.replaces : change.id;
      const blockers = code === 'in_use' ? sessionsOf(context, named) : [];
      return { ...nothing, problem: { code, message, hint }, blockers };
    }
  });
}

/** They were tried a moment ago, in the same turn of the event loop: none of them can fail. */
function done(context: ApplyContext, changes: readonly EndpointChange[], effects: ChangeEffect[]): ChangeEffect[] {
  for (const change of changes) {
    if (change.kind === 'remove') {
      removeEndpoint(context, change.id);
      context.report('endpoint_removed', `Endpoint ${change.id} was removed.`);
      continue;
    }
    const { backend } = saveEndpoint(context, change);
    if (change.color !== undefined) context.colors.set(backend, change.color);
    context.report('endpoint_changed', `Endpoint ${change.id} points at ${backend}.`);
  }
  return effects;
}

function removal(context: ApplyContext, map: EndpointMap, id: string): Pick<ChangeEffect, 'does'> {
  const defaultBefore = map.defaultId;
  const spec = takeLine(map, context.sessions, id);
  const { unknownEndpoint } = context.settings();
  const does = [
    unknownEndpoint === 'refuse' || map.defaultId === null
      ? `${id} is removed: clients that ask for it are refused.`
      : `${id} is removed: clients that ask for it get the default, ${map.defaultId}.`,
  ];
  if (!isUsed(map, backendId(spec))) does.push(`Nothing points at ${backendId(spec)} any more; the server itself is not touched.`);
  return { does: [...does, ...defaultWords(defaultBefore, map.defaultId)] };
}

function saving(
  context: ApplyContext,
  map: EndpointMap,
  change: Extract<EndpointChange, { kind: 'save' }>,
): Pick<ChangeEffect, 'does' | 'backend' | 'stranded'> {
  const defaultBefore = map.defaultId;
  const from = change.replaces ?? change.id;
  const fresh = !map.has(from);
  const { before, spec, stranded } = putLine(map, context.sessions, change);
  const does = before === undefined || fresh ? [`${spec.id} is added: it leads to ${whereWords(spec)}.`] : changeWords(before, spec);
  const { mode, profile } = poolingOf(context.settings(), from);
  const { pooling } = change;
  if (pooling !== undefined && (pooling.mode !== mode || (pooling.mode === 'transaction' && pooling.profile !== profile))) {
    does.push(`Its sessions are pooled in ${pooling.mode} mode${pooling.mode === 'transaction' ? `, ${pooling.profile}` : ''}.`);
  }
  if (change.color !== undefined && change.color !== context.colors.known(backendId(spec))) {
    does.push(`${backendId(spec)} gets another colour, for every endpoint that points at it.`);
  }
  return { does: [...does, ...defaultWords(defaultBefore, map.defaultId)], backend: backendId(spec), stranded };
}

function changeWords(before: EndpointSpec, now: EndpointSpec): string[] {
  const does: string[] = [];
  if (before.id !== now.id) does.push(`${before.id} is called ${now.id}: clients have to ask for the new name.`);
  if (backendId(before) !== backendId(now)) does.push(`New clients go to ${whereWords(now)} instead of ${backendId(before)}.`);
  else if (before.database !== now.database || before.user !== now.user) does.push(`New clients get ${whereWords(now)}.`);
  else if (formatBackendUrl(before) !== formatBackendUrl(now)) does.push('Server connections are encrypted in another way from now on.');
  if (now.password === null && before.password !== null)
    does.push('Its stored password is forgotten: it belonged to another server or role.');
  else if (now.password !== before.password) does.push('Its password is changed.');
  return does;
}

function whereWords(spec: EndpointSpec): string {
  const role = spec.user === '' ? "the client's own role" : `role ${spec.user}`;
  return `${backendId(spec)}, database ${spec.database}, ${role}`;
}

function defaultWords(before: string | null, now: string | null): string[] {
  return before === now || now === null ? [] : [`${now} is the default: for clients that name no endpoint.`];
}

/** The lines of the pool settings that change along; a renamed endpoint keeps its own. */
function poolingLines({ settings }: ApplyContext, changes: readonly EndpointChange[]): Parameters<ApplyContext['setPooling']>[0] {
  const now = settings();
  const lines = new Map<string, Pooling | { readonly endpoint: string; readonly mode: null }>();
  const of = (endpoint: string): Pooling | undefined => {
    const staged = lines.get(endpoint);
    if (staged !== undefined) return staged.mode === null ? undefined : staged;
    return now.pooling.endpoints.find((line) => line.endpoint === endpoint);
  };
  for (const change of changes) {
    if (change.kind === 'remove') continue;
    const { id, pooling, replaces = id } = change;
    const own = of(replaces);
    if (replaces !== id && own !== undefined) {
      lines.set(id, { ...own, endpoint: id });
      lines.set(replaces, { endpoint: replaces, mode: null });
    }
    const { mode, profile } = of(id) ?? now.pooling;
    if (pooling !== undefined && (pooling.mode !== mode || pooling.profile !== profile)) lines.set(id, { endpoint: id, ...pooling });
  }
  return [...lines.values()];
}

function sessionsOf(context: ApplyContext, endpoint: string): number[] {
  return [...context.sessions()].filter((session) => session.place.endpoint === endpoint).map((session) => session.id);
}
