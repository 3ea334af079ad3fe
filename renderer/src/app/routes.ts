import { useSyncExternalStore } from 'react';

/** The views, in the order of the rail. */
export const routes = ['yard', 'sessions', 'endpoints', 'pools', 'migrations', 'history', 'events', 'settings'] as const;
export type Route = (typeof routes)[number];

/** The view and its parameters that an address's fragment names (`#/migrations?outcome=refused`). */
export function parseHash(hash: string): { route: Route; params: URLSearchParams } {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { route: routes.find((each) => each === path) ?? 'yard', params: new URLSearchParams(query) };
}

/** The fragment for a view. */
export function hashOf(route: Route, params: Record<string, string> = {}): string {
  const query = new URLSearchParams(params).toString();
  return `#/${route}${query === '' ? '' : `?${query}`}`;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

/** The fragment of this page, as it changes. */
export function useHash(): string {
  return useSyncExternalStore(subscribe, () => window.location.hash);
}
