import type { ReactNode } from 'react';
import type { DetailSetting, DetailStatement, SessionDetail } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatBytes, formatClock, plural } from '../../lib/format.ts';
import { Fact, Missing, Section } from './Section.tsx';
import styles from './Session.module.css';

const origins: Record<DetailSetting['from'], string> = {
  session: 'SET in the session',
  client: 'given by the client',
  user: 'ALTER ROLE',
  database: 'ALTER DATABASE',
  'database user': 'ALTER ROLE … IN DATABASE',
  reported: 'reported by the server',
};

/** Where a list comes from, and what it lacks. One line where it comes and goes with what the session does, so that nothing below it jumps. */
function Source({ known }: { known: Pick<SessionDetail['settings'], 'source' | 'at' | 'missing'> }): ReactNode {
  const { source, at, missing } = known;
  if (source === 'server' && at !== null) {
    return (
      <p className={cx(styles.source, styles.clip)} title={missing ?? undefined}>
        As its server told at {formatClock(at)}
        {missing === null ? '.' : '; not asked while it is at work.'}
      </p>
    );
  }
  return (
    <p className={styles.source}>
      {source === 'tracked' && 'As the proxy has followed it.'} {missing}
    </p>
  );
}

function withUnit(value: string | null, unit: string | null): string {
  if (value === null) return 'not shown';
  return value === '' ? '(empty)' : unit === null ? value : `${value} ${unit}`;
}

/** What differs from the default. */
export function SettingsSection({ detail }: { detail: SessionDetail | null }): ReactNode {
  if (detail === null) return <Section title="Settings">not known yet</Section>;
  const { rows } = detail.settings;
  const gist =
    detail.settings.source === 'server'
      ? rows.length === 0
        ? 'all as the default'
        : `${rows.length} differ`
      : plural(rows.length, 'known one');
  return (
    <Section title="Settings" gist={gist}>
      {rows.length > 0 && (
        <ul className={styles.list} aria-label="Settings that differ from the default">
          {rows.map(({ name, value, unit, standard, from }) => (
            <li key={name} className={styles.item}>
              <div className={styles.pair}>
                <span className={styles.clip} title={name}>
                  {name}
                </span>
                <code className={styles.value} title={withUnit(value, unit)}>
                  {withUnit(value, unit)}
                </code>
              </div>
              <div className={styles.note}>
                {origins[from]}
                {standard !== null && `, else ${withUnit(standard, unit)}`}
                {value === null && ', its name speaks of a secret'}
              </div>
            </li>
          ))}
        </ul>
      )}
      <Source known={detail.settings} />
    </Section>
  );
}

function aboutStatement({ kind, by, parameters, bytes }: DetailStatement): string {
  return [
    kind ?? 'kind not known',
    by === 'prepare' ? 'by SQL' : null,
    parameters === null ? null : plural(parameters, 'parameter'),
    bytes === null ? null : formatBytes(bytes),
  ]
    .filter((words) => words !== null)
    .join(', ');
}

/** What it has prepared; texts only while they are captured. */
export function StatementsSection({ detail }: { detail: SessionDetail | null }): ReactNode {
  if (detail === null) return <Section title="Prepared statements">not known yet</Section>;
  const { source, rows } = detail.statements;
  return (
    <Section title="Prepared statements" gist={source === 'nowhere' ? 'not known' : rows.length === 0 ? 'none' : String(rows.length)}>
      {rows.length > 0 && (
        <ul className={styles.list} aria-label="Prepared statements">
          {rows.map((statement) => (
            <li key={`${statement.by} ${statement.name}`} className={styles.item}>
              <div className={styles.clip} title={statement.name}>
                {statement.name === '' ? <Missing>unnamed</Missing> : statement.name}
              </div>
              <div className={styles.note}>{aboutStatement(statement)}</div>
              {statement.text !== null && <code className={styles.text}>{statement.text}</code>}
            </li>
          ))}
        </ul>
      )}
      <Source known={detail.statements} />
    </Section>
  );
}

/** What it waits for. */
export function WaitFact({ detail }: { detail: SessionDetail | null }): ReactNode {
  return <Fact name="Waits for">{detail === null ? <Missing>not known yet</Missing> : (detail.waits.now ?? 'nothing')}</Fact>;
}
