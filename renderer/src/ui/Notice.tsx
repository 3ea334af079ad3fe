import type { ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import { Lamp } from './Lamp.tsx';
import type { LampShape } from './Lamp.tsx';
import styles from './Notice.module.css';

type NoticeTone = 'good' | 'warn' | 'bad' | 'info';

const signs: Record<NoticeTone, LampShape> = { good: 'full', warn: 'triangle', bad: 'cross', info: 'points' };

interface NoticeProps {
  tone: NoticeTone;
  children: ReactNode;
  /** What would help, in softer ink. */
  hint?: string | null;
  actions?: ReactNode;
  /** Said by a screen reader when it appears. */
  live?: boolean;
}

/** A message in its place: what happened, what would help, what can be done. */
export function Notice({ tone, children, hint = null, actions, live = false }: NoticeProps): ReactNode {
  return (
    <div className={cx(styles.notice, styles[tone])} {...(live ? { role: tone === 'bad' ? 'alert' : 'status' } : {})}>
      <span className={styles.sign}>
        <Lamp tone={tone} shape={signs[tone]} />
      </span>
      <div className={styles.words}>
        <div>{children}</div>
        {hint !== null && <div className={styles.hint}>{hint}</div>}
      </div>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}
