import { memo, useMemo, useRef } from 'react';
import type { KeyboardEvent, PointerEvent, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import { formatClock } from '../lib/format.ts';
import { bucketAfter, bucketOf, pointAt, useCursor, useCursorBucket } from './cursor.ts';
import type { TimeAxis } from './cursor.ts';
import { bandPath, bases, barsPath, linePath, xOf, yOf } from './paths.ts';
import type { Plot } from './paths.ts';
import { steppedTop } from './scale.ts';
import { useWidth } from './size.ts';
import styles from './StripChart.module.css';

/** One figure over time. `bars` are counts and are stacked; the others keep the smallest and the largest value of each bucket. */
export type Strip =
  | {
      label: string;
      color: string;
      look: 'line' | 'area';
      dashed?: boolean;
      min: readonly (number | null)[];
      max: readonly (number | null)[];
    }
  | {
      label: string;
      color: string;
      look: 'bars';
      counts: readonly number[];
      /** What is told of the whole stretch: how many there were, or the largest. */
      whole: 'sum' | 'largest';
    };

interface StripChartProps {
  title: string;
  axis: TimeAxis;
  strips: readonly Strip[];
  /** Moments that are marked by a line. */
  marks: readonly number[];
  format: (value: number) => string;
}

const HEIGHT = 104;

/** Figures over a stretch of time, drawn without a library: eight of these stand together and share one cross-hair. */
export const StripChart = memo(function StripChart({ title, axis, strips, marks, format }: StripChartProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const top = useMemo(() => steppedTop(highest(strips)), [strips]);
  const plot = { width, height: HEIGHT, top, length: axis.length };
  return (
    <figure className={styles.figure}>
      <figcaption className={styles.caption}>
        <h2 title={title}>{title}</h2>
        <Legend axis={axis} strips={strips} format={format} />
      </figcaption>
      <div className={styles.body}>
        <div className={styles.scale} aria-hidden="true">
          <span>{format(top)}</span>
          <span>{format(top / 2)}</span>
          <span>{format(0)}</span>
        </div>
        <Pointer title={title} axis={axis} strips={strips} format={format}>
          <div ref={frame} className={styles.frame}>
            {width > 0 && (
              <svg width={width} height={HEIGHT} aria-hidden="true">
                <path className={styles.grid} d={`M0 .5H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT - 0.5}H${width}`} />
                <path className={styles.mark} d={marksPath(plot, axis, marks)} />
                <Drawing plot={plot} strips={strips} />
                <Cross plot={plot} axis={axis} strips={strips} />
              </svg>
            )}
          </div>
        </Pointer>
      </div>
      <TimeScale axis={axis} />
    </figure>
  );
});

function highest(strips: readonly Strip[]): number {
  let top = 0;
  const bars = strips.flatMap((strip) => (strip.look === 'bars' ? [strip.counts] : []));
  for (const bucket of (bars[0] ?? []).keys())
    top = Math.max(
      top,
      bars.reduce((sum, counts) => sum + (counts[bucket] ?? 0), 0),
    );
  for (const strip of strips) if (strip.look !== 'bars') for (const value of strip.max) top = Math.max(top, value ?? 0);
  return top;
}

function marksPath(plot: Plot, axis: TimeAxis, marks: readonly number[]): string {
  const buckets = new Set(marks.map((at) => bucketOf(axis, at)));
  return [...buckets].map((bucket) => (bucket === null ? '' : `M${xOf(plot, bucket).toFixed(1)} 0V${plot.height}`)).join('');
}

function Drawing({ plot, strips }: { plot: Plot; strips: readonly Strip[] }): ReactNode {
  const bars = strips.flatMap((strip) => (strip.look === 'bars' ? [strip] : []));
  const from = bases(bars.map(({ counts }) => counts));
  return (
    <>
      {bars.map((strip, index) => (
        <path key={strip.label} d={barsPath(plot, strip.counts, from[index] ?? [])} fill={strip.color} />
      ))}
      {strips.map((strip) => {
        if (strip.look === 'bars') return null;
        const ground = strip.look === 'area' ? strip.max.map((value) => (value === null ? null : 0)) : strip.min;
        return (
          <g key={strip.label}>
            <path d={bandPath(plot, ground, strip.max)} fill={strip.color} fillOpacity={strip.look === 'area' ? 0.18 : 0.3} />
            <path
              d={linePath(plot, strip.max)}
              fill="none"
              stroke={strip.color}
              strokeWidth="1.5"
              {...(strip.dashed ? { strokeDasharray: '4 3' } : {})}
            />
          </g>
        );
      })}
    </>
  );
}

function Cross({ plot, axis, strips }: { plot: Plot; axis: TimeAxis; strips: readonly Strip[] }): ReactNode {
  const bucket = useCursorBucket(axis);
  if (bucket === null) return null;
  const x = xOf(plot, bucket);
  return (
    <>
      <path className={styles.cross} d={`M${x.toFixed(1)} 0V${plot.height}`} />
      {strips.map((strip) => {
        const value = strip.look === 'bars' ? null : (strip.max[bucket] ?? null);
        return value === null ? null : <circle key={strip.label} cx={x} cy={yOf(plot, value)} r="3" fill={strip.color} />;
      })}
    </>
  );
}

/** A figure in one bucket, in words: its value, or from what to what. */
export function valueWords(strip: Strip, bucket: number, format: (value: number) => string): string {
  if (strip.look === 'bars') return format(strip.counts[bucket] ?? 0);
  const [min, max] = [strip.min[bucket] ?? null, strip.max[bucket] ?? null];
  if (min === null || max === null) return '–';
  const [low, high] = [format(min), format(max)];
  return low === high ? high : `${low}–${high}`;
}

function Legend({ axis, strips, format }: Pick<StripChartProps, 'axis' | 'strips' | 'format'>): ReactNode {
  const bucket = useCursorBucket(axis);
  return (
    <ul className={styles.legend}>
      {strips.map((strip) => (
        <li key={strip.label}>
          <span className={cx(styles.swatch, strip.look === 'line' && styles.thin)} style={{ background: strip.color }} />
          {strip.label}
          {/* Without a cross-hair: what is now; of what is counted, all of it. */}
          <b>
            {bucket !== null
              ? valueWords(strip, bucket, format)
              : strip.look === 'bars'
                ? format(wholeOf(strip))
                : lastWords(strip.max, format)}
          </b>
        </li>
      ))}
    </ul>
  );
}

function wholeOf({ counts, whole }: Extract<Strip, { look: 'bars' }>): number {
  return counts.reduce((before, count) => (whole === 'sum' ? before + count : Math.max(before, count)), 0);
}

function lastWords(values: readonly (number | null)[], format: (value: number) => string): string {
  // The bucket that is being filled may be empty yet.
  const last = values.at(-1) ?? values.at(-2) ?? null;
  return last === null ? '–' : format(last);
}

/** Moves the cross-hair: by pointer, or as a slider by the keyboard. */
function Pointer({ title, axis, strips, format, children }: Omit<StripChartProps, 'marks'> & { children: ReactNode }): ReactNode {
  const bucket = useCursorBucket(axis);
  const momentOf = (next: number): number => axis.from + next * axis.bucketMs;
  const onPointerMove = (event: PointerEvent<HTMLElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const next = Math.floor(((event.clientX - box.left) / box.width) * axis.length);
    pointAt(momentOf(Math.max(0, Math.min(axis.length - 1, next))));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = bucketAfter(event.key, bucket ?? axis.length - 1, axis.length);
    if (next === undefined) return;
    event.preventDefault();
    pointAt(next === null ? null : momentOf(next));
  };
  const at = bucket ?? axis.length - 1;
  const words = strips.map((strip) => `${strip.label} ${valueWords(strip, at, format)}`).join(', ');
  return (
    <div
      className={styles.pointer}
      role="slider"
      tabIndex={0}
      aria-label={`${title}, moment`}
      aria-valuemin={0}
      aria-valuemax={axis.length - 1}
      aria-valuenow={at}
      aria-valuetext={`${formatClock(momentOf(at))}: ${words}`}
      onPointerMove={onPointerMove}
      onPointerLeave={() => pointAt(null)}
      onFocus={(event) => {
        if (event.target.matches(':focus-visible') && useCursor.getState().at === null) pointAt(momentOf(axis.length - 1));
      }}
      onBlur={() => pointAt(null)}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

function TimeScale({ axis }: { axis: TimeAxis }): ReactNode {
  const minutes = Math.round((axis.length * axis.bucketMs) / 60_000);
  const step = minutes > 6 ? 3 : 1;
  const ticks = Array.from({ length: Math.floor(minutes / step) + 1 }, (_, index) => index * step);
  return (
    <div className={styles.times} aria-hidden="true">
      {ticks.map((ago) => (
        <span key={ago} style={{ left: `${100 - (100 * ago * 60_000) / (axis.length * axis.bucketMs)}%` }}>
          {ago === 0 ? 'now' : `−${ago} min`}
        </span>
      ))}
    </div>
  );
}
