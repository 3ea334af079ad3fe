import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { useHostNow } from '../../lib/clock.ts';
import { asSentence, formatMoment, formatSpan, plural } from '../../lib/format.ts';
import { useHeld } from '../../lib/use-held.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { VirtualList } from '../../ui/VirtualList.tsx';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import { pinTitle } from '../pooling/words.ts';
import { SessionLink } from '../sessions/SessionLink.tsx';
import { lineKey, pinLines, pinRows } from './group.ts';
import type { PinLine } from './group.ts';
import styles from './Pins.module.css';

/** Why sessions in transaction mode keep their server connections, by kind. */
export function PinsList(): ReactNode {
  const sessions = useServer((state) => state.sessions);
  const held = useHeld(pinLines(sessions.values()), (lines) => lines.map(lineKey).join('\n'));
  return (
    <section className={styles.section} aria-label="Pins" {...held.frame}>
      <div className={styles.top}>
        <p className={styles.soft}>
          A session in transaction mode that is pinned keeps its server connection, as in session mode, until the pin ends.
        </p>
        {held.behind && (
          <Button small onClick={held.catchUp}>
            Show what has changed
          </Button>
        )}
        <ExportMenu what="pins" shown={() => pinRows(sessions.values())} />
      </div>
      <div className={styles.frame}>
        {held.shown.length === 0 ? (
          <Empty
            title="No pins"
            actions={<a href={hashOf('sessions', { q: 'mode:transaction' })}>Show the sessions in transaction mode</a>}
          >
            A session is pinned when it has something that cannot go to another server connection with it: a temporary table, an advisory
            lock, a cursor that is held. Its reason and what ends it are listed here.
          </Empty>
        ) : (
          <VirtualList label="Pins by kind" items={held.shown} keyOf={lineKey} rowPx={72} className={styles.list}>
            {(line) => (line.kind === 'code' ? <Head line={line} /> : <Line line={line} />)}
          </VirtualList>
        )}
      </div>
    </section>
  );
}

function Head({ line }: { line: Extract<PinLine, { kind: 'code' }> }): ReactNode {
  return (
    <div className={styles.head}>
      <h2>{pinTitle(line.code)}</h2>
      <code>{line.code}</code>
      <span className={styles.soft}>{plural(line.sessions, 'session')}</span>
    </div>
  );
}

function Line({ line }: { line: Extract<PinLine, { kind: 'pin' }> }): ReactNode {
  const now = useHostNow();
  const row = useServer((state) => state.sessions.get(line.sessionId) ?? state.closed.get(line.sessionId)?.row);
  const isGone = useServer((state) => !state.sessions.has(line.sessionId));
  const pin =
    row?.pins.find((each, index) => each.code === line.code && index >= line.index) ?? row?.pins.find((each) => each.code === line.code);
  if (!row || !pin)
    return (
      <p className={styles.gone}>
        Session {line.sessionId} {row && !isGone ? 'is pinned no more' : 'is gone'}.
      </p>
    );
  return (
    <div className={styles.pin} data-session={row.id}>
      <div className={styles.who}>
        <b>
          <SessionLink id={row.id} application={row.application} />
        </b>
        <span className={styles.soft}>
          {row.endpoint} <PausedMark id={row.endpoint} short />
        </span>
        <span className={styles.soft} title={formatMoment(pin.since)}>
          {isGone ? 'has left' : `for ${formatSpan(now - pin.since)}`}
        </span>
      </div>
      <div className={styles.why}>
        <span>{asSentence(pin.reason)}</span>
        <span className={styles.soft}>What ends it: {pin.endsWhen}.</span>
        {pin.statement !== null && (
          <code className={styles.statement} title={pin.statement}>
            {pin.statement}
          </code>
        )}
      </div>
    </div>
  );
}
