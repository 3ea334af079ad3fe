import { X } from 'lucide-react';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { useHostNow } from '../../lib/clock.ts';
import { asSentence, formatBytes, formatClock, formatCount, formatMoment, formatMs, formatSpan, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import { OutcomeLabel } from '../migrate/Outcome.tsx';
import styles from './Drawer.module.css';
import { requestName, responseName } from './messages.ts';
import { askedFor, fallThrough } from './route-words.ts';
import { states, transactionWords } from './states.ts';
import { Timeline } from './Timeline.tsx';

function messageAt(message: SessionRow['lastRequest'], name: (type: string) => string): string {
  return message ? `${name(message.type)}, clock ${formatCount(message.at)}` : 'none yet';
}

/** Whether the session stands at a safe point, and if not what keeps it from one. */
function safePoint(row: SessionRow): { safe: boolean; words: string } {
  if (row.outstanding > 0) return { safe: false, words: `${formatCount(row.outstanding)} answers outstanding` };
  if (row.transaction !== 'I') {
    return { safe: false, words: row.transaction === null ? 'not ready yet' : transactionWords[row.transaction] };
  }
  return { safe: true, words: 'at a safe point' };
}

interface DrawerProps {
  id: number;
  onCloseSession: (id: number) => void;
}

/** Everything about one session; the table stays in view beside it. */
export function Drawer({ id, onCloseSession }: DrawerProps): ReactNode {
  const live = useServer((state) => state.sessions.get(id));
  const ghost = useServer((state) => state.closed.get(id)?.row);
  const row = live ?? ghost;
  const close = (): void => {
    useView.setState({ detail: null });
    document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus();
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape, from whatever control inside has the focus
    <aside
      className={styles.drawer}
      aria-label={`Details of session ${id}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <div className={styles.head}>
        <h2>
          Session {id}
          {row && row.application !== '' && `, ${row.application}`}
        </h2>
        <IconButton label="Close details" onClick={close}>
          <X size={16} aria-hidden="true" />
        </IconButton>
      </div>
      <div className={styles.actions}>
        <Button look="primary" small disabled={!live} onClick={() => openMigrate([id])}>
          Migrate to…
        </Button>
        <Button small disabled={!live} onClick={() => onCloseSession(id)}>
          Close session…
        </Button>
      </div>
      {row ? <Facts row={row} closed={!live} /> : <p className={styles.group}>This session is gone.</p>}
      <Transfers id={id} />
      {row && <Timeline row={row} closed={!live} />}
    </aside>
  );
}

function Facts({ row, closed }: { row: SessionRow; closed: boolean }): ReactNode {
  const now = useHostNow();
  const state = states[row.state];
  const point = safePoint(row);
  return (
    <>
      <section className={styles.group}>
        <h3>Now</h3>
        <dl className={styles.facts}>
          <dt>State</dt>
          <dd>
            {closed ? (
              'closed'
            ) : (
              <span className={styles.inline}>
                <Lamp tone={state.tone} shape={state.shape} />
                {row.state}
              </span>
            )}
          </dd>
          <dt>Since</dt>
          <dd title={formatMoment(row.stateSince)}>{formatSpan(now - row.stateSince)} ago</dd>
          <dt>Safe point</dt>
          <dd>
            <span className={styles.inline}>
              <Lamp tone={point.safe ? 'good' : 'warn'} shape={point.safe ? 'full' : 'half'} />
              {point.words}
            </span>
          </dd>
          <dt>Outstanding</dt>
          <dd>{formatCount(row.outstanding)}</dd>
          <dt>Last request</dt>
          <dd>{messageAt(row.lastRequest, requestName)}</dd>
          <dt>Last response</dt>
          <dd>{messageAt(row.lastResponse, responseName)}</dd>
          <dt>Last statement</dt>
          <dd>{row.statementKind ?? 'none yet'}</dd>
          {row.transfer && (
            <>
              <dt>Transfer</dt>
              <dd>
                to {row.transfer.to}: {row.transfer.phase}
              </dd>
            </>
          )}
        </dl>
      </section>
      <section className={styles.group}>
        <h3>Route</h3>
        <dl className={styles.facts}>
          <dt>Client</dt>
          <dd>
            {row.clientAddress}:{row.clientPort}
          </dd>
          <dt>Encryption</dt>
          <dd>{row.tls ?? 'none, plain text'}</dd>
          <dt>Endpoint</dt>
          <dd>
            <span className={styles.inline}>
              {row.endpoint} <PausedMark id={row.endpoint} />
            </span>
          </dd>
          <dt>Asked for</dt>
          <dd>
            {fallThrough(row) === null ? (
              askedFor(row)
            ) : (
              <span className={styles.inline}>
                <Lamp tone="warn" shape="triangle" />
                <span>{askedFor(row)}</span>
              </span>
            )}
          </dd>
          <dt>Backend</dt>
          <dd>
            <BackendMark backend={row.backend} /> {row.backend}
          </dd>
          <dt>Server process</dt>
          <dd>{row.serverPid ?? (row.state === 'waiting' ? 'none, waits for one' : 'none now')}</dd>
          <dt>Database</dt>
          <dd>{row.database}</dd>
          <dt>User</dt>
          <dd>{row.user}</dd>
        </dl>
      </section>
      <Pooling row={row} />
      <section className={styles.group}>
        <h3>So far</h3>
        <dl className={styles.facts}>
          <dt>Connected</dt>
          <dd title={formatMoment(row.connectedAt)}>{formatSpan(now - row.connectedAt)} ago</dd>
          <dt>Queries</dt>
          <dd>
            {formatCount(row.queries)} in {formatCount(row.transactions)} transactions
          </dd>
          <dt>From the client</dt>
          <dd>{formatBytes(row.bytesIn)}</dd>
          <dt>From the server</dt>
          <dd>{formatBytes(row.bytesOut)}</dd>
          <dt>Migrations</dt>
          <dd>{formatCount(row.migrations)}</dd>
          <dt>Servers outlived</dt>
          <dd>{formatCount(row.resurrections)}</dd>
        </dl>
      </section>
    </>
  );
}

/** How often it was given a server connection, and why it keeps the one it has. */
function Pooling({ row }: { row: SessionRow }): ReactNode {
  const now = useHostNow();
  return (
    <section className={styles.group}>
      <h3>Pooling</h3>
      <dl className={styles.facts}>
        <dt>Mode</dt>
        <dd>{row.poolMode}</dd>
        <dt>Given a server</dt>
        <dd>{plural(row.assignments, 'time')}</dd>
        <dt>Waited</dt>
        <dd>{formatMs(row.waitMs)} in all</dd>
      </dl>
      {row.pins.length > 0 && (
        <ul className={styles.pins} aria-label="Pins">
          {row.pins.map((pin) => (
            <li key={`${pin.code} ${pin.reason}`}>
              <span className={styles.inline}>
                <Lamp tone="warn" shape="half" />
                <span>
                  {asSentence(pin.reason)} <code>{pin.code}</code>
                </span>
              </span>
              <div className={styles.note} title={formatMoment(pin.since)}>
                Pinned for {formatSpan(now - pin.since)}. What ends it: {pin.endsWhen}.
              </div>
              {pin.statement !== null && <code className={styles.statement}>{pin.statement}</code>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Transfers({ id }: { id: number }): ReactNode {
  const transfers = useServer((state) => state.transfers);
  const own = useMemo(() => [...transfers.values()].filter((transfer) => transfer.sessionId === id).reverse(), [transfers, id]);
  return (
    <section className={styles.group}>
      <h3>Transfers</h3>
      {own.length === 0 && <p className={styles.note}>This session has not been moved.</p>}
      <ul>
        {own.slice(0, 20).map((transfer) => (
          <li key={transfer.id} className={styles.transfer}>
            <OutcomeLabel outcome={transfer.outcome} phase={transfer.phase} /> {transfer.fromEndpoint} → {transfer.toEndpoint}
            <div className={styles.note}>
              {formatClock(transfer.requestedAt)}
              {transfer.mode !== null && `, ${transfer.mode}`}
              {transfer.pauseMs !== null &&
                (transfer.outcome === 'success' || transfer.pauseMs > 0) &&
                `, pause ${formatMs(transfer.pauseMs)}`}
              {transfer.reason !== null && `: ${transfer.reason}`}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
