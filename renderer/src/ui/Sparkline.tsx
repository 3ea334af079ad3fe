import type { ReactNode } from 'react';

interface SparklineProps {
  /** Oldest first; the newest stands at the right edge. */
  values: readonly number[];
  /** How many values fill the width. */
  slots?: number;
  width?: number;
  height?: number;
}

/** A small line without axes: the shape of the last half minute. Decoration beside the number it belongs to. */
export function Sparkline({ values, slots = 30, width = 72, height = 22 }: SparklineProps): ReactNode {
  const shown = values.slice(-slots);
  const top = Math.max(1, ...shown);
  const step = (width - 2) / (slots - 1);
  const first = slots - shown.length;
  const points = shown
    .map((value, i) => `${(1 + (first + i) * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`)
    .join(' ');
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={`M1 ${height - 1.5}H${width - 1}`} stroke="var(--line)" />
      {shown.length > 1 && <polyline points={points} fill="none" stroke="var(--accent)" strokeWidth="1.5" strokeLinejoin="round" />}
    </svg>
  );
}
