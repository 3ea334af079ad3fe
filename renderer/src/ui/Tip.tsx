import { Info } from 'lucide-react';
import { Tooltip } from 'radix-ui';
import type { ReactNode } from 'react';
import styles from './Tip.module.css';

/** A sign that explains something, to the pointer and to the keyboard. `what` names it for a screen reader. */
export function Tip({ what, children }: { what: string; children: ReactNode }): ReactNode {
  return (
    <Tooltip.Provider delayDuration={150}>
      <Tooltip.Root>
        <Tooltip.Trigger asChild>
          <button type="button" className={styles.sign} aria-label={`What is ${what}?`}>
            <Info size={14} aria-hidden="true" />
          </button>
        </Tooltip.Trigger>
        <Tooltip.Portal container={document.getElementById('main')}>
          <Tooltip.Content className={styles.tip} sideOffset={4} collisionPadding={8}>
            {children}
          </Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}
