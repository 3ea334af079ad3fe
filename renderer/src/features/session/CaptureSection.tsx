import { useState } from 'react';
import type { ReactNode } from 'react';
import type { CapturedStatement } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatClock, formatCount, formatMs, formatSpan, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { ScrollRegion } from '../../ui/ScrollRegion.tsx';
import { Section } from './Section.tsx';
import styles from './Session.module.css';
import { useCaptured } from './use-captured.ts';

const spans = [
  { seconds: 30, label: '30 s' },
  { seconds: 60, label: '1 min' },
  { seconds: 300, label: '5 min' },
  { seconds: 600, label: '10 min' },
];

/** The texts of a session's statements: only when asked for, only for a time. */
export function CaptureSection({ id, closed }: { id: number; closed: boolean }): ReactNode {
  const call = useHost();
  const now = useHostNow();
  const capture = useServer((state) => state.host?.capture ?? null);
  const isOn = capture !== null && (capture.sessions === null || capture.sessions.includes(id));
  const isElsewhere = capture !== null && !isOn;
  const [seconds, setSeconds] = useState(60);
  const [turn, setTurn] = useState(0);
  const { busy, failure, run } = useAction();
  const { statements, keptUntil, dropped } = useCaptured(id, isOn, turn);
  const clear = (): void =>
    run(async () => {
      await call('capture.clear', {});
      setTurn((before) => before + 1);
    });
  return (
    <Section
      title="Statement text"
      gist={
        isOn ? (
          <span className={styles.inline}>
            <Lamp tone="bad" shape="full" />
            captured for {formatSpan(capture.until - now)} more
          </span>
        ) : statements.length > 0 ? (
          plural(statements.length, 'statement')
        ) : (
          'off'
        )
      }
    >
      {!isOn && (
        <p className={styles.source}>
          Off: no text of a statement is kept. Switched on, this session’s statements are kept in the host’s memory for as long as you say,
          every window says so, and ten minutes after the end they are forgotten. Passwords and the like are left out; values of parameters
          are never kept.{isElsewhere && ' It takes the place of the capture that runs for other sessions.'}
        </p>
      )}
      <div className={styles.controls}>
        {isOn ? (
          <Button small look="danger" disabled={busy} onClick={() => run(() => call('capture.stop', {}))}>
            Stop capturing
          </Button>
        ) : (
          <>
            <Button small disabled={busy || closed} onClick={() => run(() => call('capture.start', { sessionIds: [id], seconds }))}>
              Capture statements
            </Button>
            <label className={styles.inline}>
              for
              <select className={styles.select} value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
                {spans.map((span) => (
                  <option key={span.seconds} value={span.seconds}>
                    {span.label}
                  </option>
                ))}
              </select>
            </label>
          </>
        )}
        {statements.length > 0 && (
          <Button small look="quiet" disabled={busy} onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      <FailureNotice failure={failure} />
      {statements.length > 0 && (
        <ScrollRegion className={styles.captured} label="Captured statements">
          <ol className={styles.list}>
            {statements.map((statement) => (
              <Statement key={statement.id} statement={statement} />
            ))}
          </ol>
        </ScrollRegion>
      )}
      {isOn && statements.length === 0 && <p className={styles.source}>It has run nothing since.</p>}
      {statements.length > 0 && (
        <p className={styles.source}>
          {dropped > 0 && `${formatCount(dropped)} older ones were let go. `}
          {keptUntil !== null && !isOn && `Forgotten in ${formatSpan(keptUntil - now)}.`}
        </p>
      )}
    </Section>
  );
}

function Statement({ statement }: { statement: CapturedStatement }): ReactNode {
  const { at, via, name, text, isCut, isRedacted, ms, error } = statement;
  return (
    <li className={styles.item}>
      <div className={styles.note}>
        <span className={styles.clock}>{formatClock(at)}</span>
        {ms === null ? ' under way' : ` ${formatMs(ms)}`}
        {via === 'prepare' && ', only prepared'}
        {name !== null && `, ${name}`}
        {error !== null && <strong className={styles.error}> {error}</strong>}
      </div>
      {text === null ? (
        <p className={styles.source}>Prepared before the capture began: its text is not known.</p>
      ) : (
        <code className={styles.text}>{text}</code>
      )}
      {(isCut || isRedacted) && (
        <div className={styles.note}>{isRedacted ? 'It speaks of a secret: its constants are left out.' : 'Cut: it goes on.'}</div>
      )}
    </li>
  );
}
