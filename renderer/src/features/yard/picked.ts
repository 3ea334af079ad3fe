import type { Group, Yard } from './model.ts';
import { backendKey, endpointKey, groupKey, REST, sessionsOf } from './nodes.ts';
import type { YardNode } from './nodes.ts';

/** What belongs to a picked node: the nodes, and the tracks between them. */
interface Lit {
  keys: ReadonlySet<string>;
  has: (track: { application?: string; endpoint: string; backend?: string }) => boolean;
}

/** Follows a picked node along its tracks in both directions: whose sessions they are, and where they go. */
export function litBy(node: YardNode, yard: Yard, rest: readonly Group[]): Lit {
  const sessions = sessionsOf(node, yard);
  const folded = new Set(rest.map((group) => group.application));
  const keys = new Set<string>();
  const tracks = new Set<string>();
  for (const { application, endpoint, backend } of sessions) {
    keys
      .add(folded.has(application) ? REST : groupKey(application))
      .add(endpointKey(endpoint))
      .add(backendKey(backend));
    tracks.add(`${application}\n${endpoint}`).add(`${endpoint}\n${backend}`);
  }
  const lines = yard.endpoints.filter(
    ({ id, backend }) => (node.kind === 'endpoint' && id === node.endpoint.id) || (node.kind === 'backend' && backend === node.at.backend),
  );
  for (const { id, backend } of lines) {
    keys.add(endpointKey(id)).add(backendKey(backend));
    tracks.add(`${id}\n${backend}`);
  }
  return {
    keys,
    has: ({ application, endpoint, backend }) =>
      tracks.has(backend === undefined ? `${application}\n${endpoint}` : `${endpoint}\n${backend}`),
  };
}
