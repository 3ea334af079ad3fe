import { create } from 'zustand';
import type { PoolMode, PoolProfile } from '../../../../core/contract/index.ts';
import type { HostCall } from '../../bridge/client.ts';
import { failureOf } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';

/** How long a pause waits for the server connections before it gives up, in milliseconds. */
export const PAUSE_WITHIN_MS = 30_000;

/** What is done to an endpoint's pools. */
export type Work = 'pause' | 'resume' | 'reconnect' | 'kill' | 'pooling';

/** What is under way at an endpoint, and how the last of it ended. */
export interface Control {
  work: Work | null;
  done: Work | null;
  failure: Failure | null;
}

interface Controls {
  byEndpoint: Readonly<Record<string, Control>>;
}

/** Outlives the view: a pause that takes its time is still shown when somebody comes back. */
export const useControls = create<Controls>()(() => ({ byEndpoint: {} }));

const still: Control = { work: null, done: null, failure: null };

/** What is known of an endpoint. */
export function useControl(endpoint: string): Control {
  return useControls((state) => state.byEndpoint[endpoint] ?? still);
}

function put(endpoint: string, control: Control): void {
  useControls.setState(({ byEndpoint }) => ({ byEndpoint: { ...byEndpoint, [endpoint]: control } }));
}

/** Takes what was said about an endpoint away. */
export function dismiss(endpoint: string): void {
  useControls.setState(({ byEndpoint }) => {
    const before = byEndpoint[endpoint] ?? still;
    return { byEndpoint: { ...byEndpoint, [endpoint]: { ...before, done: null, failure: null } } };
  });
}

/** How it ended; null: something else was done to the endpoint meanwhile, and what this call said after that is not shown any more. */
export type Ended = Failure | 'done' | null;

/** What came last at an endpoint counts. */
async function follow(endpoint: string, work: Work, call: () => Promise<unknown>): Promise<Ended> {
  const started: Control = { work, done: null, failure: null };
  put(endpoint, started);
  const failure = await call().then(
    () => null,
    (error: unknown) => failureOf(error),
  );
  if (useControls.getState().byEndpoint[endpoint] !== started) return null;
  put(endpoint, { work: null, done: failure ? null : work, failure });
  return failure ?? 'done';
}

/** One of PgBouncer's commands. */
export type PoolCommand = Exclude<Work, 'pooling'>;

/** Gives one to an endpoint, and answers how it ended. */
export function command(call: HostCall, work: PoolCommand, endpoint: string): Promise<Ended> {
  return follow(endpoint, work, () =>
    work === 'pause' ? call('pool.pause', { endpoint, withinMs: PAUSE_WITHIN_MS }) : call(`pool.${work}`, { endpoint }),
  );
}

/** Stops server connections from being given out. Takes until all are given back; `resume` ends that, too. */
export function pause(call: HostCall, endpoint: string): void {
  void command(call, 'pause', endpoint);
}

/** Ends a pause, or one that is still under way. */
export function resume(call: HostCall, endpoint: string): void {
  void command(call, 'resume', endpoint);
}

/** Has server connections replaced as they are given back. */
export function reconnect(call: HostCall, endpoint: string): void {
  void command(call, 'reconnect', endpoint);
}

/** Ends the sessions and server connections of an endpoint. */
export function kill(call: HostCall, endpoint: string): void {
  void command(call, 'kill', endpoint);
}

/** Sets how the sessions of an endpoint are pooled. */
export function setPooling(call: HostCall, id: string, mode: PoolMode, profile: PoolProfile): void {
  void follow(id, 'pooling', () => call('endpoints.pooling', { id, mode, profile }));
}
