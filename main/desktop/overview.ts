/** What the tray knows: the state of the yard in one dot, and its endpoints with their counts. */
import type { Delta, EndpointRow, Snapshot } from '../../core/contract/index.ts';

/** `trouble`: a backend is down; `held`: new clients are refused, or an endpoint is paused; `calm`: neither. */
export type YardState = 'calm' | 'held' | 'trouble';

/** One endpoint, as far as a tray shows it. */
export type EndpointGlance = Pick<EndpointRow, 'id' | 'backend' | 'status' | 'sessions' | 'paused'>;

/** See the head of this file. */
export interface Overview {
  state: YardState;
  sessions: number;
  /** False while new clients are refused. */
  admitting: boolean;
  endpoints: readonly EndpointGlance[];
}

/** Before the host has said anything. */
export const nothingSeen: Overview = { state: 'calm', sessions: 0, admitting: true, endpoints: [] };

/** What is seen after a snapshot or a delta; the same object when nothing of it has changed. */
export function seen(before: Overview, said: Pick<Snapshot, 'host' | 'endpoints'> | Delta): Overview {
  if (said.host === undefined && said.endpoints === undefined) return before;
  const endpoints = said.endpoints?.map(glance) ?? before.endpoints;
  const admitting = said.host?.admitting ?? before.admitting;
  const sessions = endpoints.reduce((sum, endpoint) => sum + endpoint.sessions, 0);
  const after: Overview = { state: stateOf(endpoints, admitting), sessions, admitting, endpoints };
  return JSON.stringify(after) === JSON.stringify(before) ? before : after;
}

function glance({ id, backend, status, sessions, paused }: EndpointRow): EndpointGlance {
  return { id, backend, status, sessions, paused };
}

function stateOf(endpoints: readonly EndpointGlance[], admitting: boolean): YardState {
  if (endpoints.some(({ status }) => status === 'down')) return 'trouble';
  return admitting && !endpoints.some(({ paused }) => paused) ? 'calm' : 'held';
}

const states: Record<YardState, string> = { calm: 'all well', held: 'held back', trouble: 'a server does not answer' };

/** The overview in one line, for the tray's tooltip. */
export function inOneLine({ state, sessions, admitting }: Overview): string {
  const why = state === 'held' && !admitting ? 'new clients are refused' : states[state];
  return `Switchyard: ${sessions === 1 ? '1 session' : `${sessions} sessions`}, ${why}`;
}
