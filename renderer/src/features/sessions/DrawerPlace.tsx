import type { CSSProperties, ReactNode } from 'react';
import { drawerLimits, prefer, usePreferences } from '../../store/preferences.ts';
import { ResizeHandle } from '../../ui/ResizeHandle.tsx';
import styles from './Drawer.module.css';

/** Where the drawer stands, as wide as it was left. */
export function DrawerPlace({ children }: { children: ReactNode }): ReactNode {
  const width = usePreferences((state) => state.drawerPx);
  return (
    <div className={styles.place} style={{ '--drawer-width': `${width}px` } as CSSProperties}>
      {children}
      <ResizeHandle label="Width of the details" width={width} {...drawerLimits} onChange={(drawerPx) => prefer({ drawerPx })} />
    </div>
  );
}
