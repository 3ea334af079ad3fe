import type { ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatBytes, formatCount, formatMoment, formatShort, formatSpanShort } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { PausedMark, usePaused } from '../endpoints/PausedMark.tsx';
import { PinBadge } from '../pins/PinBadge.tsx';
import styles from './Grid.module.css';
import { fallThrough } from './route-words.ts';
import type { SortColumn } from './sort.ts';
import { states, transactionWords } from './states.ts';

interface Column {
  key: SortColumn;
  label: string;
  /** The full name, where the label is short; begins with the label, so that it can be said to voice control. */
  name?: string;
  numeric?: boolean;
  cell: (row: SessionRow) => ReactNode;
  /** The tooltip: what the cell may have cut off or put short. */
  title: (row: SessionRow) => string;
}

function Since({ at }: { at: number }): ReactNode {
  return formatSpanShort(useHostNow() - at);
}

function ApplicationCell({ row }: { row: SessionRow }): ReactNode {
  const name = row.application === '' ? <span className={styles.none}>unnamed</span> : row.application;
  if (row.pins.length === 0) return name;
  return (
    <span className={styles.state}>
      <span className={styles.clip}>{name}</span>
      <PinBadge pins={row.pins} />
    </span>
  );
}

function EndpointCell({ row }: { row: SessionRow }): ReactNode {
  const paused = usePaused(row.endpoint);
  if (row.transfer) return <span className={styles.moving}>→ {row.transfer.to}</span>;
  const fallen = fallThrough(row) !== null;
  if (!fallen && !paused) return row.endpoint;
  return (
    <span className={styles.state}>
      {fallen && (
        <span role="img" aria-label="fallback">
          <Lamp tone="warn" shape="triangle" />
        </span>
      )}
      <PausedMark id={row.endpoint} short />
      <span className={styles.clip}>{row.endpoint}</span>
    </span>
  );
}

function endpointTitle(row: SessionRow): string {
  if (row.transfer) return `${row.endpoint}, moving to ${row.transfer.to} (${row.transfer.phase})`;
  const fallen = fallThrough(row);
  return fallen === null ? row.endpoint : `${row.endpoint}; ${fallen}`;
}

function StateCell({ row }: { row: SessionRow }): ReactNode {
  const state = states[row.state];
  return (
    <span className={styles.state}>
      <Lamp tone={state.tone} shape={state.shape} />
      <span className={styles.clip}>{state.words}</span>
    </span>
  );
}

/** The columns of the table after the tick box and the id, in order. Their widths stand in Grid.module.css. */
export const columns: readonly Column[] = [
  {
    key: 'application',
    label: 'Application',
    cell: (row) => <ApplicationCell row={row} />,
    title: (row) => `${row.application} from ${row.clientAddress}:${row.clientPort}`,
  },
  { key: 'user', label: 'User', cell: (row) => row.user, title: (row) => row.user },
  { key: 'database', label: 'Database', cell: (row) => row.database, title: (row) => row.database },
  {
    key: 'endpoint',
    label: 'Endpoint',
    cell: (row) => <EndpointCell row={row} />,
    title: endpointTitle,
  },
  {
    key: 'backend',
    label: 'Backend',
    cell: (row) => (
      <>
        <BackendMark backend={row.backend} /> {row.backend}
      </>
    ),
    title: (row) => (row.serverPid === null ? row.backend : `${row.backend}, server process ${row.serverPid}`),
  },
  { key: 'state', label: 'State', cell: (row) => <StateCell row={row} />, title: (row) => row.state },
  {
    key: 'transaction',
    label: 'Tx',
    name: 'Tx: transaction status',
    cell: (row) => row.transaction ?? '–',
    title: (row) => (row.transaction ? transactionWords[row.transaction] : 'not known yet'),
  },
  {
    key: 'statement',
    label: 'Last',
    name: 'Last: kind of the last statement',
    cell: (row) => row.statementKind ?? '–',
    title: (row) => row.statementKind ?? 'no statement yet',
  },
  {
    key: 'since',
    label: 'Since',
    name: 'Since: time in this state',
    numeric: true,
    cell: (row) => <Since at={row.stateSince} />,
    title: (row) => `${row.state} since ${formatMoment(row.stateSince)}`,
  },
  {
    key: 'queries',
    label: 'Queries',
    numeric: true,
    cell: (row) => formatShort(row.queries),
    title: (row) => `${formatCount(row.queries)} queries, ${formatCount(row.transactions)} transactions`,
  },
  {
    key: 'bytes',
    label: 'In / out',
    name: 'In / out: bytes from the client and from the server',
    numeric: true,
    cell: (row) => `${formatBytes(row.bytesIn)} / ${formatBytes(row.bytesOut)}`,
    title: (row) => `${formatCount(row.bytesIn)} bytes from the client, ${formatCount(row.bytesOut)} from the server`,
  },
  {
    key: 'migrations',
    label: 'Moves',
    name: 'Moves: migrations so far',
    numeric: true,
    cell: (row) => formatCount(row.migrations),
    title: (row) => `${formatCount(row.migrations)} migrations`,
  },
];
