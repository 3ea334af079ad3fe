import { memo, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { TransferRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { TimeChart } from '../../charts/TimeChart.tsx';
import type { Series } from '../../charts/TimeChart.tsx';
import { formatClock, formatMoment, formatMs, formatShort, plural } from '../../lib/format.ts';
import { useHost } from '../../bridge/client.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { OutcomeLabel, outcomes } from '../migrate/Outcome.tsx';
import { Counters } from './Counters.tsx';
import styles from './Migrations.module.css';
import { Phases } from './Phases.tsx';
import { filterOf, filters, listTransfers, timelineRows } from './select.ts';
import type { OutcomeFilter } from './select.ts';

const PAGE = 100;

const pauses: readonly Series[] = [
  { label: 'Longest', color: 'var(--accent)', look: 'steps', of: (sample) => sample.pauseMaxMs ?? 0 },
  { label: 'Median', color: 'var(--brass)', look: 'steps', of: (sample) => sample.pauseP50Ms ?? 0 },
];
const settled: readonly Series[] = [
  { label: 'Success', color: 'var(--good)', look: 'steps', of: (sample) => sample.success },
  { label: 'Recoverable', color: 'var(--warn)', look: 'steps', of: (sample) => sample.recoverable },
  { label: 'Fatal', color: 'var(--bad)', look: 'steps', of: (sample) => sample.fatal },
  { label: 'Refused', color: 'var(--idle-fill)', look: 'steps', of: (sample) => sample.refused },
];

const filterWords: Record<OutcomeFilter, string> = {
  all: 'All',
  success: outcomes.success.words,
  error_recoverable: outcomes.error_recoverable.words,
  error_fatal: outcomes.error_fatal.words,
  refused: outcomes.refused.words,
  unmoved: 'Not moved',
};

/** The transfers so far: how many, how long, how they ended and why. `params`: `outcome` and `operation`. */
export function MigrationsView({ params }: { params: URLSearchParams }): ReactNode {
  const filter = filterOf(params.get('outcome'));
  const asked = Number(params.get('operation') ?? Number.NaN);
  const operation = Number.isInteger(asked) ? asked : null;
  const transfers = useServer((state) => state.transfers);
  const label = useServer((state) => (operation === null ? undefined : state.operations.get(operation)?.label));
  const [pages, setPages] = useState(1);
  const shown = useMemo(() => listTransfers(transfers.values(), filter, operation), [transfers, filter, operation]);
  const go = (outcome: OutcomeFilter): void => {
    window.location.hash = hashOf('migrations', {
      ...(outcome === 'all' ? {} : { outcome }),
      ...(operation === null ? {} : { operation: String(operation) }),
    });
  };
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1 className={styles.title}>Migrations</h1>
        <ExportTimelines />
      </div>
      <Counters />
      <div className={styles.charts}>
        <TimeChart title="Pause of moved sessions" series={pauses} format={formatMs} slot={0} />
        <TimeChart title="Settled per second" series={settled} stacked format={formatShort} slot={2} />
      </div>
      <div className={styles.bar}>
        <h2>Transfers</h2>
        <Segmented label="Outcome" value={filter} onChange={go} choices={filters.map((value) => ({ value, label: filterWords[value] }))} />
        <span className={styles.soft}>{plural(shown.length, 'transfer')}</span>
        <ExportMenu what="transfers" shown={() => shown} all={() => [...transfers.values()].reverse()} />
        {operation !== null && (
          <Button small onClick={() => (window.location.hash = hashOf('migrations'))}>
            {label ?? `Operation ${operation}`}: show all operations
          </Button>
        )}
      </div>
      <div className={styles.frame}>
        {shown.length === 0 ? (
          <NoTransfers any={transfers.size > 0} />
        ) : (
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Session</th>
                <th scope="col">Route</th>
                <th scope="col">Outcome</th>
                <th scope="col" className={styles.numeric}>
                  Pause
                </th>
                <th scope="col">Phases</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, pages * PAGE).map((transfer) => (
                <Line key={transfer.id} transfer={transfer} />
              ))}
            </tbody>
          </table>
        )}
        {shown.length > pages * PAGE && (
          <div className={styles.more}>
            <Button onClick={() => setPages((before) => before + 1)}>Show {PAGE} more</Button>
          </div>
        )}
      </div>
    </div>
  );
}

function NoTransfers({ any }: { any: boolean }): ReactNode {
  if (any)
    return (
      <Empty title="No transfers with this outcome" actions={<a href={hashOf('migrations')}>Show every outcome</a>}>
        Choose another outcome to see the rest.
      </Empty>
    );
  return (
    <Empty
      title="Nothing has been moved yet"
      actions={
        <Button look="primary" onClick={() => (window.location.hash = hashOf('sessions'))}>
          Select sessions
        </Button>
      }
    >
      Select sessions in the table and migrate them to another endpoint; each transfer is kept here with its pause and its phases.
    </Empty>
  );
}

const Line = memo(function Line({ transfer }: { transfer: TransferRow }): ReactNode {
  return (
    <tr>
      <td title={formatMoment(transfer.requestedAt)}>{formatClock(transfer.requestedAt)}</td>
      <td className={styles.session} title={transfer.application}>
        {transfer.sessionId}
        {transfer.application !== '' && <span className={styles.soft}> {transfer.application}</span>}
      </td>
      <td className={styles.route}>
        <span className={styles.clip} title={`${transfer.fromEndpoint} → ${transfer.toEndpoint}`}>
          {transfer.fromEndpoint} → {transfer.toEndpoint}
        </span>
        <span className={styles.clip} title={`${transfer.fromBackend} → ${transfer.toBackend}`} data-soft>
          {transfer.fromBackend} → {transfer.toBackend}
        </span>
      </td>
      <td>
        <OutcomeLabel outcome={transfer.outcome} phase={transfer.phase} />
      </td>
      <td className={styles.numeric}>{transfer.pauseMs === null ? '–' : formatMs(transfer.pauseMs)}</td>
      <td>
        <Phases phases={transfer.phases} />
      </td>
      <td className={styles.reason}>{transfer.reason ?? ''}</td>
    </tr>
  );
});

/** What is kept of the sessions of the last hour: as JSON each with its events and transfers, as CSV one line per event. */
function ExportTimelines(): ReactNode {
  const call = useHost();
  return (
    <ExportMenu
      what="timelines"
      shown={async (format) => {
        const { sessions } = await call('timelines.export', {});
        return format === 'json' ? sessions : sessions.flatMap(timelineRows);
      }}
    />
  );
}
