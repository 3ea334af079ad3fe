import { memo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { PauseDistribution } from '../../../../core/contract/index.ts';
import { useWidth } from '../../charts/size.ts';
import { steppedTop } from '../../charts/scale.ts';
import { formatCount, formatMs, formatShort, plural } from '../../lib/format.ts';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import styles from './History.module.css';
import { pauseRows, placeOf } from './rows.ts';

const HEIGHT = 104;
const figures = ['p50', 'p95', 'p99', 'max'] as const;

/** How long the sessions that were moved stood still, as a distribution. */
export const Pauses = memo(function Pauses({ pauses, minutes }: { pauses: PauseDistribution; minutes: number }): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const bins = pauses.counts.length;
  const top = steppedTop(Math.max(...pauses.counts));
  const wide = width / bins;
  const words = figures.map((figure) => `${figure} ${formatMs(pauses[figure])}`).join(', ');
  return (
    <figure className={styles.pauses}>
      <figcaption className={styles.caption}>
        <h2>Pauses of moved sessions</h2>
        <ExportMenu what="pauses" shown={() => pauseRows(pauses)} />
        <dl className={styles.numbers}>
          <div>
            <dt>Moved</dt>
            <dd>{formatCount(pauses.count)}</dd>
          </div>
          {figures.map((figure) => (
            <div key={figure}>
              <dt>{figure}</dt>
              <dd>{pauses.count === 0 ? '–' : formatMs(pauses[figure])}</dd>
            </div>
          ))}
        </dl>
      </figcaption>
      <div className={styles.bars}>
        <div className={styles.scale} aria-hidden="true">
          <span>{formatShort(top)}</span>
          <span>{formatShort(top / 2)}</span>
          <span>0</span>
        </div>
        <div
          ref={frame}
          className={styles.plot}
          role="img"
          aria-label={
            pauses.count === 0
              ? `Nobody was moved in the last ${minutes} minutes`
              : `Distribution of ${plural(pauses.count, 'pause')}: ${words}. Its numbers are in the table.`
          }
        >
          {width > 0 && (
            <svg width={width} height={HEIGHT} aria-hidden="true">
              <path className={styles.grid} d={`M0 .5H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT - 0.5}H${width}`} />
              {pauses.counts.map((count, bin) => {
                if (count === 0) return null;
                const height = Math.max(2, (HEIGHT * count) / top);
                const key = pauses.bounds[bin] ?? 'more';
                return (
                  <rect
                    key={key}
                    x={bin * wide + 1}
                    y={HEIGHT - height}
                    width={Math.max(1, wide - 2)}
                    height={height}
                    fill="var(--accent)"
                  />
                );
              })}
              {pauses.count > 0 &&
                (['p50', 'p95', 'p99'] as const).map((figure) => {
                  const x = (placeOf(pauses.bounds, pauses[figure]) * width).toFixed(1);
                  return <path key={figure} className={styles.percentile} data-figure={figure} d={`M${x} 0V${HEIGHT}`} />;
                })}
            </svg>
          )}
          {pauses.count === 0 && <p className={styles.none}>Nobody was moved in this time.</p>}
        </div>
      </div>
      <div className={styles.bounds} aria-hidden="true">
        {pauses.bounds.map((bound, bin) => (
          <span key={bound} style={{ left: `${(100 * (bin + 1)) / bins}%` }}>
            {bound < 1_000 ? bound : `${bound / 1_000} s`}
          </span>
        ))}
      </div>
      <p className={styles.soft}>
        Milliseconds; dashed: p50, p95, p99.
        {pauses.cut && ' Only the newest pauses of this time are counted: there were more than are kept.'}
      </p>
    </figure>
  );
});
