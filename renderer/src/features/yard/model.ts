import type { EndpointRow, PoolRow, SessionRow, SessionState, TransferRow } from '../../../../core/contract/index.ts';
import { openOf } from '../pools/parts.ts';

/** The sessions of one application. */
export interface Group {
  application: string;
  /** By id. */
  sessions: readonly SessionRow[];
}

/** A server, with the endpoints that lead to it and the pools of its server connections. */
export interface BackendNode {
  backend: string;
  /** In the map's order; none for a server that sessions are still on after the map was changed. */
  endpoints: readonly EndpointRow[];
  sessions: number;
  pools: readonly PoolRow[];
}

/** The way from an application to an endpoint. */
export interface ClientTrack {
  application: string;
  endpoint: string;
  sessions: number;
}

/** The way from an endpoint to a server: the map's line, or one that sessions are still on. */
export interface ServerTrack {
  endpoint: string;
  backend: string;
  /** By id; none of a line that nobody uses. */
  sessions: readonly SessionRow[];
  /** The endpoint leads there now. */
  mapped: boolean;
}

/** Sessions on their way from one track to another. */
export interface Route {
  from: { endpoint: string; backend: string };
  to: { endpoint: string; backend: string };
  /** Those that wait for their next safe point. */
  armed: number;
  moving: number;
}

/** The yard as it is to be drawn: everything counted, nothing placed. */
export interface Yard {
  /** By name. */
  groups: readonly Group[];
  endpoints: readonly EndpointRow[];
  backends: readonly BackendNode[];
  clientTracks: readonly ClientTrack[];
  serverTracks: readonly ServerTrack[];
  routes: readonly Route[];
}

/** The part of the host's state that the yard is made from. */
export interface YardSource {
  sessions: ReadonlyMap<number, SessionRow>;
  endpoints: readonly EndpointRow[];
  pools: readonly PoolRow[];
  transfers: ReadonlyMap<number, TransferRow>;
}

/** Phases in which a session is not held yet. */
const ahead: ReadonlySet<string> = new Set(['preflight', 'dial', 'armed']);
const byName = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Counts what the yard shows. */
export function yardOf({ sessions, endpoints, pools, transfers }: YardSource): Yard {
  const rows = [...sessions.values()].sort((a, b) => a.id - b.id);
  const groups = grouped(rows, (row) => row.application);
  const clientTracks = grouped(rows, (row) => `${row.application}\n${row.endpoint}`);
  const served = grouped(rows, (row) => `${row.endpoint}\n${row.backend}`);
  // One that no endpoint leads to any more stays in sight as long as somebody, or a server connection, is there.
  const backends = new Set([...endpoints, ...rows, ...pools.filter((pool) => openOf(pool) > 0)].map(({ backend }) => backend));
  return {
    groups: [...groups]
      .map(([application, of]) => ({ application, sessions: of }))
      .sort((a, b) => byName.compare(a.application, b.application)),
    endpoints,
    backends: [...backends].map((backend) => ({
      backend,
      endpoints: endpoints.filter((endpoint) => endpoint.backend === backend),
      sessions: rows.reduce((count, row) => count + Number(row.backend === backend), 0),
      pools: pools.filter((pool) => pool.backend === backend),
    })),
    clientTracks: [...clientTracks.values()].flatMap((of) =>
      of[0] ? [{ application: of[0].application, endpoint: of[0].endpoint, sessions: of.length }] : [],
    ),
    serverTracks: [
      ...endpoints.map(({ id, backend }) => ({
        endpoint: id,
        backend,
        sessions: served.get(`${id}\n${backend}`) ?? [],
        mapped: true,
      })),
      ...[...served.values()].flatMap((of) => {
        const [first] = of;
        const known = endpoints.find((endpoint) => endpoint.id === first?.endpoint);
        if (!first || !known || known.backend === first.backend) return [];
        return [{ endpoint: first.endpoint, backend: first.backend, sessions: of, mapped: false }];
      }),
    ],
    routes: routesOf(rows, endpoints, transfers),
  };
}

function grouped(rows: readonly SessionRow[], keyOf: (row: SessionRow) => string): Map<string, SessionRow[]> {
  const groups = new Map<string, SessionRow[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const held = groups.get(key);
    if (held) held.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

function routesOf(rows: readonly SessionRow[], endpoints: readonly EndpointRow[], transfers: YardSource['transfers']): Route[] {
  const routes = new Map<string, Route>();
  for (const { transfer, endpoint, backend } of rows) {
    if (!transfer) continue;
    const target = transfers.get(transfer.id)?.toBackend ?? endpoints.find((each) => each.id === transfer.to)?.backend;
    if (target === undefined || target === backend) continue;
    const key = [endpoint, backend, transfer.to, target].join('\n');
    const route = routes.get(key) ?? {
      from: { endpoint, backend },
      to: { endpoint: transfer.to, backend: target },
      armed: 0,
      moving: 0,
    };
    if (ahead.has(transfer.phase)) route.armed += 1;
    else route.moving += 1;
    routes.set(key, route);
  }
  return [...routes.values()];
}

/** How many sessions are in each state, in the order in which an operator wants to know of them. */
export function countStates(sessions: readonly SessionRow[]): { state: SessionState; count: number }[] {
  const counts = new Map<SessionState, number>();
  for (const { state } of sessions) counts.set(state, (counts.get(state) ?? 0) + 1);
  return order.flatMap((state) => {
    const count = counts.get(state);
    return count === undefined ? [] : [{ state, count }];
  });
}

const order: readonly SessionState[] = [
  'migrating',
  'idle in transaction (aborted)',
  'waiting',
  'idle in transaction',
  'active',
  'connecting',
  'closing',
  'idle',
];

/** An application as it is called here. */
export function nameOf(application: string): string {
  return application === '' ? 'no name given' : application;
}

/**
 * The groups that are drawn one by one, and those that stand together in a last one: the smallest, where there are too many. The drawn
 * ones keep the order by name, so that a count that changes moves nothing.
 */
export function fold(groups: readonly Group[], room: number): { shown: readonly Group[]; rest: readonly Group[] } {
  if (groups.length <= room) return { shown: groups, rest: [] };
  const largest = new Set([...groups].sort((a, b) => b.sessions.length - a.sessions.length).slice(0, Math.max(1, room - 1)));
  return { shown: groups.filter((group) => largest.has(group)), rest: groups.filter((group) => !largest.has(group)) };
}
