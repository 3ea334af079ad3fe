import type { ReactNode } from 'react';
import type { SessionDetail, SessionRow } from '../../../../core/contract/index.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatMoment, formatSpan } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import { askedFor, fallThrough } from '../sessions/route-words.ts';
import { Fact, Facts, Missing, Section } from './Section.tsx';
import styles from './Session.module.css';

/** Which program this is, and as whom it came. */
export function ClientSection({ row, detail }: { row: SessionRow; detail: SessionDetail | null }): ReactNode {
  const process = detail?.process ?? null;
  return (
    <Section title="Client" gist={process === null ? undefined : `${process.name}, pid ${process.pid}`}>
      <Facts>
        <Fact name="Program" {...(process === null ? {} : { clip: process.name })}>
          {process === null ? <Missing>{detail?.processReason ?? 'not known yet'}</Missing> : process.name}
        </Fact>
        {process !== null && <Fact name="Process">{process.pid}</Fact>}
        <Fact name="Address">
          {row.clientAddress}:{row.clientPort}
        </Fact>
        <Fact name="Encryption">{row.tls ?? 'none, plain text'}</Fact>
        <Fact name="User" clip={row.user}>
          {row.user}
        </Fact>
      </Facts>
    </Section>
  );
}

/** Where it is, and how that was decided. */
export function RouteSection({ row, detail }: { row: SessionRow; detail: SessionDetail | null }): ReactNode {
  const steps = detail?.routing.steps ?? [];
  return (
    <Section title="Route" gist={row.endpoint}>
      <Facts>
        <Fact name="Endpoint">
          <span className={styles.inline}>
            {row.endpoint} <PausedMark id={row.endpoint} />
          </span>
        </Fact>
        <Fact name="Asked for">
          <span className={styles.inline}>
            {fallThrough(row) !== null && <Lamp tone="warn" shape="triangle" />}
            <span>{askedFor(row)}</span>
          </span>
        </Fact>
        <Fact name="Backend">
          <BackendMark backend={row.backend} /> {row.backend}
        </Fact>
        <Fact name="Database" clip={row.database}>
          {row.database}
        </Fact>
        {detail !== null && detail.routing.role !== row.user && (
          <Fact name="Logged in as" clip={detail.routing.role}>
            {detail.routing.role}
          </Fact>
        )}
      </Facts>
      {steps.length > 0 && (
        <ol className={styles.steps} aria-label="How it came there">
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      )}
    </Section>
  );
}

/** The connection that serves it at the moment. */
export function ServerSection({ row, detail }: { row: SessionRow; detail: SessionDetail | null }): ReactNode {
  const now = useHostNow();
  const server = detail?.server ?? null;
  return (
    <Section title="Server connection" gist={row.serverPid === null ? 'none now' : `pid ${row.serverPid}`}>
      {row.serverPid === null ? (
        <p>
          <Missing>{detail?.serverReason ?? (row.state === 'waiting' ? 'It waits for one.' : 'none now')}</Missing>
        </p>
      ) : (
        <Facts>
          <Fact name="Server process">{row.serverPid}</Fact>
          {server !== null && server.pid === row.serverPid && (
            <>
              <Fact name="Version">{server.version ?? <Missing>not told</Missing>}</Fact>
              <Fact name="Encryption">{server.tls ?? 'none, plain text'}</Fact>
              <Fact name="Opened">
                <span title={formatMoment(server.openedAt)}>{formatSpan(now - server.openedAt)} ago</span>
              </Fact>
              <Fact name="Given to it">
                <span title={formatMoment(server.assignedAt)}>{formatSpan(now - server.assignedAt)} ago</span>
              </Fact>
            </>
          )}
        </Facts>
      )}
    </Section>
  );
}
