import { create } from 'zustand';
import type { EndpointRow, SessionRow } from '../../../../core/contract/index.ts';

interface Progress {
  /** Somebody has seen that there are no sessions, and waits for the first. */
  readonly waited: boolean;
  /** It was moved, or nobody wants to hear of it. */
  readonly done: boolean;
}

/** How far this window's user is on the way to the first move. */
export const useProgress = create<Progress>()(() => ({ waited: false, done: false }));

/** Somebody waits for the first session. */
export function waitForFirst(): void {
  if (!useProgress.getState().waited) useProgress.setState({ waited: true });
}

/** The first steps are over. */
export function endFirstSteps(): void {
  useProgress.setState({ done: true });
}

/** Where a session could be moved: the first endpoint on another backend, one that is up before others; null: there is none. */
export function elsewhere(session: SessionRow, endpoints: readonly EndpointRow[]): EndpointRow | null {
  const others = endpoints.filter(({ backend }) => backend !== session.backend);
  return others.find(({ status }) => status === 'up') ?? others[0] ?? null;
}
