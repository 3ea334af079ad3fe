import { X } from 'lucide-react';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import type { SessionDetail, SessionRow } from '../../../../core/contract/index.ts';
import { useHostNow } from '../../lib/clock.ts';
import { asSentence, formatBytes, formatClock, formatCount, formatMoment, formatMs, formatSpan, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { OutcomeLabel } from '../migrate/Outcome.tsx';
import { CaptureSection } from '../session/CaptureSection.tsx';
import { SafePointSection } from '../session/SafePointSection.tsx';
import { Fact, Facts, Section } from '../session/Section.tsx';
import { SettingsSection, StatementsSection, WaitFact } from '../session/StateSections.tsx';
import { useDetail } from '../session/use-detail.ts';
import { ClientSection, RouteSection, ServerSection } from '../session/Who.tsx';
import styles from './Drawer.module.css';
import { DrawerPlace } from './DrawerPlace.tsx';
import { states } from './states.ts';
import { Timeline } from './Timeline.tsx';

interface DrawerProps {
  id: number;
  onCloseSession: (id: number) => void;
}

/** Everything about one session; the table stays in view beside it. */
export function Drawer({ id, onCloseSession }: DrawerProps): ReactNode {
  const live = useServer((state) => state.sessions.get(id));
  const ghost = useServer((state) => state.closed.get(id)?.row);
  const row = live ?? ghost;
  const { detail, failure } = useDetail(id);
  const close = (): void => {
    useView.setState({ detail: null });
    document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus();
  };
  return (
    <DrawerPlace>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape, from whatever control inside has the focus */}
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
            Move to…
          </Button>
          <Button small disabled={!live} onClick={() => onCloseSession(id)}>
            End session…
          </Button>
        </div>
        {failure !== null && live !== undefined && (
          <div className={styles.actions}>
            <Notice tone="warn" hint={failure.hint}>
              {failure.message}
            </Notice>
          </div>
        )}
        {row ? (
          <>
            <NowSection row={row} closed={!live} detail={detail} />
            <ClientSection row={row} detail={detail} />
            <RouteSection row={row} detail={detail} />
            <ServerSection row={row} detail={detail} />
            <SafePointSection row={row} point={detail?.safePoint ?? null} />
            <PoolingSection row={row} />
            <SettingsSection detail={detail} />
            <StatementsSection detail={detail} />
            <CaptureSection id={id} closed={!live} />
            <TransfersSection id={id} />
            <Timeline row={row} closed={!live} />
            <SoFarSection row={row} />
          </>
        ) : (
          <p className={styles.gone}>This session is gone.</p>
        )}
      </aside>
    </DrawerPlace>
  );
}

/** What it does at the moment. */
function NowSection({ row, closed, detail }: { row: SessionRow; closed: boolean; detail: SessionDetail | null }): ReactNode {
  const now = useHostNow();
  const state = states[row.state];
  return (
    <Section title="Now">
      <Facts>
        <Fact name="State">
          {closed ? (
            'closed'
          ) : (
            <span className={styles.inline}>
              <Lamp tone={state.tone} shape={state.shape} />
              {row.state}
            </span>
          )}
        </Fact>
        <Fact name="Since">
          <span title={formatMoment(row.stateSince)}>{formatSpan(now - row.stateSince)}</span>
        </Fact>
        {row.transfer && (
          <Fact name="Transfer">
            to {row.transfer.to}: {row.transfer.phase}
          </Fact>
        )}
        <WaitFact detail={closed ? null : detail} />
      </Facts>
    </Section>
  );
}

/** How often it was given a server connection and how long it waited, and why it keeps the one it has. */
function PoolingSection({ row }: { row: SessionRow }): ReactNode {
  const now = useHostNow();
  return (
    <Section title="Pins and waits" gist={row.pins.length > 0 ? plural(row.pins.length, 'pin') : 'no pins'}>
      <Facts>
        <Fact name="Mode">{row.poolMode}</Fact>
        <Fact name="Given a server">{plural(row.assignments, 'time')}</Fact>
        <Fact name="Waited">{formatMs(row.waitMs)} in all</Fact>
      </Facts>
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
    </Section>
  );
}

/** What it has done so far. */
function SoFarSection({ row }: { row: SessionRow }): ReactNode {
  const now = useHostNow();
  return (
    <Section title="So far" gist={`connected ${formatSpan(now - row.connectedAt)} ago`}>
      <Facts>
        <Fact name="Connected">
          <span title={formatMoment(row.connectedAt)}>{formatSpan(now - row.connectedAt)} ago</span>
        </Fact>
        <Fact name="Queries">
          {formatCount(row.queries)} in {formatCount(row.transactions)} transactions
        </Fact>
        <Fact name="From the client">{formatBytes(row.bytesIn)}</Fact>
        <Fact name="From the server">{formatBytes(row.bytesOut)}</Fact>
        <Fact name="Migrations">{formatCount(row.migrations)}</Fact>
        <Fact name="Servers outlived">{formatCount(row.resurrections)}</Fact>
      </Facts>
    </Section>
  );
}

/** How it was moved. */
function TransfersSection({ id }: { id: number }): ReactNode {
  const transfers = useServer((state) => state.transfers);
  const own = useMemo(() => [...transfers.values()].filter((transfer) => transfer.sessionId === id).reverse(), [transfers, id]);
  return (
    <Section title="Transfers" gist={own.length === 0 ? 'none' : String(own.length)}>
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
    </Section>
  );
}
