import type { ReactNode } from 'react';
import type { SafePoint, SessionRow } from '../../../../core/contract/index.ts';
import { asSentence, formatBytes, formatCount, plural } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { requestName, responseName } from '../sessions/messages.ts';
import { transactionWords } from '../sessions/states.ts';
import { Fact, Facts, Section } from './Section.tsx';
import styles from './Session.module.css';

/** What the row alone says about it, until the host has told more. */
function fromRow(row: SessionRow): Pick<SafePoint, 'isSafe' | 'reason'> {
  if (row.outstanding > 0) return { isSafe: false, reason: `${plural(row.outstanding, 'answer')} outstanding` };
  if (row.transaction === 'I') return { isSafe: true, reason: null };
  return { isSafe: false, reason: row.transaction === null ? 'not ready yet' : transactionWords[row.transaction] };
}

/** Whether the session could be moved this moment, and the state of both processors that says so. */
export function SafePointSection({ row, point }: { row: SessionRow; point: SafePoint | null }): ReactNode {
  // The row is the newer one: the detail is used where the two agree on the clock.
  const isCurrent = point !== null && point.outstanding === row.outstanding && point.transaction === row.transaction;
  const { isSafe, reason } = isCurrent ? point : fromRow(row);
  return (
    <Section
      title="Safe point"
      gist={
        <span className={styles.inline}>
          <Lamp tone={isSafe ? 'good' : 'warn'} shape={isSafe ? 'full' : 'half'} />
          {isSafe ? 'yes' : 'no'}
        </span>
      }
    >
      <p>{isSafe ? 'It stands at a safe point: it could be moved this moment.' : asSentence(reason ?? 'not at a safe point')}</p>
      <table className={styles.processors} aria-label="Both processors">
        <thead>
          <tr>
            <td />
            <th scope="col">last message</th>
            <th scope="col" className={styles.number}>
              clock
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Request</th>
            <td>{row.lastRequest ? requestName(row.lastRequest.type) : 'none yet'}</td>
            <td className={styles.number}>{row.lastRequest ? formatCount(row.lastRequest.at) : '–'}</td>
          </tr>
          <tr>
            <th scope="row">Response</th>
            <td>{row.lastResponse ? responseName(row.lastResponse.type) : 'none yet'}</td>
            <td className={styles.number}>{row.lastResponse ? formatCount(row.lastResponse.at) : '–'}</td>
          </tr>
        </tbody>
      </table>
      <Facts>
        <Fact name="Outstanding">{formatCount(row.outstanding)}</Fact>
        <Fact name="Transaction">{row.transaction === null ? 'not known yet' : transactionWords[row.transaction]}</Fact>
        <Fact name="Last statement">{row.statementKind ?? 'none yet'}</Fact>
        {point !== null && (point.isPipelineOpen || point.isCopying || point.isArmed || point.heldBytes > 0) && (
          <Fact name="Besides">
            {[
              point.isPipelineOpen && 'a pipeline without its Sync',
              point.isCopying && 'COPY data under way',
              point.isArmed && 'a transfer waits for it',
              point.heldBytes > 0 && `${formatBytes(point.heldBytes)} of input held`,
            ]
              .filter((words) => words !== false)
              .join(', ')}
          </Fact>
        )}
      </Facts>
    </Section>
  );
}
