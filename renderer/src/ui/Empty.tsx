import type { ReactNode } from 'react';
import styles from './Empty.module.css';

interface EmptyProps {
  title: string;
  children: ReactNode;
  actions?: ReactNode;
  /** Something as wide as the state itself, such as a line to copy. */
  wide?: ReactNode;
}

/** What stands where there is nothing yet: why, and what to do about it. */
export function Empty({ title, children, actions, wide }: EmptyProps): ReactNode {
  return (
    <div className={styles.empty}>
      <svg className={styles.art} width="120" height="36" viewBox="0 0 120 36" fill="none" aria-hidden="true">
        <path d="M4 26h112" stroke="currentColor" strokeWidth="2" />
        <path d="M30 26c22 0 26-16 52-16h34" stroke="var(--brass)" strokeWidth="2" />
        <circle cx="8" cy="26" r="4" fill="var(--panel)" stroke="currentColor" strokeWidth="2" />
        <circle cx="112" cy="26" r="4" fill="var(--panel)" stroke="currentColor" strokeWidth="2" />
        <circle cx="112" cy="10" r="4" fill="var(--panel)" stroke="var(--brass)" strokeWidth="2" />
      </svg>
      <h2>{title}</h2>
      <p className={styles.words}>{children}</p>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      {wide !== undefined && <div className={styles.wide}>{wide}</div>}
    </div>
  );
}
