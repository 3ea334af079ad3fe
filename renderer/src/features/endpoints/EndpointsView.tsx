import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { CopyLine } from '../../ui/CopyLine.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { DrainDialog } from '../servers/DrainDialog.tsx';
import { RestartDialog } from '../servers/RestartDialog.tsx';
import { DemoCard } from './DemoCard.tsx';
import { EndpointDialog } from './EndpointDialog.tsx';
import { EndpointLine } from './EndpointLine.tsx';
import styles from './Endpoints.module.css';
import { FirstRun } from './FirstRun.tsx';

/** The endpoint map, the lines to connect with, and the demo. */
export function EndpointsView(): ReactNode {
  const call = useHost();
  const endpoints = useServer((state) => state.endpoints);
  const host = useServer((state) => state.host);
  const [editing, setEditing] = useState<EndpointRow | 'new' | null>(null);
  const [removing, setRemoving] = useState<EndpointRow | null>(null);
  const [draining, setDraining] = useState<string | null>(null);
  const [restarting, setRestarting] = useState<string | null>(null);
  const { busy, failure, run, clear } = useAction();
  if (!host) return null;
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Endpoints</h1>
        {endpoints.length > 0 && (
          <Button look="primary" onClick={() => setEditing('new')}>
            <Plus size={15} aria-hidden="true" />
            Add endpoint
          </Button>
        )}
        {endpoints.length > 0 && <ExportMenu what="endpoints" shown={() => endpoints} />}
      </div>
      <StrandedNotice />
      {host.endpointsKept.problem !== null && (
        <Notice tone="warn" live>
          {host.endpointsKept.problem}
        </Notice>
      )}
      {failure && (
        <Notice
          tone="bad"
          hint={failure.hint}
          live
          actions={
            <Button small onClick={clear}>
              Dismiss
            </Button>
          }
        >
          {failure.message}
        </Notice>
      )}
      <section className={styles.map} aria-label="Endpoint map">
        {endpoints.length === 0 ? (
          <FirstRun />
        ) : (
          <ul>
            {endpoints.map((endpoint) => (
              <EndpointLine
                key={endpoint.id}
                endpoint={endpoint}
                busy={busy}
                onEdit={() => setEditing(endpoint)}
                onRemove={() => setRemoving(endpoint)}
                onDrain={() => setDraining(endpoint.backend)}
                onEndDrain={() => run(() => call('backend.undrain', { backend: endpoint.backend }))}
                onRestart={() => setRestarting(endpoint.backend)}
                onCheck={() => run(() => call('endpoints.check', { id: endpoint.id }))}
                onMoveAll={() => {
                  const all = [...useServer.getState().sessions.values()];
                  openMigrate(all.filter((row) => row.endpoint === endpoint.id).map((row) => row.id));
                }}
              />
            ))}
          </ul>
        )}
      </section>
      {endpoints.length > 0 && (
        <p className={styles.soft}>
          {host.endpointsKept.file === null ? 'Endpoints of this run: gone when Switchyard ends.' : 'Your endpoints are kept in '}
          {host.endpointsKept.file !== null && <code className={styles.path}>{host.endpointsKept.file}</code>}
        </p>
      )}
      {endpoints.length > 0 && (
        <div className={styles.cards}>
          <section className={styles.card} aria-labelledby="connect-title">
            <h2 id="connect-title">Connect</h2>
            <p className={styles.soft}>
              {host.unknownEndpoint === 'default'
                ? 'Clients that name no endpoint, or an unknown one, get the default.'
                : 'Clients that name no endpoint get the default; an unknown one is refused.'}
            </p>
            {host.connectLines.map((line) => (
              <div key={line.label}>
                <h3>{line.label}</h3>
                <CopyLine text={line.text} what={line.label} />
              </div>
            ))}
          </section>
          <DemoCard />
        </div>
      )}
      {editing !== null && <EndpointDialog endpoint={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      {draining !== null && <DrainDialog backend={draining} onClose={() => setDraining(null)} />}
      {restarting !== null && <RestartDialog backend={restarting} onClose={() => setRestarting(null)} />}
      {removing && (
        <Confirm
          title={`Remove endpoint ${removing.id}?`}
          consequence={
            removing.sessions > 0
              ? `${plural(removing.sessions, 'session')} still belong to it; the host refuses while that is so. Move them first.`
              : 'Clients that ask for this name will be treated as asking for an unknown one. The server itself is not touched.'
          }
          action={`Remove ${removing.id}`}
          onConfirm={() => {
            setRemoving(null);
            run(() => call('endpoints.remove', { id: removing.id }));
          }}
          onCancel={() => setRemoving(null)}
        />
      )}
    </div>
  );
}

/** After a remap: the sessions still on the former backend, and the way to bring them along. */
function StrandedNotice(): ReactNode {
  const stranded = useView((state) => state.stranded);
  const sessions = useServer((state) => state.sessions);
  if (!stranded) return null;
  const left = stranded.sessionIds.filter((id) => sessions.has(id));
  if (left.length === 0) return null;
  const dismiss = (): void => useView.setState({ stranded: null });
  return (
    <Notice
      tone="warn"
      live
      hint="They keep working there until you move them."
      actions={
        <>
          <Button
            small
            look="primary"
            onClick={() => {
              openMigrate(left, stranded.endpoint);
              dismiss();
            }}
          >
            Move {plural(left.length, 'session')}
          </Button>
          <Button small onClick={dismiss}>
            Leave them
          </Button>
        </>
      }
    >
      {plural(left.length, 'session')} of {stranded.endpoint} {left.length === 1 ? 'is' : 'are'} still on the former backend.
    </Notice>
  );
}
