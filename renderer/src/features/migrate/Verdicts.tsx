import { memo } from 'react';
import type { ReactNode } from 'react';
import type { Finding, SessionRow, Verdict } from '../../../../core/contract/index.ts';
import { plural } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import styles from './Migrate.module.css';

/** How each verdict looks and is called. */
export const verdictWords: Record<Verdict['verdict'], { words: string; tone: Tone; shape: LampShape }> = {
  ready: { words: 'ready', tone: 'good', shape: 'full' },
  waits: { words: 'waits', tone: 'warn', shape: 'half' },
  refused: { words: 'refused', tone: 'bad', shape: 'cross' },
};

const levelWords: Record<Finding['level'], string> = { block: 'Blocks:', warn: 'Note:', info: 'Info:' };
const SHOWN = 200;

/** A verdict with its session, for the list. */
export interface JudgedSession {
  verdict: Verdict;
  session: SessionRow | undefined;
}

const Line = memo(function Line({ verdict, session }: JudgedSession): ReactNode {
  const { words, tone, shape } = verdictWords[verdict.verdict];
  const name = session?.application ?? '';
  // The reason of a refusal usually is its blocking finding's message: once is enough, with the hint.
  const said = verdict.findings.find((finding) => finding.message === verdict.reason);
  const findings = verdict.findings.filter((finding) => finding !== said);
  return (
    <li className={styles.verdict}>
      <div className={styles.line}>
        <span className={styles.who} title={name}>
          Session {verdict.sessionId}
          {name !== '' && `, ${name}`}
        </span>
        <span className={styles.how}>
          <Lamp tone={tone} shape={shape} />
          {words}
        </span>
      </div>
      {verdict.reason !== null && (
        <div className={styles.reason}>
          {verdict.reason} {said?.hint}
        </div>
      )}
      {findings.length > 0 && (
        <ul className={styles.findings}>
          {findings.map((finding, i) => (
            // oxlint-disable-next-line react/no-array-index-key -- one preflight's findings never change their order
            <li key={`${finding.code}-${i}`}>
              <span>
                <strong>{levelWords[finding.level]}</strong> {finding.message}
                {finding.hint !== null && ` ${finding.hint}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
});

/** The verdict per session, those that need attention first. */
export function Verdicts({ judged }: { judged: readonly JudgedSession[] }): ReactNode {
  return (
    <ul>
      {judged.slice(0, SHOWN).map((each) => (
        <Line key={each.verdict.sessionId} {...each} />
      ))}
      {judged.length > SHOWN && <li className={styles.verdict}>and {plural(judged.length - SHOWN, 'more session')}</li>}
    </ul>
  );
}
