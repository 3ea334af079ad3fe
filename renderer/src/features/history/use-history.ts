import { useEffect, useState } from 'react';
import type { History } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';

/** Not more often than this, in milliseconds, however short the buckets are. */
const LEAST_MS = 1_000;

/**
 * What the host remembers, renewed as often as a bucket is full. Not while the page is hidden or the host is not heard of; once in sight
 * again it is renewed at once.
 */
export function useHistory(seconds: number, slots: number, pool: string | null): { history: History | null; failure: Failure | null } {
  const call = useHost();
  const isLive = useServer((state) => state.feed === 'live');
  const [history, setHistory] = useState<History | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    if (!isLive) return undefined;
    let over = false;
    let asking = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      clearTimeout(timer);
      if (over || asking || document.hidden) return;
      asking = true;
      let every = LEAST_MS;
      try {
        const reply = await call('history', { seconds, slots, pool });
        every = Math.max(LEAST_MS, reply.bucketMs);
        if (over) return;
        setHistory(reply);
        setFailure(null);
      } catch (error) {
        if (over) return;
        setFailure(failureOf(error));
      } finally {
        asking = false;
      }
      timer = setTimeout(() => void ask(), every);
    };
    const onVisible = (): void => void ask();
    void ask();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [call, isLive, seconds, slots, pool]);
  return { history, failure };
}
