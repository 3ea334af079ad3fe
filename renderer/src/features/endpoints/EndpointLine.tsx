import { LogOut, Pencil, RefreshCw, RotateCw, Server, Trash2, Undo2 } from 'lucide-react';
import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { useHostNow } from '../../lib/clock.ts';
import { cx } from '../../lib/cx.ts';
import { formatMoment, formatSpan, plural } from '../../lib/format.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Menu } from '../../ui/Menu.tsx';
import { modeWords, poolingWords } from '../pooling/words.ts';
import { BackendMark } from './BackendMark.tsx';
import styles from './Endpoints.module.css';
import { PausedMark } from './PausedMark.tsx';
import { statusLook } from './status.ts';
import { tlsOf } from './url.ts';

interface EndpointLineProps {
  endpoint: EndpointRow;
  busy: boolean;
  /** It is the one that was linked to. */
  marked: boolean;
  /** What is staged for it. */
  staged: 'save' | 'remove' | null;
  onEdit: () => void;
  onRemove: () => void;
  onCheck: () => void;
  onMoveAll: () => void;
  onDrain: () => void;
  onEndDrain: () => void;
  onRestart: () => void;
}

/** One line of the map, drawn as a track from the name that clients ask for to the server it leads to. */
export function EndpointLine({
  endpoint,
  busy,
  marked,
  staged,
  onEdit,
  onRemove,
  onCheck,
  onMoveAll,
  onDrain,
  onEndDrain,
  onRestart,
}: EndpointLineProps): ReactNode {
  const look = statusLook[endpoint.status];
  const { sslmode } = tlsOf(endpoint.url);
  return (
    <li
      className={cx(styles.line, marked && styles.marked)}
      aria-label={`Endpoint ${endpoint.id}`}
      data-endpoint={endpoint.id}
      data-backend={endpoint.backend}
    >
      <div className={styles.plate}>
        <span className={styles.name} title={endpoint.id}>
          {endpoint.id}
        </span>
        {endpoint.isDefault && <span className={styles.default}>default</span>}
        {staged !== null && <span className={styles.default}>{staged === 'remove' ? 'removal pending' : 'change pending'}</span>}
        <PausedMark id={endpoint.id} />
      </div>
      <span className={cx(styles.track, styles[endpoint.status])} aria-hidden="true" />
      <div className={styles.server}>
        <span className={styles.backend} title={endpoint.backend}>
          <BackendMark backend={endpoint.backend} /> {endpoint.backend}
        </span>
        <span
          className={styles.soft}
          title={`Database ${endpoint.database}, role ${endpoint.user || "the client's own"}, password ${endpoint.passwordSet ? 'set' : 'not set'}${sslmode === '' ? '' : `, sslmode ${sslmode}`}`}
        >
          {endpoint.database} as {endpoint.user === '' ? "the client's own role" : endpoint.user}
          {endpoint.passwordSet ? ', password set' : ''}
          {sslmode === '' ? '' : `, ${sslmode}`}
        </span>
      </div>
      <div className={styles.status}>
        <span className={styles.inline}>
          <Lamp tone={look.tone} shape={look.shape} />
          {look.words}
          {endpoint.serverVersion !== null && <span className={styles.soft}>PostgreSQL {endpoint.serverVersion}</span>}
        </span>
        {endpoint.redirectedTo !== null && (
          <span className={styles.inline}>
            <Lamp tone="warn" shape="half" />
            drained, new clients go to {endpoint.redirectedTo}
          </span>
        )}
        {endpoint.statusReason !== null ? (
          <span className={styles.reason}>{endpoint.statusReason}</span>
        ) : (
          <Checked at={endpoint.checkedAt} />
        )}
      </div>
      <div className={styles.sessions}>
        {plural(endpoint.sessions, 'session')}
        <a
          className={styles.pooling}
          href={hashOf('pools')}
          title={`Pool mode: ${modeWords[endpoint.poolMode]} To change it, go to Pools.`}
        >
          {poolingWords(endpoint.poolMode, endpoint.profile)}
        </a>
      </div>
      <div className={styles.actions}>
        <Button small disabled={endpoint.sessions === 0} onClick={onMoveAll} aria-label={`Move all sessions of ${endpoint.id}`}>
          Move all sessions…
        </Button>
        <Menu
          label={`Server of ${endpoint.id}`}
          items={[
            endpoint.redirectedTo === null
              ? {
                  label: 'Drain this server…',
                  hint: 'Moves every session off it, new clients too',
                  icon: <LogOut size={15} aria-hidden="true" />,
                  onChoose: onDrain,
                }
              : {
                  label: 'End the drain',
                  hint: 'New clients come to it again; who has moved stays',
                  icon: <Undo2 size={15} aria-hidden="true" />,
                  onChoose: onEndDrain,
                },
            {
              label: 'Restart this server…',
              hint: 'Holds its sessions while you restart it',
              icon: <RotateCw size={15} aria-hidden="true" />,
              onChoose: onRestart,
            },
          ]}
        >
          <Server size={15} aria-hidden="true" />
        </Menu>
        <IconButton label={`Check ${endpoint.id} now`} disabled={busy} onClick={onCheck}>
          <RefreshCw size={15} aria-hidden="true" />
        </IconButton>
        <IconButton label={`Edit ${endpoint.id}`} onClick={onEdit}>
          <Pencil size={15} aria-hidden="true" />
        </IconButton>
        <IconButton label={`Remove ${endpoint.id}`} onClick={onRemove}>
          <Trash2 size={15} aria-hidden="true" />
        </IconButton>
      </div>
    </li>
  );
}

function Checked({ at }: { at: number | null }): ReactNode {
  const now = useHostNow();
  if (at === null) return <span className={styles.soft}>never checked</span>;
  return (
    <span className={styles.soft} title={formatMoment(at)}>
      checked {formatSpan(now - at)} ago
    </span>
  );
}
