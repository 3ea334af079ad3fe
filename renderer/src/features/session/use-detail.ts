import { useEffect, useState } from 'react';
import type { SessionDetail } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf, type Failure } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';

/** How often a session that is looked at is asked about, milliseconds. */
const EVERY_MS = 1_500;

/** What is known of a session in detail: asked for again and again while it lives, the view runs and the page is seen. */
export function useDetail(id: number): { detail: SessionDetail | null; failure: Failure | null } {
  const call = useHost();
  const lives = useServer((state) => state.sessions.has(id));
  const isLive = useServer((state) => state.feed === 'live');
  const isFrozen = useView((state) => state.frozen !== null);
  // Who switches the capture on wants to see what it changes at once.
  const capture = useServer((state) => state.host?.capture?.until ?? null);
  const [known, setKnown] = useState<{ detail: SessionDetail | null; failure: Failure | null }>({ detail: null, failure: null });
  useEffect(() => {
    if (!lives || !isLive || isFrozen) return;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
      const later = (): void => {
        if (!isOver) timer = setTimeout(ask, EVERY_MS);
      };
      if (document.hidden) {
        later();
        return;
      }
      call('session.detail', { sessionId: id })
        .then(
          (detail) => {
            if (!isOver) setKnown({ detail, failure: null });
          },
          (error: unknown) => {
            if (!isOver) setKnown((before) => ({ ...before, failure: failureOf(error) }));
          },
        )
        .finally(later);
    };
    ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [call, id, lives, isLive, isFrozen, capture]);
  return known;
}
