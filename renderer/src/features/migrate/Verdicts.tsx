import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { Finding, Verdict } from '../../../../core/contract/index.ts';
import { plural, sentences } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import { groupVerdicts } from './group-verdicts.ts';
import type { JudgedSession, VerdictGroup } from './group-verdicts.ts';
import styles from './Migrate.module.css';
import { sharedFindings } from './targets.ts';
import type { SharedFinding } from './targets.ts';

/** How each verdict looks and is called. */
export const verdictWords: Record<Verdict['verdict'], { words: string; tone: Tone; shape: LampShape }> = {
  ready: { words: 'ready', tone: 'good', shape: 'full' },
  waits: { words: 'waits', tone: 'warn', shape: 'half' },
  refused: { words: 'refused', tone: 'bad', shape: 'cross' },
};

const levelWords: Record<Finding['level'], string> = { block: 'Blocks:', warn: 'Note:', info: 'Info:' };
const SHOWN = 200;

function FindingLine({ finding, of }: { finding: Finding; of?: number }): ReactNode {
  return (
    <li>
      <span>
        <strong>{levelWords[finding.level]}</strong> {of !== undefined && `${plural(of, 'session')}: `}
        {sentences(finding.message, finding.hint)}
      </span>
    </li>
  );
}

const Line = memo(function Line({ verdict, session, shared }: JudgedSession & { shared: readonly SharedFinding[] }): ReactNode {
  const { words, tone, shape } = verdictWords[verdict.verdict];
  const name = session?.application ?? '';
  // The reason of a refusal usually is its blocking finding's message: once is enough, with the hint.
  const said = verdict.findings.find((finding) => finding.message === verdict.reason);
  const findings = verdict.findings.filter(
    (finding) => finding !== said && !shared.some((each) => each.finding.message === finding.message),
  );
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
      {verdict.reason !== null && <div className={styles.reason}>{sentences(verdict.reason, said?.hint)}</div>}
      {findings.length > 0 && (
        <ul className={styles.findings}>
          {findings.map((finding, i) => (
            // oxlint-disable-next-line react/no-array-index-key -- one preflight's findings never change their order
            <FindingLine key={`${finding.code}-${i}`} finding={finding} />
          ))}
        </ul>
      )}
    </li>
  );
});

/** The verdict per session, those that need attention first. */
export function Verdicts({ judged }: { judged: readonly JudgedSession[] }): ReactNode {
  const shared = useMemo(() => sharedFindings(judged.map((each) => each.verdict)), [judged]);
  return (
    <ul>
      <Lines judged={judged} shared={shared} />
      <SharedLines shared={shared} />
    </ul>
  );
}

/** The verdicts grouped by reason; each group opens to the sessions in it. */
export function GroupedVerdicts({ judged }: { judged: readonly JudgedSession[] }): ReactNode {
  const shared = useMemo(() => sharedFindings(judged.map((each) => each.verdict)), [judged]);
  const groups = useMemo(() => groupVerdicts(judged), [judged]);
  return (
    <ul>
      {groups.map((group) => (
        <Group key={group.key} group={group} shared={shared} />
      ))}
      <SharedLines shared={shared} />
    </ul>
  );
}

function Group({ group, shared }: { group: VerdictGroup; shared: readonly SharedFinding[] }): ReactNode {
  const [open, setOpen] = useState(false);
  const { words, tone, shape } = verdictWords[group.verdict];
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <li className={styles.group}>
      <button type="button" className={styles.groupHead} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Arrow size={14} aria-hidden="true" />
        <Lamp tone={tone} shape={shape} />
        <strong>
          {plural(group.sessions.length, 'session')} {group.sessions.length === 1 ? words : many[group.verdict]}
        </strong>
        {group.reason !== null && <span className={styles.groupReason}>{sentences(group.reason, group.hint)}</span>}
      </button>
      {open && (
        <ul>
          <Lines judged={group.sessions} shared={shared} />
        </ul>
      )}
    </li>
  );
}

const many: Record<Verdict['verdict'], string> = { ready: 'ready', waits: 'wait', refused: 'refused' };

function Lines({ judged, shared }: { judged: readonly JudgedSession[]; shared: readonly SharedFinding[] }): ReactNode {
  return (
    <>
      {judged.slice(0, SHOWN).map((each) => (
        <Line key={each.verdict.sessionId} {...each} shared={shared} />
      ))}
      {judged.length > SHOWN && <li className={styles.verdict}>and {plural(judged.length - SHOWN, 'more session')}</li>}
    </>
  );
}

function SharedLines({ shared }: { shared: readonly SharedFinding[] }): ReactNode {
  if (shared.length === 0) return null;
  return (
    <li className={styles.verdict}>
      <ul className={styles.findings}>
        {shared.map(({ finding, sessions }) => (
          <FindingLine key={`${finding.code} ${finding.message}`} finding={finding} of={sessions} />
        ))}
      </ul>
    </li>
  );
}
