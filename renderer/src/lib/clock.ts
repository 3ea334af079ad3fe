import { useSyncExternalStore } from 'react';
import { useServer } from '../store/server.ts';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = Math.floor(Date.now() / 1000);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    second = Math.floor(Date.now() / 1000);
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** This window's clock in milliseconds, read once a second by one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => second) * 1000;
}

/**
 * The host's clock in milliseconds, once a second: what `…At` and `…Since` of the contract are to be compared with. While the feed is lost it
 * stands at the last frame, because nobody knows what has happened since.
 */
export function useHostNow(): number {
  const now = useNow();
  const lostAt = useServer((state) => (state.feed === 'lost' ? state.receivedAt : null));
  return (lostAt ?? now) - useServer((state) => state.clockSkew);
}
