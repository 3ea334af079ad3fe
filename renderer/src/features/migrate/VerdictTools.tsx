import type { ReactNode } from 'react';
import type { Verdict } from '../../../../core/contract/index.ts';
import { useServer } from '../../store/server.ts';
import { matcherOf } from '../sessions/filter-language/match.ts';
import { surroundings } from '../sessions/matching.ts';
import styles from './Migrate.module.css';
import type { JudgedSession } from './group-verdicts.ts';

/** What of the preflight is in sight. It changes what is read, never what is moved. */
export interface Sight {
  words: string;
  verdict: Verdict['verdict'] | null;
  grouped: boolean;
}

/** From this many sessions on, reasons are read sooner than names. */
export const MANY = 12;

/** The verdicts in sight: by verdict, and by the filter language or words of the reason. */
export function inSight(judged: readonly JudgedSession[], { words, verdict }: Sight): readonly JudgedSession[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '' && verdict === null) return judged;
  const matches = matcherOf(words);
  const around = surroundings(useServer.getState());
  return judged.filter(({ verdict: each, session }) => {
    if (verdict !== null && each.verdict !== verdict) return false;
    return wanted === '' || (session && matches(session, around)) || (each.reason ?? '').toLowerCase().includes(wanted);
  });
}

/** The field and the switch over the verdicts of many sessions. */
export function VerdictTools({ sight, onChange }: { sight: Sight; onChange: (sight: Sight) => void }): ReactNode {
  return (
    <div className={styles.tools}>
      <input
        type="search"
        className={styles.search}
        aria-label="Look for in the preflight"
        placeholder="Look for: user:bob, temporary table"
        value={sight.words}
        onChange={(event) => onChange({ ...sight, words: event.target.value })}
        onKeyDown={(event) => {
          // Enter is for the dialog's button; here it would start a move by mistake.
          if (event.key === 'Enter') event.preventDefault();
        }}
      />
      <label className={styles.tool}>
        <input type="checkbox" checked={sight.grouped} onChange={(event) => onChange({ ...sight, grouped: event.target.checked })} />
        Group by reason
      </label>
    </div>
  );
}
