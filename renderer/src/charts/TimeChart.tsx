import { memo, useMemo, useRef } from 'react';
import type { ReactNode } from 'react';
import { Area, CartesianGrid, ComposedChart, Line, Tooltip, XAxis, YAxis } from 'recharts';
import type { Sample } from '../../../core/contract/index.ts';
import { SAMPLE_SLOTS } from '../store/reduce.ts';
import { useSamples } from './samples.ts';
import { steppedTop } from './scale.ts';
import { useWidth } from './size.ts';
import styles from './TimeChart.module.css';

/** One line or area. `of` must be a stable function. */
export interface Series {
  label: string;
  /** A CSS colour, usually a token. */
  color: string;
  /** `steps` draws one flat piece per second, for things counted per second. */
  look: 'line' | 'area' | 'steps';
  of: (sample: Sample) => number;
}

interface TimeChartProps {
  title: string;
  /** Stable across renders. Areas and steps are stacked in this order if `stacked`. */
  series: readonly Series[];
  stacked?: boolean;
  format: (value: number) => string;
  /** Its turn among the charts of the view, 0 to 3. */
  slot: number;
}

const HEIGHT = 168;
const TICKS = [-240, -180, -120, -60, 0];
const margin = { top: 8, right: 12, bottom: 0, left: 0 };
const tick = { fill: 'var(--ink-soft)', fontSize: 11.5 };

function agoLabel(seconds: number): string {
  return seconds === 0 ? 'now' : `−${-seconds / 60} min`;
}

/** The last four minutes of some figures, redrawn once a second. */
export const TimeChart = memo(function TimeChart({ title, series, stacked = false, format, slot }: TimeChartProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const samples = useSamples(slot, frame);
  const last = samples.at(-1);
  const { points, top } = useMemo(() => {
    const newest = samples.at(-1)?.at ?? 0;
    let highest = 0;
    const rows = samples.map((sample) => {
      const values = series.map((each) => each.of(sample));
      highest = Math.max(highest, stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values));
      return { ago: Math.max(-SAMPLE_SLOTS, Math.round((sample.at - newest) / 1000)), values };
    });
    return { points: rows, top: steppedTop(highest) };
  }, [samples, series, stacked]);

  const summary = series.map((each) => `${each.label} ${last ? format(each.of(last)) : '–'}`).join(', ');
  return (
    <figure className={styles.figure}>
      <figcaption className={styles.caption}>
        <h2>{title}</h2>
        <ul className={styles.legend}>
          {series.map((each) => (
            <li key={each.label}>
              <span className={styles.swatch} data-look={each.look} style={{ background: each.color }} />
              {each.label}
              {/* What is counted per second is mostly zero in the last one; its figures stand elsewhere. */}
              {each.look !== 'steps' && <b>{last ? format(each.of(last)) : '–'}</b>}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={frame} className={styles.frame} role="img" aria-label={`${title} over the last four minutes; now: ${summary}`}>
        {width > 0 && (
          <ComposedChart width={width} height={HEIGHT} data={points} margin={margin} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              type="number"
              dataKey="ago"
              domain={[-SAMPLE_SLOTS, 0]}
              ticks={TICKS}
              tickFormatter={agoLabel}
              tick={tick}
              stroke="var(--line-strong)"
              height={22}
            />
            <YAxis
              type="number"
              domain={[0, top]}
              ticks={[0, top / 2, top]}
              tickFormatter={format}
              tick={tick}
              stroke="var(--line-strong)"
              width={58}
              allowDataOverflow
            />
            <Tooltip
              isAnimationActive={false}
              formatter={(value) => format(Number(value))}
              labelFormatter={(ago) => `${-Number(ago)} s ago`}
              contentStyle={tooltipStyle}
              cursor={{ stroke: 'var(--line-strong)' }}
            />
            {series.map((each, i) =>
              each.look === 'line' ? (
                <Line
                  key={each.label}
                  name={each.label}
                  dataKey={`values.${i}`}
                  type="linear"
                  stroke={each.color}
                  strokeWidth={1.6}
                  dot={false}
                  activeDot={false}
                  isAnimationActive={false}
                />
              ) : (
                <Area
                  key={each.label}
                  name={each.label}
                  dataKey={`values.${i}`}
                  type={each.look === 'steps' ? 'stepAfter' : 'linear'}
                  stroke={each.look === 'steps' ? 'none' : each.color}
                  strokeWidth={1.4}
                  fill={each.color}
                  fillOpacity={each.look === 'steps' ? 1 : 0.22}
                  dot={false}
                  activeDot={false}
                  isAnimationActive={false}
                  {...(stacked ? { stackId: 'sum' } : {})}
                />
              ),
            )}
          </ComposedChart>
        )}
        {samples.length === 0 && <p className={styles.none}>The first second is being measured.</p>}
      </div>
    </figure>
  );
});

const tooltipStyle = {
  background: 'var(--raised)',
  border: '1px solid var(--line-strong)',
  borderRadius: 6,
  color: 'var(--ink)',
  fontSize: 12.5,
};
