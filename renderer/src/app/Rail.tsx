import { Cable, Database, Layers, ScrollText, SlidersHorizontal, TrainTrack } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './App.module.css';
import { hashOf, routes } from './routes.ts';
import type { Route } from './routes.ts';

const entries: Record<Route, { label: string; icon: LucideIcon }> = {
  sessions: { label: 'Sessions', icon: Cable },
  endpoints: { label: 'Endpoints', icon: Database },
  pools: { label: 'Pools', icon: Layers },
  migrations: { label: 'Migrations', icon: TrainTrack },
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
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
