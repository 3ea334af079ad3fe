import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { SessionRow, SessionTimeline } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { asSentence, formatClock, formatMoment, plural } from '../../lib/format.ts';
import { failureOf, type Failure } from '../../lib/use-action.ts';
import { Notice } from '../../ui/Notice.tsx';
import { Section } from '../session/Section.tsx';
import styles from './Drawer.module.css';

/** What happened to a session, newest first; asked for anew when something has. */
export function Timeline({ row, closed }: { row: SessionRow; closed: boolean }): ReactNode {
  const call = useHost();
  const [timeline, setTimeline] = useState<SessionTimeline | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const change = `${row.migrations} ${row.resurrections} ${row.pins.map((pin) => pin.code).join()} ${row.transfer?.id ?? ''} ${closed}`;
  useEffect(() => {
    let isStale = false;
    call('session.timeline', { sessionId: row.id }).then(
      (reply) => {
        if (isStale) return;
        setTimeline(reply);
        setFailure(null);
      },
      (error: unknown) => {
        if (!isStale) setFailure(failureOf(error));
      },
    );
    return () => {
      isStale = true;
    };
  }, [call, row.id, change]);
  return (
    <Section title="Timeline" {...(timeline === null ? {} : { gist: plural(timeline.events.length, 'event') })}>
      {failure && <Notice tone="warn">{failure.message}</Notice>}
      {timeline && (
        <ol className={styles.timeline} aria-label={`Timeline of session ${row.id}`}>
          {timeline.events.toReversed().map((event, index) => (
            <li key={`${event.at} ${event.name} ${timeline.events.length - index}`}>
              <span title={formatMoment(event.at)}>{formatClock(event.at)}</span> <strong>{event.name.replaceAll('_', ' ')}</strong>
              {event.detail !== null && <div className={styles.note}>{asSentence(event.detail)}</div>}
            </li>
          ))}
        </ol>
      )}
      {timeline !== null && timeline.forgotten > 0 && (
        <p className={styles.note}>{plural(timeline.forgotten, 'event')} between are left out.</p>
      )}
      <p>
        <a href={hashOf('events', { q: `session:${row.id}` })}>Events of this session</a>
      </p>
    </Section>
  );
}
