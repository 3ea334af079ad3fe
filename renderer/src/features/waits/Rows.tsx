import type { ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { cx } from '../../lib/cx.ts';
import { asSentence, formatMoment, formatSpan } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import { PinBadge } from '../pins/PinBadge.tsx';
import { SessionLink } from '../sessions/SessionLink.tsx';
import { states } from '../sessions/states.ts';
import { act, useActions } from './actions.ts';
import type { SessionWork } from './actions.ts';
import { isIdleInTransaction, isWaiting } from './arrange.ts';
import type { Queue } from './arrange.ts';
import styles from './Waits.module.css';
import { whyWaiting } from './why.ts';

function useSession(id: number): { row: SessionRow | undefined; isGone: boolean } {
  const live = useServer((state) => state.sessions.get(id));
  const closed = useServer((state) => state.closed.get(id)?.row);
  return { row: live ?? closed, isGone: live === undefined };
}

function Since({ at }: { at: number }): ReactNode {
  const now = useHostNow();
  return <span title={`since ${formatMoment(at)}`}>{formatSpan(now - at)}</span>;
}

/** A session that holds a server connection others wait for, and what can be done to it. The buttons keep their places. */
export function HolderRow({ id, onClose }: { id: number; onClose: (id: number) => void }): ReactNode {
  const { row, isGone } = useSession(id);
  if (!row) return <p className={styles.gone}>Session {id} is gone.</p>;
  const freed = isGone || row.serverPid === null;
  const look = states[row.state];
  return (
    <div className={cx(styles.row, freed && styles.freed)} data-session={id}>
      <div className={styles.who}>
        <span className={styles.name}>
          <Lamp tone={freed ? 'idle' : look.tone} shape={freed ? 'ring' : look.shape} />
          <b>
            <SessionLink id={id} application={row.application} />
          </b>
          <PinBadge pins={row.pins} />
        </span>
        <span className={styles.line}>{isGone ? 'has left' : freed ? 'has given it back' : <Doing row={row} />}</span>
        <span className={cx(styles.line, styles.soft)}>
          last {row.statementKind ?? 'statement: none'}, {row.user}, {row.endpoint}
          <PausedMark id={row.endpoint} short />
          {row.serverPid !== null && `, server process ${row.serverPid}`}
        </span>
        {!freed &&
          row.pins.map((pin) => (
            <span key={`${pin.code} ${pin.reason}`} className={styles.pin}>
              {asSentence(pin.reason)} What ends it: {pin.endsWhen}.
            </span>
          ))}
        <Told id={id} />
      </div>
      <div className={styles.actions}>
        <Act id={id} work="cancel" label="Cancel" refusal={freed || row.state !== 'active' ? 'It runs nothing' : null} />
        <Act id={id} work="rollback" label="Roll back" refusal={rollbackRefusal(row, freed)} />
        <Act id={id} work="close" label="End…" refusal={isGone ? 'It is closed' : null} onAct={() => onClose(id)} />
      </div>
    </div>
  );
}

function rollbackRefusal(row: SessionRow, freed: boolean): string | null {
  if (freed) return 'It holds no server connection';
  if (!isIdleInTransaction(row)) return row.state === 'active' ? 'It runs a statement: cancel it first' : 'It is in no transaction';
  return row.poolMode === 'session' ? 'In session mode it would keep its server connection: close it instead' : null;
}

/** What a holder does, and since when. */
function Doing({ row }: { row: SessionRow }): ReactNode {
  const since = <Since at={row.stateSince} />;
  if (isIdleInTransaction(row)) {
    return (
      <span className={styles.culprit}>
        {row.state} for {since}
      </span>
    );
  }
  if (row.state === 'idle') {
    return (
      <>
        idle for {since},{' '}
        {row.poolMode === 'session' ? 'keeps it until it leaves (session mode)' : row.pins.length > 0 ? 'pinned' : 'about to give it back'}
      </>
    );
  }
  return (
    <>
      {row.state} for {since}
    </>
  );
}

/** A session that waits, its place in the queue, and the way out of it. */
export function WaiterRow({ id, place, queue }: { id: number; place: number; queue: Queue }): ReactNode {
  const { row, isGone } = useSession(id);
  if (!row) return <p className={styles.gone}>Session {id} is gone.</p>;
  const served = isGone || !isWaiting(row);
  return (
    <div className={cx(styles.row, served && styles.freed)} data-session={id}>
      <div className={styles.who}>
        <span className={styles.name}>
          <Lamp tone={served ? 'idle' : 'warn'} shape={served ? 'ring' : 'triangle'} />
          <b>
            <SessionLink id={id} application={row.application} />
          </b>
        </span>
        <span className={styles.line}>
          {isGone ? (
            'has left'
          ) : served ? (
            'waits no more'
          ) : (
            <>
              number {place}, waits for <Since at={row.stateSince} />
            </>
          )}
        </span>
        <span className={cx(styles.line, styles.soft)}>
          {row.user}, {row.endpoint}
          <PausedMark id={row.endpoint} short />
        </span>
        {!served && <Why row={row} queue={queue} />}
        <Told id={id} />
      </div>
      <div className={styles.actions}>
        <Act id={id} work="cancel" label="Stop waiting" refusal={served ? 'It does not wait' : null} />
      </div>
    </div>
  );
}

/** Why this client waits, in a sentence that names who could free it. */
function Why({ row, queue }: { row: SessionRow; queue: Queue }): ReactNode {
  const now = useHostNow();
  const pool = useServer((state) => state.pools.find(({ key }) => key === queue.pool));
  const endpoint = useServer((state) => state.endpoints.find(({ id }) => id === row.endpoint));
  // Only the likeliest culprit is named, and it stands first.
  const culprit = useServer((state) => state.sessions.get(queue.holders[0] ?? 0));
  const words = whyWaiting({ waiter: row, pool, endpoint, holders: culprit ? [culprit] : [], now });
  return <span className={styles.why}>{words}</span>;
}

interface ActProps {
  id: number;
  work: SessionWork;
  label: string;
  /** Why it cannot be done now, in words. */
  refusal: string | null;
  /** Instead of doing it at once. */
  onAct?: () => void;
}

/** A button that says why when it cannot be used; it keeps its place and the focus all the same. */
function Act({ id, work, label, refusal, onAct }: ActProps): ReactNode {
  const call = useHost();
  const running = useActions((state) => state.bySession.get(id)?.state === 'running');
  const off = refusal !== null || running;
  return (
    <Button
      small
      look={work === 'rollback' && !off ? 'primary' : 'plain'}
      aria-disabled={off}
      aria-label={`${label} session ${id}`}
      title={refusal ?? undefined}
      onClick={() => {
        if (off) return;
        if (onAct) onAct();
        else void act(call, id, work);
      }}
    >
      {label}
    </Button>
  );
}

/** What was done to the session last. The line above the queues tells it to a screen reader. */
function Told({ id }: { id: number }): ReactNode {
  const outcome = useActions((state) => state.bySession.get(id));
  if (!outcome) return null;
  return <span className={outcome.state === 'refused' ? styles.refused : styles.told}>{outcome.words}</span>;
}
