import { X } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { unsay, useToasts } from '../../store/toasts.ts';
import type { Toast } from '../../store/toasts.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape } from '../../ui/Lamp.tsx';
import styles from './Toasts.module.css';

/** How long a message stays that wants nothing, and one that offers something, in milliseconds. */
const STAYS_MS = 6_000;
const STAYS_WITH_ACTION_MS = 20_000;

const shapes: Record<Toast['tone'], LampShape> = { good: 'full', bad: 'cross', info: 'half' };

/** The messages about what was just done. The region of good ones is always there: a screen reader hears of changes in it only then. */
export function Toasts(): ReactNode {
  const toasts = useToasts((state) => state.toasts);
  const bad = toasts.filter((toast) => toast.tone === 'bad');
  const other = toasts.filter((toast) => toast.tone !== 'bad');
  return (
    <div className={styles.stack}>
      <div role="status" aria-label="Messages" className={styles.region}>
        {other.map((toast) => (
          <Line key={toast.id} toast={toast} />
        ))}
      </div>
      <div className={styles.region}>
        {bad.map((toast) => (
          <Line key={toast.id} toast={toast} />
        ))}
      </div>
    </div>
  );
}

function Line({ toast }: { toast: Toast }): ReactNode {
  const { id, tone, words, hint, action } = toast;
  /** While somebody points at it or stands in it, it stays. */
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held || tone === 'bad') return undefined;
    const timer = setTimeout(() => unsay(id), action ? STAYS_WITH_ACTION_MS : STAYS_MS);
    return () => clearTimeout(timer);
  }, [held, tone, action, id]);
  return (
    <div
      {...(tone === 'bad' ? { role: 'alert' } : {})}
      className={styles.toast}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Lamp tone={tone} shape={shapes[tone]} />
      <p className={styles.words}>
        {words}
        {hint !== null && <span className={styles.hint}> {hint}</span>}
      </p>
      {action && (
        <Button
          small
          onClick={() => {
            unsay(id);
            action.run();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton label="Dismiss message" onClick={() => unsay(id)}>
        <X size={14} aria-hidden="true" />
      </IconButton>
    </div>
  );
}
