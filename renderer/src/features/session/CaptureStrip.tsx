import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatSpan, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import styles from './Session.module.css';

/** Says in every view that statements are captured, whose, and for how long, and ends it; nothing while none are. */
export function CaptureStrip(): ReactNode {
  const capture = useServer((state) => state.host?.capture ?? null);
  const call = useHost();
  const now = useHostNow();
  const { busy, failure, run } = useAction();
  if (capture === null) return null;
  const { sessions, until } = capture;
  const whose = sessions === null ? 'all sessions' : sessions.length === 1 ? `session ${sessions[0]}` : plural(sessions.length, 'session');
  return (
    <div className={styles.strip} data-testid="capture-strip">
      <Lamp tone="bad" shape="full" />
      <span role="status">Capturing statements of {whose}</span>
      {/* Not part of the status, so that a screen reader does not count along. */}
      <span className={styles.left}>{formatSpan(until - now)} left</span>
      <Button small disabled={busy} onClick={() => run(() => call('capture.stop', {}))}>
        Stop
      </Button>
      {failure !== null && <span role="alert">{failure.message}</span>}
    </div>
  );
}
