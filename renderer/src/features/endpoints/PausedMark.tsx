import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import styles from './PausedMark.module.css';

/** Whether an endpoint is paused. */
export function usePaused(id: string): boolean {
  return useServer((state) => state.endpoints.some((endpoint) => endpoint.id === id && endpoint.paused));
}

/** Beside the name of an endpoint, wherever it stands: that it is paused. `short`: the sign alone, named for a screen reader. */
export function PausedMark({ id, short = false }: { id: string; short?: boolean }): ReactNode {
  if (!usePaused(id)) return null;
  const words = 'Paused: its sessions are given no server connection until it is resumed';
  if (short) {
    return (
      <span className={styles.mark} role="img" aria-label="paused" title={words}>
        <Lamp tone="warn" shape="half" />
      </span>
    );
  }
  return (
    <span className={styles.mark} title={words}>
      <Lamp tone="warn" shape="half" />
      paused
    </span>
  );
}
