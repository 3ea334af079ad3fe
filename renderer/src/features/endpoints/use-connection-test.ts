import { useCallback, useEffect, useRef, useState } from 'react';
import type { CallReply, CallRequest } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf } from '../../lib/use-action.ts';
import { TestQueue } from './test-queue.ts';

type Request = CallRequest<'endpoints.test'>;

/** What a test said, or why it could not be made. */
export type Tested = Pick<CallReply<'endpoints.test'>, 'ok' | 'message' | 'hint'>;

/** The last test of a connection. */
export interface ConnectionTest {
  readonly busy: boolean;
  /** Of exactly what is asked for now; null: not known yet. */
  readonly found: Tested | null;
  /** Asks at once, and again if it has been asked. */
  readonly again: () => void;
}

/** For the whole window. */
const queue = new TestQueue(2);

/**
 * Tests a connection `delayMs` after the last change of what is asked for (null: only when it is asked to); a null request has nothing to
 * test. An answer to something that is
 * not asked for any more is never shown.
 */
export function useConnectionTest(request: Request | null, delayMs: number | null): ConnectionTest {
  const call = useHost();
  const key = request === null ? null : JSON.stringify(request);
  const [shown, setShown] = useState<{ key: string; tested: Tested } | null>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const current = useRef<AbortController | null>(null);

  const ask = useCallback(
    (text: string) => {
      current.current?.abort();
      const own = new AbortController();
      current.current = own;
      setBusy(text);
      void queue
        .run(() => call('endpoints.test', JSON.parse(text) as Request), own.signal)
        .catch((error: unknown): Tested => ({ ok: false, ...failureOf(error) }))
        .then((tested) => {
          if (own.signal.aborted) return;
          setBusy(null);
          if (tested !== null) setShown({ key: text, tested });
        });
    },
    [call],
  );

  useEffect(() => {
    if (key === null) return;
    const timer = delayMs === null ? null : setTimeout(() => ask(key), delayMs);
    return () => {
      if (timer !== null) clearTimeout(timer);
      current.current?.abort();
      setBusy(null);
    };
  }, [key, delayMs, ask]);

  const again = useCallback(() => {
    if (key !== null) ask(key);
  }, [key, ask]);
  return { busy: busy !== null && busy === key, found: shown !== null && shown.key === key ? shown.tested : null, again };
}

/** Whether a text is so far a URL that there is a host to ask. */
export function isTestable(url: string): boolean {
  return /^postgres(?:ql)?:\/\/(?:[^@/?#]*@)?[^@/?#\s]+/i.test(url.trim()) || /[?&]host=[^&]/.test(url);
}
