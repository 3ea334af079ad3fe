import type { EndpointRow, SessionRow } from '../../../../core/contract/index.ts';
import { plural } from '../../lib/format.ts';
import type { DragPayload, DropTarget } from './payload.ts';

/**
 * What dropping something somewhere would do. `to`: the endpoint that the dialog then opens with; `words`: what will be asked. Or why
 * nothing can be dropped there. A refusal of single sessions is the preflight's business, not this one's.
 */
export type Judgement = { fits: true; to: string; words: string } | { fits: false; why: string };

/** The state that a judgement rests on. */
export interface Yard {
  endpoints: readonly EndpointRow[];
  sessions: ReadonlyMap<number, SessionRow>;
}

/** The endpoint that stands for a server when something is moved there: up before down, its own traffic before a redirected one's. */
export function endpointAt(endpoints: readonly EndpointRow[], backend: string, except: string | null = null): EndpointRow | undefined {
  const there = endpoints.filter((endpoint) => endpoint.backend === backend && endpoint.id !== except);
  return there.find((endpoint) => endpoint.redirectedTo === null) ?? there[0];
}

/** Judges a drop. */
export function judge(payload: DragPayload, target: DropTarget, yard: Yard): Judgement {
  return payload.kind === 'endpoint' ? judgeEndpoint(payload.id, target, yard) : judgeSessions(payload.ids, target, yard);
}

function judgeSessions(ids: readonly number[], target: DropTarget, { endpoints, sessions }: Yard): Judgement {
  const rows = ids.flatMap((id) => sessions.get(id) ?? []);
  if (rows.length === 0) return { fits: false, why: 'Closed meanwhile' };
  const endpoint = target.kind === 'endpoint' ? endpoints.find((each) => each.id === target.id) : endpointAt(endpoints, target.backend);
  if (!endpoint) return { fits: false, why: 'No endpoint leads here' };
  const movers = rows.filter((row) => row.backend !== endpoint.backend || (target.kind === 'endpoint' && row.endpoint !== endpoint.id));
  if (movers.length === 0) return { fits: false, why: rows.length === 1 ? 'It is here already' : 'They are here already' };
  if (endpoint.status === 'down') return { fits: false, why: 'It is down' };
  const all = movers.length === rows.length;
  return {
    fits: true,
    to: endpoint.id,
    words: `Move ${all ? plural(rows.length, 'session') : `${movers.length} of ${rows.length} sessions`} here`,
  };
}

function judgeEndpoint(id: string, target: DropTarget, { endpoints }: Yard): Judgement {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return { fits: false, why: 'Removed meanwhile' };
  if (target.kind === 'endpoint') return { fits: false, why: 'An endpoint is pointed at a server' };
  if (endpoint.backend === target.backend) return { fits: false, why: `${id} leads here already` };
  const like = endpointAt(endpoints, target.backend, id);
  if (!like) return { fits: false, why: 'No other endpoint knows how to log in here' };
  if (like.status === 'down') return { fits: false, why: 'It is down' };
  return { fits: true, to: like.id, words: `Point ${id} here` };
}
