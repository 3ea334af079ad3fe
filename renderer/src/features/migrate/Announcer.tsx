import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { OperationRow } from '../../../../core/contract/index.ts';
import { Summaries, summaryOf } from './announce.ts';
import styles from './Panels.module.css';

const EVERY_MS = 5_000;

/** What a screen reader hears of operations: one summary in five seconds at most, however many there are. */
export function Announcer({ operations }: { operations: readonly OperationRow[] }): ReactNode {
  const [words, setWords] = useState('');
  const summaries = useRef<Summaries | null>(null);
  const newest = summaryOf(operations);
  useEffect(() => {
    const own = new Summaries(setWords, EVERY_MS);
    summaries.current = own;
    return () => own.end();
  }, []);
  useEffect(() => summaries.current?.offer(newest), [newest]);
  return (
    <div className={styles.unseen} aria-live="polite" data-testid="announced">
      {words}
    </div>
  );
}
