import { create } from 'zustand';
import type { EndpointRow, SessionRow } from '../../../../core/contract/index.ts';

interface Progress {
  /** Somebody has seen that there are no sessions, and waits for the first. */
  readonly waited: boolean;
  /** It was moved, or nobody wants to hear of it. */
  readonly done: boolean;
  /** The servers of this machine are shown: a dialog of the window's own, so that the first one added does not end it. */
  readonly finding: boolean;
}

/** How far this window's user is on the way to the first move. */
export const useProgress = create<Progress>()(() => ({ waited: false, done: false, finding: false }));

/** Somebody waits for the first session. */
export function waitForFirst(): void {
  if (!useProgress.getState().waited) useProgress.setState({ waited: true });
}

/** Shows the servers of this machine, or no more. */
export function showFound(finding: boolean): void {
  useProgress.setState({ finding });
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
