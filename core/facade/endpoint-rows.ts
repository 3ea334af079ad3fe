/** The endpoint map as windows and the console see it. */
import type { EndpointRow } from '../contract/index.ts';
import { backendId, formatBackendUrl, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import type { Session } from '../session/session.ts';
import type { EndpointStatus } from './endpoint-status.ts';

/** One row per line, in the map's order; of a password only that there is one. */
export function endpointRows(
  map: EndpointMap,
  status: EndpointStatus,
  sessions: Iterable<Session>,
  more: (spec: EndpointSpec) => Pick<EndpointRow, 'poolMode' | 'profile' | 'paused' | 'redirectedTo' | 'color'>,
): EndpointRow[] {
  const counts = new Map<string, number>();
  for (const { place } of sessions) counts.set(place.endpoint, (counts.get(place.endpoint) ?? 0) + 1);
  return map.list().map((spec) => ({
    id: spec.id,
    backend: backendId(spec),
    host: spec.host,
    port: spec.port,
    database: spec.database,
    user: spec.user,
    url: formatBackendUrl(spec),
    passwordSet: spec.password !== null,
    isDefault: spec.id === map.defaultId,
    ...status.of(backendId(spec)),
    sessions: counts.get(spec.id) ?? 0,
    ...more(spec),
  }));
}
