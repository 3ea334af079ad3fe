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

/** A column of the table. */
export interface Column {
  key: SortColumn;
  label: string;
  /** The full name, where the label is short; begins with the label, so that it can be said to voice control. */
  name?: string;
  numeric?: boolean;
  /** As a grid track, and the least width of it in pixels. */
  width: string;
  least: number;
  /** Shown only when it is chosen. */
  extra?: boolean;
  /** What a change of it is told by; without it, it changes all the time and a change says nothing. */
  sign?: (row: SessionRow) => string;
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

/** The columns of the table after the tick box and the id, in order. */
export const columns: readonly Column[] = [
  {
    key: 'application',
    label: 'Application',
    width: 'minmax(112px, 1.6fr)',
    least: 112,
    sign: (row) => row.application,
    cell: (row) => <ApplicationCell row={row} />,
    title: (row) => `${row.application} from ${row.clientAddress}:${row.clientPort}`,
  },
  {
    key: 'user',
    label: 'User',
    width: 'minmax(72px, 0.8fr)',
    least: 72,
    sign: (row) => row.user,
    cell: (row) => row.user,
    title: (row) => row.user,
  },
  {
    key: 'database',
    label: 'Database',
    width: 'minmax(72px, 0.8fr)',
    least: 72,
    sign: (row) => row.database,
    cell: (row) => row.database,
    title: (row) => row.database,
  },
  {
    key: 'endpoint',
    label: 'Endpoint',
    width: 'minmax(78px, 1fr)',
    least: 78,
    sign: (row) => `${row.endpoint} ${row.transfer?.to ?? ''}`,
    cell: (row) => <EndpointCell row={row} />,
    title: endpointTitle,
  },
  {
    key: 'backend',
    label: 'Backend',
    width: 'minmax(146px, 0.9fr)',
    least: 146,
    sign: (row) => row.backend,
    cell: (row) => (
      <>
        <BackendMark backend={row.backend} /> {row.backend}
      </>
    ),
    title: (row) => (row.serverPid === null ? row.backend : `${row.backend}, server process ${row.serverPid}`),
  },
  {
    key: 'state',
    label: 'State',
    width: 'minmax(152px, 0.8fr)',
    least: 152,
    sign: (row) => row.state,
    cell: (row) => <StateCell row={row} />,
    title: (row) => row.state,
  },
  {
    key: 'transaction',
    label: 'Tx',
    width: '34px',
    least: 34,
    sign: (row) => row.transaction ?? '',
    name: 'Tx: transaction status',
    cell: (row) => row.transaction ?? '–',
    title: (row) => (row.transaction ? transactionWords[row.transaction] : 'not known yet'),
  },
  {
    key: 'statement',
    label: 'Last',
    width: 'minmax(76px, 0.4fr)',
    least: 76,
    name: 'Last: kind of the last statement',
    cell: (row) => row.statementKind ?? '–',
    title: (row) => row.statementKind ?? 'no statement yet',
  },
  {
    key: 'since',
    label: 'Since',
    width: '68px',
    least: 68,
    name: 'Since: time in this state',
    numeric: true,
    cell: (row) => <Since at={row.stateSince} />,
    title: (row) => `${row.state} since ${formatMoment(row.stateSince)}`,
  },
  {
    key: 'queries',
    label: 'Queries',
    width: '66px',
    least: 66,
    numeric: true,
    cell: (row) => formatShort(row.queries),
    title: (row) => `${formatCount(row.queries)} queries, ${formatCount(row.transactions)} transactions`,
  },
  {
    key: 'bytes',
    label: 'In / out',
    width: '128px',
    least: 128,
    name: 'In / out: bytes from the client and from the server',
    numeric: true,
    cell: (row) => `${formatBytes(row.bytesIn)} / ${formatBytes(row.bytesOut)}`,
    title: (row) => `${formatCount(row.bytesIn)} bytes from the client, ${formatCount(row.bytesOut)} from the server`,
  },
  {
    key: 'migrations',
    label: 'Moves',
    width: '58px',
    least: 58,
    sign: (row) => String(row.migrations),
    name: 'Moves: migrations so far',
    numeric: true,
    cell: (row) => formatCount(row.migrations),
    title: (row) => `${formatCount(row.migrations)} migrations`,
  },
  {
    key: 'client',
    label: 'Client',
    width: 'minmax(130px, 0.8fr)',
    least: 130,
    extra: true,
    cell: (row) => `${row.clientAddress}:${row.clientPort}`,
    title: (row) => `${row.clientAddress}:${row.clientPort}, ${row.tls ?? 'not encrypted'}`,
  },
  {
    key: 'pid',
    label: 'Pid',
    name: 'Pid: server process',
    numeric: true,
    width: '76px',
    least: 76,
    extra: true,
    sign: (row) => String(row.serverPid ?? ''),
    cell: (row) => row.serverPid ?? '–',
    title: (row) => (row.serverPid === null ? 'no server connection at the moment' : `server process ${row.serverPid}`),
  },
  {
    key: 'mode',
    label: 'Mode',
    width: '96px',
    least: 96,
    extra: true,
    sign: (row) => row.poolMode,
    cell: (row) => row.poolMode,
    title: (row) => `${row.poolMode} mode`,
  },
  {
    key: 'age',
    label: 'Age',
    name: 'Age: time since it connected',
    numeric: true,
    width: '84px',
    least: 84,
    extra: true,
    cell: (row) => <Since at={row.connectedAt} />,
    title: (row) => `connected ${formatMoment(row.connectedAt)}`,
  },
];
