import { Pause, Play } from 'lucide-react';
import type { ReactNode } from 'react';
import { useNow } from '../../lib/clock.ts';
import { formatCount } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { pendingChanges, toggleFreeze, useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import styles from './Sessions.module.css';

/** Pauses the live views, and says, once a second, how many sessions have changed behind the paused one. */
export function FreezeButton(): ReactNode {
  useNow();
  const frozen = useView((state) => state.frozen);
  return (
    <Button className={styles.pause} onClick={toggleFreeze} aria-pressed={frozen !== null} title="Space or P">
      {frozen ? <Play size={14} aria-hidden="true" /> : <Pause size={14} aria-hidden="true" />}
      {frozen ? `Resume (${formatCount(pendingChanges(frozen, useServer.getState()))})` : 'Pause view'}
    </Button>
  );
}
