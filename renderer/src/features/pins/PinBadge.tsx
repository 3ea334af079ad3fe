import { Pin } from 'lucide-react';
import type { ReactNode } from 'react';
import type { PinRow } from '../../../../core/contract/index.ts';
import { asSentence, plural } from '../../lib/format.ts';
import styles from './Pins.module.css';

/** How many pins a session has; why stands in the tooltip. */
export function PinBadge({ pins }: { pins: readonly PinRow[] }): ReactNode {
  if (pins.length === 0) return null;
  const why = pins.map((pin) => asSentence(pin.reason)).join('\n');
  return (
    <span
      className={styles.badge}
      role="img"
      aria-label={`${plural(pins.length, 'pin')}: ${why}`}
      title={`Keeps its server connection:\n${why}`}
    >
      <Pin size={11} aria-hidden="true" />
      {pins.length}
    </span>
  );
}
