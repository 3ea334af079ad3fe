import { Cable, ChartSpline, Database, Layers, ScrollText, SlidersHorizontal, TrainTrack, Waypoints } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { formatShort, plural } from '../lib/format.ts';
import { useServer } from '../store/server.ts';
import styles from './App.module.css';
import { hashOf, routes } from './routes.ts';
import type { Route } from './routes.ts';

const entries: Record<Route, { label: string; icon: LucideIcon }> = {
  yard: { label: 'Yard', icon: Waypoints },
  sessions: { label: 'Sessions', icon: Cable },
  endpoints: { label: 'Endpoints', icon: Database },
  pools: { label: 'Pools', icon: Layers },
  migrations: { label: 'Migrations', icon: TrainTrack },
  history: { label: 'History', icon: ChartSpline },
  events: { label: 'Events', icon: ScrollText },
  settings: { label: 'Settings', icon: SlidersHorizontal },
};

/** The way between the views. */
export function Rail({ current }: { current: Route }): ReactNode {
  return (
    <nav className={styles.rail} aria-label="Views">
      <ul>
        {routes.map((route) => {
          const { label, icon: Icon } = entries[route];
          return (
            <li key={route}>
              <a className={styles.link} href={hashOf(route)} aria-current={route === current ? 'page' : undefined}>
                <Icon size={20} strokeWidth={1.6} aria-hidden="true" />
                {label}
              </a>
              {route === 'pools' && <WaitsBadge />}
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** Somebody who has waited this long is worth a look, in milliseconds; shorter waits are how a pool works. */
const NOTABLE_WAIT_MS = 1_000;

/** How many sessions wait in pools where somebody has waited too long; leads to them. */
function WaitsBadge(): ReactNode {
  const waiting = useServer((state) => state.pools.reduce((sum, pool) => sum + (pool.maxWaitMs > NOTABLE_WAIT_MS ? pool.waiting : 0), 0));
  if (waiting === 0) return null;
  const label = `${plural(waiting, 'session waits', 'sessions wait')} for a server connection`;
  return (
    <a className={styles.badge} href={hashOf('pools', { show: 'waits' })} aria-label={label} title={label}>
      {formatShort(waiting)}
    </a>
  );
}
