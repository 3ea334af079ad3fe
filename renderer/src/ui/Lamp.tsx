import type { ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import styles from './Lamp.module.css';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'idle';
export type LampShape = 'full' | 'ring' | 'half' | 'cross' | 'triangle' | 'points';

const shapes: Record<LampShape, ReactNode> = {
  full: <circle cx="5" cy="5" r="4" fill="currentColor" />,
  ring: <circle cx="5" cy="5" r="3.25" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  half: (
    <>
      <circle cx="5" cy="5" r="3.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M5 1.75a3.25 3.25 0 0 0 0 6.5z" fill="currentColor" />
    </>
  ),
  cross: <path d="M1.8 1.8l6.4 6.4m0-6.4l-6.4 6.4" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  triangle: <path d="M5 1l4.3 7.8h-8.6z" fill="currentColor" />,
  points: <path d="M.8 7.5h8.4m-7-1c3.5 0 3.5-4 7-4" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />,
};

/** A small sign for a state: its shape says the same as its colour. Decoration only; the words stand beside it. */
export function Lamp({ tone, shape, size = 10 }: { tone: Tone; shape: LampShape; size?: number }): ReactNode {
  return (
    <svg className={cx(styles.lamp, styles[tone])} width={size} height={size} viewBox="0 0 10 10" aria-hidden="true">
      {shapes[shape]}
    </svg>
  );
}
