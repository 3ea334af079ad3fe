/** What each kind of operation is to do. */
import { CallError, type OperationRow } from '../../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../../endpoints/map.ts';
import type { Redirects } from '../../endpoints/redirects.ts';
import type { Session } from '../../session/session.ts';
import type { Errand, Moved, Plan, Terms } from './plan.ts';

/** What plans are made of. */
export interface PlanContext {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly redirects: Redirects;
}

const closedBy = 'terminating connection due to administrator command';

/** Sessions that were named. Throws `CallError` (`unknown_session`) when none of them is there. */
export function migratePlan({ sessions, map }: PlanContext, ids: readonly number[], to: EndpointSpec, terms: Terms): Plan {
  const named = [...new Set(ids)].flatMap((id) => sessions.get(id) ?? []);
  if (named.length === 0) {
    throw new CallError(
      'unknown_session',
      ids.length === 1 ? `There is no session ${ids[0]} any more.` : 'None of these sessions is there any more.',
    );
  }
  return {
    ...terms,
    kind: 'migrate',
    label: named.length === 1 ? `Migrate session ${named[0]?.id} to ${to.id}` : `Migrate ${named.length} sessions to ${to.id}`,
    to: to.id,
    backend: null,
    errands: named.map((session) => errand(session, to, map)),
    // Who names sessions wants to hear why one of them does not move; who lets them be ended wants them gone.
    persists: terms.forceAfterMs !== null,
    forcedEnd: {
      message: closedBy,
      hint: `It was to move to endpoint ${to.id}, and had not in the time that the operator of Switchyard gave it.`,
    },
    isDone: () => false,
    stragglers: () => [],
    restore: null,
  };
}

/** Every session of an endpoint whose line was changed from `before` to `after`. */
export function remapPlan({ sessions, map }: PlanContext, before: EndpointSpec, after: EndpointSpec, terms: Terms): Plan {
  const [from, to] = [backendId(before), backendId(after)];
  const isDone = (session: Session): boolean => session.place.endpoint !== after.id || session.backend === to;
  const errands = (): Errand[] =>
    [...sessions.values()]
      .filter((session) => !isDone(session))
      .map((session) => ({ session, to: after, from: session.backend === from ? before : null }));
  return {
    ...terms,
    kind: 'remap',
    label: `Remap ${after.id} to ${to}`,
    to: after.id,
    backend: from,
    errands: errands(),
    persists: true,
    forcedEnd: {
      message: `terminating connection because endpoint ${after.id} moves from ${from} to ${to}`,
      hint: `Connect again: new connections to ${after.id} go to ${to}. The session had not moved in the time that the operator of Switchyard gave it.`,
    },
    isDone,
    stragglers: errands,
    restore: () => {
      const now = map.get(after.id);
      if (now === undefined || backendId(now) !== to) {
        throw new CallError('not_undoable', `Endpoint ${after.id} has been changed since: it does not point at ${to} any more.`);
      }
      map.set(before);
    },
  };
}

/** Every session on a backend. */
export function drainPlan({ sessions, map, redirects }: PlanContext, backend: string, to: EndpointSpec, terms: Terms): Plan {
  const isDone = (session: Session): boolean => session.backend !== backend;
  const errands = (): Errand[] => [...sessions.values()].filter((session) => !isDone(session)).map((session) => errand(session, to, map));
  return {
    ...terms,
    kind: 'drain',
    label: `Drain ${backend} to ${to.id}`,
    to: to.id,
    backend,
    errands: errands(),
    persists: true,
    forcedEnd: {
      message: `terminating connection because server ${backend} is being drained`,
      hint: `Connect again: new connections go to endpoint ${to.id}. The session had not moved in the time that the operator of Switchyard gave it.`,
    },
    isDone,
    stragglers: errands,
    restore: () => {
      redirects.delete(backend);
    },
  };
}

/** The sessions that an operation moved and that still are where it moved them to. */
export function undoPlan({ sessions, map }: PlanContext, undone: OperationRow, moved: readonly Moved[], terms: Terms): Plan {
  const errands = moved.flatMap(({ sessionId, from, endpoint, backend }): Errand[] => {
    const session = sessions.get(sessionId);
    if (session === undefined || from === null || session.place.endpoint !== endpoint || session.backend !== backend) return [];
    return [{ session, to: from, from: lineOf(session, map) }];
  });
  const origins = [...new Set(errands.map((each) => each.to.id))];
  return {
    ...terms,
    kind: 'undo',
    label: `Undo: ${undone.label}`,
    to: origins.join(', ') || (undone.kind === 'remap' ? undone.to : (undone.backend ?? undone.to)),
    backend: null,
    errands,
    persists: true,
    forcedEnd: { message: closedBy, hint: 'It had not moved back in the time that the operator of Switchyard gave it.' },
    isDone: () => false,
    stragglers: () => [],
    restore: null,
  };
}

/** A round of the balancer. */
export function balancePlan(context: PlanContext, group: string, to: EndpointSpec, sessions: readonly Session[], terms: Terms): Plan {
  const from = new Map(sessions.map((session) => [session, session.backend]));
  return {
    ...terms,
    kind: 'balance',
    label: `Balance ${group}: ${sessions.length} ${sessions.length === 1 ? 'session' : 'sessions'} to ${to.id}`,
    to: to.id,
    backend: null,
    errands: sessions.map((session) => errand(session, to, context.map)),
    persists: true,
    forcedEnd: { message: closedBy, hint: '' },
    // Whoever was moved by somebody else meanwhile is where that one wants it.
    isDone: (session) => session.backend !== from.get(session),
    stragglers: () => [],
    restore: null,
  };
}

function errand(session: Session, to: EndpointSpec, map: EndpointMap): Errand {
  return { session, to, from: lineOf(session, map) };
}

/** The line of the session's endpoint, while it points at the backend that the session is on. */
function lineOf(session: Session, map: EndpointMap): EndpointSpec | null {
  const line = map.get(session.place.endpoint);
  return line !== undefined && backendId(line) === session.backend ? line : null;
}
