import { DropdownMenu } from 'radix-ui';
import { useRef } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import { MenuEntry } from './Menu.tsx';
import styles from './Menu.module.css';

/** One thing a menu at a point offers. */
export interface PointMenuItem {
  /** The verb; with `…` if it asks first. */
  label: string;
  /** What it does, or why it cannot be chosen, in one line. */
  hint: string;
  icon: ReactNode;
  disabled?: boolean;
  onChoose: () => void;
}

interface PointMenuProps {
  /** What the menu is for: `Actions on checkout`. */
  label: string;
  /** Groups of items, with a line between them; empty ones are left out. */
  groups: readonly (readonly PointMenuItem[])[];
  /** Where it opens, in pixels of the window. */
  at: { x: number; y: number };
  /** Gets the focus back, before the choice runs, so that a dialog it opens returns it there. */
  returnFocus: () => void;
  onClose: () => void;
}

/** A menu that opens where something was asked for, and is open as long as it is rendered. */
export function PointMenu({ label, groups, at, returnFocus, onClose }: PointMenuProps): ReactNode {
  const chosen = useRef<(() => void) | null>(null);
  return (
    <DropdownMenu.Root open modal={false} onOpenChange={(open) => !open && onClose()}>
      <DropdownMenu.Trigger asChild>
        <span aria-hidden="true" style={{ position: 'fixed', left: at.x, top: at.y }} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={document.getElementById('main')}>
        <DropdownMenu.Content
          className={styles.menu}
          align="start"
          sideOffset={2}
          collisionPadding={8}
          aria-label={label}
          aria-labelledby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            returnFocus();
            const run = chosen.current;
            chosen.current = null;
            run?.();
          }}
        >
          {groups
            .filter((items) => items.length > 0)
            .map((items, place) => (
              <DropdownMenu.Group key={items[0]?.label} className={cx(place > 0 && styles.next)}>
                {items.map((item) => (
                  <DropdownMenu.Item
                    key={item.label}
                    textValue={item.label}
                    disabled={item.disabled ?? false}
                    className={styles.item}
                    onSelect={() => {
                      chosen.current = item.onChoose;
                    }}
                  >
                    <MenuEntry item={item} />
                  </DropdownMenu.Item>
                ))}
              </DropdownMenu.Group>
            ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
