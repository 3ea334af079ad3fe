/** The calls that move sessions: which, where to, and back. */
import { CallError, type Handlers } from '../contract/index.ts';
import { parseBackendUrl } from '../endpoints/backend-url.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import type { Redirects } from '../endpoints/redirects.ts';
import type { EventLog } from '../metrics/log.ts';
import type { Planner } from '../migration/planner.ts';
import type { Preflight } from '../migration/preflight.ts';
import type { Session } from '../session/session.ts';

/** What the calls work on. */
export interface MigrationCallsContext {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly redirects: Redirects;
  readonly planner: Planner;
  readonly preflight: Preflight;
  readonly log: EventLog;
}

type MigrationCalls = Pick<
  Handlers,
  | 'preflight'
  | 'migrate'
  | 'endpoints.remap'
  | 'backend.drain'
  | 'backend.undrain'
  | 'operation.cancel'
  | 'operation.undo'
  | 'operation.blockers'
>;

/** Handlers that throw `CallError` as the contract says. */
export function migrationCalls({ sessions, map, redirects, planner, preflight, log }: MigrationCallsContext): MigrationCalls {
  return {
    preflight: async ({ sessionIds, to }) => {
      map.require(to);
      const known = sessionIds.flatMap((id) => sessions.get(id) ?? []);
      return { verdicts: await Promise.all(known.map((session) => preflight.verdict(session, to))) };
    },
    migrate: ({ sessionIds, to, withinMs }) => ({ operationId: planner.migrate(sessionIds, to, withinMs).id }),
    'endpoints.remap': ({ endpoint, to, password, withinMs }) => {
      const before = map.require(endpoint);
      const after = remapped(before, to, password, map);
      if (backendId(after) === backendId(before)) throw new CallError('same_backend', `Endpoint ${endpoint} points there already.`);
      map.set(after);
      log.add('info', 'endpoint_changed', `Endpoint ${endpoint} points at ${backendId(after)}; its sessions follow.`);
      const own = [...sessions.values()].filter(({ place }) => place.endpoint === endpoint);
      const label = `Remap ${endpoint} to ${backendId(after)}`;
      const plan = { kind: 'remap', label, to: endpoint, backend: backendId(before), sessions: own, withinMs } as const;
      return { operationId: planner.start(plan).id };
    },
    'backend.drain': ({ backend, to, withinMs }) => {
      const there = [...sessions.values()].filter((session) => session.backend === backend);
      if (there.length === 0 && map.list().every((spec) => backendId(spec) !== backend))
        throw new CallError('unknown_backend', `No endpoint points at ${backend}, and no session is there.`);
      redirects.set(backend, to);
      log.add('info', 'draining', `${backend} is being drained: its ${there.length} sessions, and new clients, go to ${to}.`);
      return {
        operationId: planner.start({ kind: 'drain', label: `Drain ${backend} to ${to}`, to, backend, sessions: there, withinMs }).id,
      };
    },
    'backend.undrain': ({ backend }) => {
      if (!redirects.delete(backend)) throw new CallError('not_drained', `${backend} is not being drained.`);
      log.add('info', 'undrained', `New clients come to ${backend} again.`);
      return {};
    },
    'operation.cancel': ({ operationId }) => {
      planner.cancel(operationId);
      return {};
    },
    'operation.undo': ({ operationId }) => {
      planner.operation(operationId);
      throw new CallError('not_undoable', `Operation ${operationId} cannot be undone.`);
    },
    'operation.blockers': ({ operationId }) => ({ blockers: planner.blockers(operationId) }),
  };
}

/** The line of an endpoint with another backend: that of another endpoint, or of a URL. Throws `CallError`. */
function remapped(before: EndpointSpec, to: string, password: string | undefined, map: EndpointMap): EndpointSpec {
  const other = map.get(to);
  if (other !== undefined) return { ...other, id: before.id };
  if (!to.includes('://')) map.require(to);
  const parsed = parseBackendUrl(to);
  return { id: before.id, ...parsed, password: password ?? parsed.password };
}
