import { CirclePause, CirclePlay, EllipsisVertical, OctagonX, RefreshCcw } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { formatSpan, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { Menu } from '../../ui/Menu.tsx';
import type { MenuItem } from '../../ui/Menu.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import { PAUSE_WITHIN_MS, dismiss, kill, pause, reconnect, resume, setPooling, useControl } from '../pooling/controls.ts';
import type { Control, Work } from '../pooling/controls.ts';
import { modeChoices, modeWords, profileChoices, profileWords } from '../pooling/words.ts';
import styles from './EndpointControls.module.css';

/** How each endpoint is pooled, and PgBouncer's commands for it. */
export function EndpointControls(): ReactNode {
  const endpoints = useServer((state) => state.endpoints);
  if (endpoints.length === 0) return null;
  return (
    <section className={styles.section} aria-labelledby="pool-endpoints-title">
      <h2 id="pool-endpoints-title">How endpoints are pooled</h2>
      <ul className={styles.list}>
        {endpoints.map((endpoint) => (
          <EndpointControl key={endpoint.id} endpoint={endpoint} />
        ))}
      </ul>
    </section>
  );
}

function EndpointControl({ endpoint }: { endpoint: EndpointRow }): ReactNode {
  const call = useHost();
  const { id, poolMode, profile, paused } = endpoint;
  const control = useControl(id);
  const [killing, setKilling] = useState(false);
  const items: MenuItem[] = [
    paused || control.work === 'pause'
      ? {
          label: 'Resume',
          hint: 'Its sessions are given server connections again.',
          icon: <CirclePlay size={16} aria-hidden="true" />,
          onChoose: () => resume(call, id),
        }
      : {
          label: 'Pause',
          hint: `Nobody is given a server connection any more; waits up to ${formatSpan(PAUSE_WITHIN_MS)} until all are given back.`,
          icon: <CirclePause size={16} aria-hidden="true" />,
          onChoose: () => pause(call, id),
        },
    {
      label: 'Reconnect',
      hint: 'Server connections are replaced by new ones as they are given back.',
      icon: <RefreshCcw size={16} aria-hidden="true" />,
      onChoose: () => reconnect(call, id),
    },
    {
      label: 'Kill…',
      hint: 'Ends its sessions and closes its server connections; it stays paused.',
      icon: <OctagonX size={16} aria-hidden="true" />,
      danger: true,
      onChoose: () => setKilling(true),
    },
  ];
  return (
    <li className={styles.line} aria-label={`Pooling of ${id}`}>
      <div className={styles.plate}>
        <span className={styles.name} title={id}>
          {id}
        </span>
        <PausedMark id={id} />
      </div>
      <span className={styles.sessions}>{plural(endpoint.sessions, 'session')}</span>
      <Segmented label={`Mode of ${id}`} value={poolMode} choices={modeChoices} onChange={(mode) => setPooling(call, id, mode, profile)} />
      <Segmented
        label={`Profile of ${id}`}
        value={profile}
        choices={profileChoices}
        onChange={(next) => setPooling(call, id, poolMode, next)}
      />
      <div className={styles.actions}>
        {paused && control.work !== 'pause' && (
          <Button small onClick={() => resume(call, id)} aria-label={`Resume ${id}`}>
            Resume
          </Button>
        )}
        <Menu label={`Pause, reconnect or kill ${id}`} items={items}>
          <EllipsisVertical size={15} aria-hidden="true" />
        </Menu>
      </div>
      <p className={styles.words}>
        {modeWords[poolMode]}{' '}
        {poolMode === 'transaction' ? (
          <>
            <b>{profile}</b>: {profileWords[profile]}
          </>
        ) : (
          'The profile counts in transaction mode.'
        )}{' '}
        <span role="status">{control.work !== null && control.work !== 'pause' ? underWay[control.work] : ''}</span>
      </p>
      <Said id={id} control={control} />
      {killing && (
        <Confirm
          title={`Kill ${id}?`}
          consequence={`${plural(endpoint.sessions, 'session')} of ${id} will be ended with the error 57P01, open transactions are rolled back, and its server connections are closed. It stays paused until you resume it.`}
          action={`Kill ${id}`}
          onConfirm={() => {
            setKilling(false);
            kill(call, id);
          }}
          onCancel={() => setKilling(false)}
        />
      )}
    </li>
  );
}

const underWay: Record<Exclude<Work, 'pause'>, string> = {
  resume: 'Resuming…',
  reconnect: 'Asking for new server connections…',
  kill: 'Ending its sessions…',
  pooling: 'Switching…',
};

const done: Record<Work, string | null> = {
  pause: 'Paused: its server connections are all given back, and its sessions wait at their next statement.',
  resume: null,
  reconnect: 'Its server connections are replaced as they are given back.',
  kill: 'Its sessions are ended and its server connections closed. It stays paused.',
  pooling: null,
};

/** What goes on at an endpoint, or how it ended. */
function Said({ id, control }: { id: string; control: Control }): ReactNode {
  const call = useHost();
  const holders = useServer((state) => {
    let count = 0;
    if (control.work === 'pause') for (const row of state.sessions.values()) if (row.endpoint === id && row.serverPid !== null) count += 1;
    return count;
  });
  const close = (
    <Button small onClick={() => dismiss(id)} aria-label={`Dismiss what was said about ${id}`}>
      Dismiss
    </Button>
  );
  const said = (content: ReactNode): ReactNode => <div className={styles.said}>{content}</div>;
  if (control.work === 'pause') {
    return said(
      <Notice
        tone="info"
        live
        hint={`Gives up after ${formatSpan(PAUSE_WITHIN_MS)}.`}
        actions={
          <Button small onClick={() => resume(call, id)}>
            Cancel the pause
          </Button>
        }
      >
        Pausing {id}:{' '}
        {holders === 0
          ? 'waits for its server connections.'
          : `${plural(holders, 'session')} still ${holders === 1 ? 'holds' : 'hold'} a server connection.`}
      </Notice>,
    );
  }
  if (control.work !== null) return null;
  if (control.failure) {
    return said(
      <Notice tone="bad" live hint={control.failure.hint} actions={close}>
        {control.failure.message}
      </Notice>,
    );
  }
  const words = control.done === null ? null : done[control.done];
  return words === null
    ? null
    : said(
        <Notice tone="good" live actions={close}>
          {words}
        </Notice>,
      );
}
