import { useMemo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { History } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { StripChart } from '../../charts/StripChart.tsx';
import { useTurn } from '../../charts/turn.ts';
import { formatShort } from '../../lib/format.ts';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SelectField } from '../../ui/Field.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { figures, poolStrips } from './figures.ts';
import type { Figure } from './figures.ts';
import styles from './History.module.css';
import { Marks, markWords } from './Marks.tsx';
import { Pauses } from './Pauses.tsx';
import { historyRows } from './rows.ts';
import { Tables } from './Tables.tsx';
import { useHistory } from './use-history.ts';

const ALL = '';
/** At most 240 points with the bucket that is being filled: 4 s long in a quarter of an hour, 2 s in five minutes. */
const slotsOf = { 5: 150, 15: 225 } as const;
const TABLE_SLOTS = 30;

type Minutes = keyof typeof slotsOf;
type As = 'charts' | 'tables';

/** The last minutes of the host. `params`: `minutes` (5 or 15), `pool`, `as` (`tables` for reading). */
export function HistoryView({ params }: { params: URLSearchParams }): ReactNode {
  const call = useHost();
  const minutes: Minutes = params.get('minutes') === '5' ? 5 : 15;
  const as: As = params.get('as') === 'tables' ? 'tables' : 'charts';
  const pool = params.get('pool') ?? ALL;
  const go = (change: { minutes?: Minutes; as?: As; pool?: string }): void => {
    const next = { minutes, as, pool, ...change };
    window.location.hash = hashOf('history', {
      minutes: String(next.minutes),
      ...(next.as === 'tables' ? { as: 'tables' } : {}),
      ...(next.pool === ALL ? {} : { pool: next.pool }),
    });
  };
  const asked = pool === ALL ? null : pool;
  const { history, failure } = useHistory(minutes * 60, as === 'tables' ? TABLE_SLOTS : slotsOf[minutes], asked);
  const pools = history?.pools ?? [];
  const known = pool === ALL || pools.includes(pool) ? pools : [...pools, pool];
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>History</h1>
        <Segmented
          label="How far back"
          value={String(minutes)}
          onChange={(next) => go({ minutes: next === '5' ? 5 : 15 })}
          choices={[
            { value: '5', label: '5 minutes' },
            { value: '15', label: '15 minutes' },
          ]}
        />
        <Segmented
          label="Show as"
          value={as}
          onChange={(next) => go({ as: next })}
          choices={[
            { value: 'charts', label: 'Charts' },
            { value: 'tables', label: 'Tables' },
          ]}
        />
        <div className={styles.choice}>
          <SelectField
            label="Pool"
            value={pool}
            onChange={(next) => go({ pool: next })}
            choices={[{ value: ALL, label: 'All pools' }, ...known.map((key) => ({ value: key, label: key }))]}
          />
        </div>
        <span className={styles.right}>
          <ExportMenu
            what="history"
            shown={() => (history ? historyRows(history) : [])}
            all={async () => historyRows(await call('history', { seconds: 900, slots: 300, pool: asked }))}
          />
        </span>
      </div>
      <FailureNotice failure={failure} />
      {asked !== null && history !== null && history.pool === null && (
        <Notice tone="info">Nothing is kept of the pool {asked} in this time: what is shown is of all pools.</Notice>
      )}
      {history && (as === 'tables' ? <Tables history={history} /> : <Charts history={history} minutes={minutes} />)}
    </div>
  );
}

function Charts({ history, minutes }: { history: History; minutes: Minutes }): ReactNode {
  const axis = useMemo(() => ({ from: history.from, bucketMs: history.bucketMs, length: history.samples.length }), [history]);
  const poolTitle = history.pool ? `Server connections, ${history.pool.key}` : 'Server connections, all pools';
  const [first, second, ...rest] = figures;
  return (
    <>
      <Marks marks={history.marks} axis={axis} />
      <ul className={styles.legend} aria-label="What the signs mean">
        <li>
          <Lamp tone="info" shape="points" /> {markWords.move}
        </li>
        <li>
          <Lamp tone="info" shape="triangle" /> {markWords.server}
        </li>
        <li>
          <Lamp tone="info" shape="half" /> {markWords.work}
        </li>
        <li>
          <Lamp tone="info" shape="ring" /> {markWords.change}
        </li>
      </ul>
      <div className={styles.charts}>
        {[first, second].map((figure, turn) => figure && <Turned key={figure.key} history={history} figure={figure} turn={turn} />)}
        <Turned history={history} figure={{ key: 'pool', title: poolTitle, format: formatShort, strips: poolStrips }} turn={2} />
        {rest.map((figure, index) => (
          <Turned key={figure.key} history={history} figure={figure} turn={index + 3} />
        ))}
        <Pauses pauses={history.pauses} minutes={minutes} />
      </div>
    </>
  );
}

/** A chart that takes over what is new when it is its turn. */
function Turned({ history, figure, turn }: { history: History; figure: Figure; turn: number }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const shown = useTurn(history, turn, `${history.bucketMs} ${history.pool?.key ?? ''}`, box);
  const { strips } = figure;
  const drawn = useMemo(() => strips(shown), [strips, shown]);
  const axis = useMemo(() => ({ from: shown.from, bucketMs: shown.bucketMs, length: shown.samples.length }), [shown]);
  const marks = useMemo(() => shown.marks.map(({ at }) => at), [shown]);
  return (
    <div ref={box}>
      <StripChart title={figure.title} axis={axis} strips={drawn} marks={marks} format={figure.format} />
    </div>
  );
}
