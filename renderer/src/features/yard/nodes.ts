import type { EndpointRow, SessionRow } from '../../../../core/contract/index.ts';
import type { BackendNode, Group, Yard } from './model.ts';

/** What a node of the yard is. `rest`: the applications that stand together because there are too many. */
export type YardNode =
  | { kind: 'group'; group: Group }
  | { kind: 'session'; session: SessionRow }
  | { kind: 'rest'; groups: readonly Group[] }
  | { kind: 'endpoint'; endpoint: EndpointRow }
  | { kind: 'backend'; at: BackendNode };

/** Keys of nodes: stable, and unique in the yard. */
export const groupKey = (application: string): string => `group ${application}`;
export const sessionKey = (id: number): string => `session ${id}`;
export const endpointKey = (id: string): string => `endpoint ${id}`;
export const backendKey = (backend: string): string => `backend ${backend}`;
export const REST = 'rest';

/** The node of a key; null: it is gone. */
export function nodeOf(key: string, yard: Yard, rest: readonly Group[]): YardNode | null {
  if (key === REST) return rest.length === 0 ? null : { kind: 'rest', groups: rest };
  const gap = key.indexOf(' ');
  const name = key.slice(gap + 1);
  switch (key.slice(0, gap)) {
    case 'group': {
      const group = yard.groups.find((each) => each.application === name);
      return group ? { kind: 'group', group } : null;
    }
    case 'session': {
      const session = yard.groups.flatMap((group) => group.sessions).find((each) => each.id === Number(name));
      return session ? { kind: 'session', session } : null;
    }
    case 'endpoint': {
      const endpoint = yard.endpoints.find((each) => each.id === name);
      return endpoint ? { kind: 'endpoint', endpoint } : null;
    }
    case 'backend': {
      const at = yard.backends.find((each) => each.backend === name);
      return at ? { kind: 'backend', at } : null;
    }
    default:
      return null;
  }
}

/** The sessions that a node stands for. */
export function sessionsOf(node: YardNode, yard: Yard): readonly SessionRow[] {
  switch (node.kind) {
    case 'group':
      return node.group.sessions;
    case 'session':
      return [node.session];
    case 'rest':
      return node.groups.flatMap((group) => group.sessions);
    case 'endpoint':
      return all(yard).filter((session) => session.endpoint === node.endpoint.id);
    case 'backend':
      return all(yard).filter((session) => session.backend === node.at.backend);
  }
}

/** The filter of the sessions view that shows those of a node; null where none can. */
export function filterOf(node: YardNode): string | null {
  switch (node.kind) {
    case 'group':
      return node.group.application === '' ? null : `app:${quoted(node.group.application)}`;
    case 'session':
      return null;
    case 'rest':
      return null;
    case 'endpoint':
      return `endpoint:${quoted(node.endpoint.id)}`;
    case 'backend':
      return `backend:${quoted(node.at.backend)}`;
  }
}

/** What a node is called. */
export function titleOf(node: YardNode): string {
  switch (node.kind) {
    case 'group':
      return node.group.application === '' ? 'clients without a name' : node.group.application;
    case 'session':
      return `session ${node.session.id}`;
    case 'rest':
      return `${node.groups.length} more applications`;
    case 'endpoint':
      return node.endpoint.id;
    case 'backend':
      return node.at.backend;
  }
}

function quoted(value: string): string {
  return /^[\w.:-]+$/.test(value) ? value : `"${value.replaceAll('"', '')}"`;
}

function all(yard: Yard): SessionRow[] {
  return yard.groups.flatMap((group) => group.sessions);
}
