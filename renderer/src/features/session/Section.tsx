import { ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { create } from 'zustand';
import styles from './Session.module.css';

/** Sections that were closed: they stay so for the next session that is looked at. */
const useClosed = create<{ closed: ReadonlySet<string> }>()(() => ({ closed: new Set(['Transfers', 'So far']) }));

interface SectionProps {
  title: string;
  /** The gist of it, read at a glance, also while it is closed. */
  gist?: ReactNode;
  children: ReactNode;
}

/** One part of a session's details, to be opened and closed. */
export function Section({ title, gist, children }: SectionProps): ReactNode {
  const isOpen = useClosed(({ closed }) => !closed.has(title));
  return (
    <details
      className={styles.section}
      open={isOpen}
      onToggle={(event) => {
        const { open } = event.currentTarget;
        useClosed.setState(({ closed }) => {
          if (open !== closed.has(title)) return {};
          const next = new Set(closed);
          if (open) next.delete(title);
          else next.add(title);
          return { closed: next };
        });
      }}
    >
      <summary className={styles.summary}>
        <ChevronRight className={styles.mark} size={13} aria-hidden="true" />
        <h3>{title}</h3>
        {gist !== undefined && <span className={styles.gist}>{gist}</span>}
      </summary>
      <div className={styles.body}>{children}</div>
    </details>
  );
}

/** Facts in pairs of a name and what stands for it. */
export function Facts({ children }: { children: ReactNode }): ReactNode {
  return <dl className={styles.facts}>{children}</dl>;
}

/** One of them; long words are clipped and whole in the tooltip where `clip` has them. */
export function Fact({ name, clip, children }: { name: string; clip?: string; children: ReactNode }): ReactNode {
  return (
    <>
      <dt>{name}</dt>
      <dd className={clip === undefined ? undefined : styles.clip} title={clip}>
        {children}
      </dd>
    </>
  );
}

/** What is not known, and why. */
export function Missing({ children }: { children: ReactNode }): ReactNode {
  return <span className={styles.missing}>{children}</span>;
}
