import { RefreshCw } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { FoundServer } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf, useAction } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from './BackendMark.tsx';
import { EndpointDialog } from './EndpointDialog.tsx';
import styles from './FoundServers.module.css';
import { useMapEdit } from './use-map-edit.ts';

/** The servers of this machine, looked for when it appears; each can be added to the map, none is. */
export function FoundServers(): ReactNode {
  const call = useHost();
  const [found, setFound] = useState<readonly FoundServer[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [completing, setCompleting] = useState<FoundServer | null>(null);
  const look = useCallback(
    (isWanted: () => boolean) => {
      setFound(null);
      setFailure(null);
      call('endpoints.discover', {}).then(
        (reply) => {
          if (isWanted()) setFound(reply.found);
        },
        (error: unknown) => {
          if (isWanted()) setFailure(failureOf(error));
        },
      );
    },
    [call],
  );
  useEffect(() => {
    let wanted = true;
    look(() => wanted);
    return () => {
      wanted = false;
    };
  }, [look]);

  return (
    <section className={styles.found} aria-label="Servers on this machine">
      <div className={styles.head}>
        <span className={styles.soft} role="status">
          {failure !== null
            ? 'The search failed.'
            : found === null
              ? 'Looking for PostgreSQL servers on this machine: sockets and ports…'
              : found.length === 0
                ? 'No PostgreSQL server answers on this machine. Start one and look again, or type where it is.'
                : `${found.length === 1 ? 'One server answers' : `${found.length} servers answer`} on this machine.`}
        </span>
        <Button small disabled={found === null && failure === null} onClick={() => look(() => true)}>
          <RefreshCw size={14} aria-hidden="true" />
          Look again
        </Button>
      </div>
      <FailureNotice failure={failure} />
      {found !== null && found.length > 0 && (
        <ul className={styles.list}>
          {found.map((server) => (
            <FoundLine key={`${server.host} ${server.port}`} server={server} onComplete={() => setCompleting(server)} />
          ))}
        </ul>
      )}
      {completing && <EndpointDialog endpoint={null} draft={completing.draft} onClose={() => setCompleting(null)} />}
    </section>
  );
}

function FoundLine({ server, onComplete }: { server: FoundServer; onComplete: () => void }): ReactNode {
  const { host, port, via, answers, version, draft } = server;
  const edit = useMapEdit();
  const { busy, failure, run } = useAction();
  const backend = `${host}:${port}`;
  // Added meanwhile, from here or from elsewhere.
  const mapped = useServer((state) => state.endpoints.find((each) => each.backend === backend)?.id) ?? draft.mapped;
  const isMapped = useServer((state) => state.endpoints.some(({ id }) => id === mapped));
  return (
    <li className={styles.line} aria-label={`Server ${backend}`}>
      <BackendMark backend={backend} off={!isMapped} />
      <div className={styles.words}>
        <span>
          <code>{backend}</code> <span className={styles.soft}>{version ?? (via === 'socket' ? 'by a Unix socket' : 'PostgreSQL')}</span>
        </span>
        {!answers && (
          <span className={styles.soft}>
            {server.message} {server.hint ?? ''}
          </span>
        )}
        <FailureNotice failure={failure} />
      </div>
      {isMapped ? (
        <span className={styles.mapped}>
          <Lamp tone="good" shape="full" />
          in the map as {mapped}
        </span>
      ) : answers ? (
        <Button
          small
          look="primary"
          disabled={busy}
          aria-label={`Add to the map: ${backend}`}
          onClick={() => run(() => edit([{ kind: 'save', id: draft.id, url: draft.url }]))}
        >
          Add to the map
        </Button>
      ) : (
        <Button small aria-label={`Complete and add…: ${backend}`} onClick={onComplete}>
          Complete and add…
        </Button>
      )}
    </li>
  );
}

/** The same in a dialog of its own. */
export function FoundServersDialog({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Dialog
      title="Servers on this machine"
      description="Each was asked for a login as postgres and as you, with no password but what ~/.pgpass has for it. Nothing is added unless you do."
      width={640}
      onClose={onClose}
    >
      <DialogBody>
        <FoundServers />
      </DialogBody>
      <DialogFoot>
        <Button onClick={onClose}>Close</Button>
      </DialogFoot>
    </Dialog>
  );
}
