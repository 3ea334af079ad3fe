import type { EndpointRow } from '../../../../core/contract/index.ts';

/** The endpoints that point at a backend, as a list in words: `ep-a and ep-c`. */
export function endpointsAt(endpoints: readonly EndpointRow[], backend: string): string {
  const ids = endpoints.filter((endpoint) => endpoint.backend === backend).map((endpoint) => endpoint.id);
  const last = ids.at(-1) ?? '';
  return ids.length < 2 ? last : `${ids.slice(0, -1).join(', ')} and ${last}`;
}

/** Where sessions of a backend can be drained to: every endpoint that points elsewhere and is not being drained itself. */
export function drainTargets(endpoints: readonly EndpointRow[], backend: string): EndpointRow[] {
  return endpoints.filter((endpoint) => endpoint.backend !== backend && endpoint.redirectedTo === null);
}
