import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { useNow } from '../lib/clock.ts';
import { formatSpan } from '../lib/format.ts';
import { useServer } from '../store/server.ts';
import { Notice } from '../ui/Notice.tsx';
import styles from './App.module.css';

const RESTARTED = 'If the host was started again, open the address that it printed: each start has its own access token.';

/** Says that what is shown is old, and how old; nothing while the feed runs. */
export function FeedBanner(): ReactNode {
  const feed = useServer((state) => state.feed);
  const receivedAt = useServer((state) => state.receivedAt);
  const [shownSince, setShownSince] = useState(() => Date.now());
  const now = useNow();
  useEffect(() => setShownSince(Date.now()), [feed]);

  if (feed === 'live') return null;
  if (feed === 'connecting') {
    // A start that takes no time needs no words.
    if (now - shownSince < 3_000) return null;
    return (
      <div className={styles.banner}>
        <Notice tone="warn" hint={RESTARTED} live>
          The host does not answer yet; still trying.
        </Notice>
      </div>
    );
  }
  if (feed === 'denied') {
    return (
      <div className={styles.banner}>
        <Notice tone="bad" hint="Open the whole address that the host printed, with everything after the #." live>
          This page has no access token.
        </Notice>
      </div>
    );
  }
  return (
    <div className={styles.banner} data-testid="lost-banner">
      <Notice tone="bad" hint={RESTARTED} live>
        Connection to the host lost; trying again.
        {/* Its own element, hidden from the alert, so that a screen reader does not repeat it every second. */}
        <span aria-hidden="true"> What you see is {formatSpan(now - (receivedAt ?? now))} old.</span>
      </Notice>
    </div>
  );
}
