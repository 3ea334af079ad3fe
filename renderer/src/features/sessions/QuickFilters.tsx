import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { formatCount } from '../../lib/format.ts';
import { useShown, useView } from '../../store/view.ts';
import styles from './Filter.module.css';
import { hasTerm, withTerm, withoutTerm } from './filter-language/write.ts';
import { surroundings } from './matching.ts';
import { quickFilters } from './quick-filters.ts';

/** The filters that are asked for most, each with how many sessions it would find; several of one field are alternatives. */
export function QuickFilters(): ReactNode {
  const filter = useView((state) => state.filter);
  // One string, so that only a changed number draws anew.
  const counts = useShown((state) => {
    const around = surroundings(state);
    const found = quickFilters.map(() => 0);
    for (const row of state.sessions.values()) {
      quickFilters.forEach(({ matches }, i) => {
        if (matches(row, around)) found[i] = (found[i] ?? 0) + 1;
      });
    }
    return found.join(' ');
  }).split(' ');
  return (
    <div className={styles.quick} role="group" aria-label="Quick filters">
      {quickFilters.map(({ label, text, term }, i) => {
        const isOn = hasTerm(filter, term);
        return (
          <button
            key={text}
            type="button"
            className={cx(styles.quickButton, isOn && styles.on)}
            aria-pressed={isOn}
            title={text}
            onClick={() => useView.setState({ filter: isOn ? withoutTerm(filter, term) : withTerm(filter, term) })}
          >
            {label} <span className={styles.quickCount}>{formatCount(Number(counts[i] ?? 0))}</span>
          </button>
        );
      })}
    </div>
  );
}
