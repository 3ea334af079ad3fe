import { Suspense, lazy, useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { DragLayer } from '../features/drag/DragLayer.tsx';
import { showFound, useProgress } from '../features/onboarding/progress.ts';
import { CommandCentre } from '../features/palette/CommandCentre.tsx';
import { SessionsView } from '../features/sessions/SessionsView.tsx';
import { YardView } from '../features/yard/YardView.tsx';
import { UnappliedBanner } from '../features/settings/UnappliedBanner.tsx';
import { cx } from '../lib/cx.ts';
import { useServer } from '../store/server.ts';
import { useView } from '../store/view.ts';
import { AdmissionBanner } from './AdmissionBanner.tsx';
import styles from './App.module.css';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { FeedBanner } from './FeedBanner.tsx';
import { Header } from './Header.tsx';
import { Rail } from './Rail.tsx';
import { parseHash, useHash } from './routes.ts';
import type { Route } from './routes.ts';

// Only the table is needed at once.
const MigrateDialog = lazy(() => import('../features/migrate/MigrateDialog.tsx').then((module) => ({ default: module.MigrateDialog })));
const OperationPanels = lazy(() =>
  import('../features/migrate/OperationPanels.tsx').then((module) => ({ default: module.OperationPanels })),
);
const EndpointsView = lazy(() => import('../features/endpoints/EndpointsView.tsx').then((module) => ({ default: module.EndpointsView })));
const FoundServersDialog = lazy(() =>
  import('../features/endpoints/FoundServers.tsx').then((module) => ({ default: module.FoundServersDialog })),
);
const NowMoveIt = lazy(() => import('../features/onboarding/NowMoveIt.tsx').then((module) => ({ default: module.NowMoveIt })));
const EventsView = lazy(() => import('../features/events/EventsView.tsx').then((module) => ({ default: module.EventsView })));
const HistoryView = lazy(() => import('../features/history/HistoryView.tsx').then((module) => ({ default: module.HistoryView })));
const PoolsView = lazy(() => import('../features/pools/PoolsView.tsx').then((module) => ({ default: module.PoolsView })));
const SettingsView = lazy(() => import('../features/settings/SettingsView.tsx').then((module) => ({ default: module.SettingsView })));
const MigrationsView = lazy(() =>
  import('../features/migrations/MigrationsView.tsx').then((module) => ({ default: module.MigrationsView })),
);

const RemapDialog = lazy(() => import('../features/servers/RemapDialog.tsx').then((module) => ({ default: module.RemapDialog })));

const titles: Record<Route, string> = {
  yard: 'Yard',
  sessions: 'Sessions',
  endpoints: 'Endpoints',
  pools: 'Pools',
  migrations: 'Migrations',
  history: 'History',
  events: 'Events',
  settings: 'Settings',
};

function View({ route, params }: { route: Route; params: URLSearchParams }): ReactNode {
  switch (route) {
    case 'yard':
      return <YardView />;
    case 'sessions':
      return <SessionsView />;
    case 'endpoints':
      return <EndpointsView params={params} />;
    case 'pools':
      return <PoolsView params={params} />;
    case 'migrations':
      return <MigrationsView params={params} />;
    case 'history':
      return <HistoryView params={params} />;
    case 'events':
      return <EventsView params={params} />;
    case 'settings':
      return <SettingsView />;
  }
}

/** The window: nameplate, rail, one view, and what stands above all views. */
export function App(): ReactNode {
  const { route, params } = parseHash(useHash());
  const old = useServer((state) => state.feed === 'lost');
  const migrating = useView((state) => state.migrate !== null);
  const remapping = useView((state) => state.remap !== null);
  const following = useView((state) => state.panels.length > 0);
  const beginning = useProgress(({ waited, done }) => waited && !done);
  const finding = useProgress((state) => state.finding);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(route);

  useEffect(() => {
    document.title = `${titles[route]} – Switchyard`;
    // A new view is announced by moving the focus there; not on load, where it would steal it.
    if (shown.current !== route) main.current?.focus();
    shown.current = route;
  }, [route]);

  return (
    <div className={cx(styles.frame, old && styles.old)}>
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the view
      </a>
      <Header />
      <Rail current={route} />
      <div className={styles.column}>
        <FeedBanner />
        {beginning && (
          <Suspense fallback={null}>
            <NowMoveIt />
          </Suspense>
        )}
        <AdmissionBanner />
        <UnappliedBanner elsewhere={route !== 'settings'} />
        <main ref={main} id="main" tabIndex={-1} className={styles.main}>
          <ErrorBoundary key={route}>
            <Suspense fallback={null}>
              <View route={route} params={params} />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <DragLayer dock={route !== 'yard'} />
      {finding && (
        <Suspense fallback={null}>
          <FoundServersDialog onClose={() => showFound(false)} />
        </Suspense>
      )}
      {migrating && (
        <Suspense fallback={null}>
          <MigrateDialog />
        </Suspense>
      )}
      {remapping && (
        <Suspense fallback={null}>
          <RemapDialog />
        </Suspense>
      )}
      {following && (
        <Suspense fallback={null}>
          <OperationPanels />
        </Suspense>
      )}
      <CommandCentre />
    </div>
  );
}
