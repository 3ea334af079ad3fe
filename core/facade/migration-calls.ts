/** The calls that move sessions: which, where to, and back. */
import type { PasswordFile } from '../backend/passfile.ts';
import { CallError, type Handlers } from '../contract/index.ts';
import { parseBackendUrl } from '../endpoints/backend-url.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import type { EventLog } from '../metrics/log.ts';
import type { Planner } from '../migration/planner/planner.ts';
import type { Preflight } from '../migration/preflight/preflight.ts';
import type { Session } from '../session/session.ts';
import { testLogin } from './endpoint-status.ts';

/** What the calls work on. */
export interface MigrationCallsContext {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly passwordFile: PasswordFile | null;
  readonly planner: Planner;
  readonly preflight: Preflight;
  readonly log: EventLog;
  /** A line of the map was changed by an operation. */
  onRemapped(): void;
}

/** See the head of this file. */
export type MigrationCalls = Pick<
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
export function migrationCalls(context: MigrationCallsContext): MigrationCalls {
  const { sessions, map, passwordFile, planner, preflight, log } = context;
  return {
    preflight: async ({ sessionIds, to, carry = planner.carry }) => {
      map.require(to);
      const known = sessionIds.flatMap((id) => sessions.get(id) ?? []);
      return { verdicts: await Promise.all(known.map((session) => preflight.verdict(session, to, carry))) };
    },
    migrate: ({ sessionIds, to, ...terms }) => ({ operationId: planner.migrate(sessionIds, to, terms).id }),
    'endpoints.remap': async ({ endpoint, to, password, ...terms }) => {
      const after = remapped(map.require(endpoint), to, password, map);
      const { ok, message, hint } = await testLogin(after, passwordFile);
      if (!ok) throw new CallError('unreachable', `Endpoint ${endpoint} stays where it is: ${message}`, hint);
      const { id } = planner.remap(after, terms);
      log.add('info', 'endpoint_changed', `Endpoint ${endpoint} points at ${backendId(after)}; its sessions follow.`);
      context.onRemapped();
      return { operationId: id };
    },
    'backend.drain': ({ backend, to, ...terms }) => {
      const { id } = planner.drain(backend, to, terms);
      log.add('info', 'draining', `${backend} is being drained: its sessions, and new clients, go to ${to}.`);
      return { operationId: id };
    },
    'backend.undrain': ({ backend }) => {
      planner.undrain(backend);
      log.add('info', 'undrained', `New clients come to ${backend} again.`);
      return {};
    },
    'operation.cancel': ({ operationId }) => {
      planner.cancel(operationId);
      return {};
    },
    'operation.undo': ({ operationId, withinMs }) => {
      const { id } = planner.undo(operationId, { withinMs });
      context.onRemapped();
      return { operationId: id };
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
