import { FileDown, Plus, Radar } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { FirstSteps } from '../onboarding/FirstSteps.tsx';
import { showFound } from '../onboarding/progress.ts';
import { DrainDialog } from '../servers/DrainDialog.tsx';
import { RestartDialog } from '../servers/RestartDialog.tsx';
import { DemoCard } from './DemoCard.tsx';
import { EndpointDialog } from './EndpointDialog.tsx';
import { EndpointLine } from './EndpointLine.tsx';
import styles from './Endpoints.module.css';
import { ConnectLines } from './ConnectLines.tsx';
import { ImportDialog } from './ImportDialog.tsx';
import { PendingChanges } from './PendingChanges.tsx';
import { stage, useStagedMap } from './staged-map.ts';
import type { StagedChange } from './staged-map.ts';
import { StrandedNotices } from './StrandedNotices.tsx';

/** The endpoint map, the lines to connect with, and the demo. */
export function EndpointsView({ params }: { params?: URLSearchParams }): ReactNode {
  const call = useHost();
  const endpoints = useServer((state) => state.endpoints);
  const host = useServer((state) => state.host);
  const [editing, setEditing] = useState<EndpointRow | 'new' | null>(null);
  const [changing, setChanging] = useState<StagedChange | null>(null);
  const [importing, setImporting] = useState(false);
  const staged = useStagedMap((state) => state.changes);
  const named = params?.get('endpoint') ?? null;
  const [draining, setDraining] = useState<string | null>(null);
  const [restarting, setRestarting] = useState<string | null>(null);
  const { busy, failure, run, clear } = useAction();
  useEffect(() => {
    if (named !== null) document.querySelector(`[data-endpoint="${CSS.escape(named)}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [named]);
  if (!host) return null;
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Endpoints</h1>
        {endpoints.length > 0 && (
          <div className={styles.controls}>
            <ExportMenu what="endpoints" shown={() => endpoints} />
            <Button onClick={() => showFound(true)}>
              <Radar size={15} aria-hidden="true" />
              Find servers
            </Button>
            <Button onClick={() => setImporting(true)}>
              <FileDown size={15} aria-hidden="true" />
              Import
            </Button>
            <Button look="primary" onClick={() => setEditing('new')}>
              <Plus size={15} aria-hidden="true" />
              Add endpoint
            </Button>
          </div>
        )}
      </div>
      <StrandedNotices />
      <PendingChanges onEdit={setChanging} />
      {host.endpointsKept.problem !== null && (
        <Notice tone="warn" live>
          {host.endpointsKept.problem}
        </Notice>
      )}
      <FailureNotice failure={failure} onDismiss={clear} />
      <section className={styles.map} aria-label="Endpoint map">
        {endpoints.length === 0 ? (
          <FirstSteps />
        ) : (
          <ul>
            {endpoints.map((endpoint) => (
              <EndpointLine
                key={endpoint.id}
                endpoint={endpoint}
                busy={busy}
                onEdit={() => setEditing(endpoint)}
                marked={endpoint.id === named}
                staged={staged.find(({ of }) => of === endpoint.id)?.change.kind ?? null}
                onRemove={() => stage({ kind: 'remove', id: endpoint.id }, endpoint.id)}
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
            <ConnectLines />
          </section>
          <DemoCard />
        </div>
      )}
      {editing !== null && <EndpointDialog endpoint={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      {draining !== null && <DrainDialog backend={draining} onClose={() => setDraining(null)} />}
      {restarting !== null && <RestartDialog backend={restarting} onClose={() => setRestarting(null)} />}
      {changing !== null && (
        <EndpointDialog
          endpoint={endpoints.find(({ id }) => id === changing.of) ?? null}
          staged={changing}
          onClose={() => setChanging(null)}
        />
      )}
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </div>
  );
}
