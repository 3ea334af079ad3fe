import type { EndpointRow, SessionRow } from '../../../core/contract/index.ts';
import type { Route } from '../app/routes.ts';
import type { Preferences } from '../store/preferences.ts';
import type { ServerState } from '../store/server.ts';
import type { ViewState } from '../store/view.ts';

/**
 * What an element stands for, by the attributes `data-session`, `data-endpoint` and `data-backend` of it or of what it is in.
 * `alone`: that session is meant, whatever is selected.
 */
export interface Pointed {
  session: number | null;
  endpoint: string | null;
  backend: string | null;
  alone: boolean;
}

export const nowhere: Pointed = { session: null, endpoint: null, backend: null, alone: false };

/** Everything that decides what a command is about and whether it can be given. */
export interface Situation {
  server: ServerState;
  view: ViewState;
  preferences: Preferences;
  route: Route;
  pointed: Pointed;
}

/** Reads what an element stands for. */
export function pointedAt(element: Element | null): Pointed {
  const read = (name: string): string | null => element?.closest<HTMLElement>(`[data-${name}]`)?.dataset[name] ?? null;
  const session = Number(read('session') ?? Number.NaN);
  return { session: Number.isInteger(session) ? session : null, endpoint: read('endpoint'), backend: read('backend'), alone: false };
}

/** The one session that is meant: the one pointed at, the one in the drawer, or the only one selected. */
export function sessionMeant({ pointed, view, server }: Situation): SessionRow | null {
  const only = view.selected.size === 1 ? [...view.selected][0] : undefined;
  const id = pointed.session ?? view.detail ?? only;
  return id === undefined ? null : (server.sessions.get(id) ?? null);
}

/** The sessions that are meant: the selection, else the one. */
export function sessionsMeant(situation: Situation): readonly SessionRow[] {
  const { pointed, view, server } = situation;
  if (view.selected.size > 0 && !pointed.alone) return [...view.selected].flatMap((id) => server.sessions.get(id) ?? []);
  const one = sessionMeant(situation);
  return one ? [one] : [];
}

/** The endpoint that is pointed at; null: none is. */
export function endpointMeant({ pointed, server }: Situation): EndpointRow | null {
  return server.endpoints.find((row) => row.id === pointed.endpoint) ?? null;
}

/** One server, and the endpoints that lead to it. */
export interface Server {
  /** `host:port`. */
  backend: string;
  endpoints: readonly [EndpointRow, ...EndpointRow[]];
}

/** Every server of the map, in its order. */
export function serversOf(endpoints: readonly EndpointRow[]): Server[] {
  const servers = new Map<string, [EndpointRow, ...EndpointRow[]]>();
  for (const row of endpoints) {
    const rows = servers.get(row.backend);
    if (rows) rows.push(row);
    else servers.set(row.backend, [row]);
  }
  return [...servers].map(([backend, rows]) => ({ backend, endpoints: rows }));
}

/** The server that is pointed at; of several endpoints on it the one pointed at comes first. */
export function serverMeant({ pointed, server }: Situation): Server | null {
  const found = serversOf(server.endpoints).find(({ backend }) => backend === pointed.backend);
  const own = found?.endpoints.find((row) => row.id === pointed.endpoint);
  if (!found || !own) return found ?? null;
  return { backend: found.backend, endpoints: [own, ...found.endpoints.filter((row) => row !== own)] };
}
