import { DropdownMenu } from 'radix-ui';
import { useRef } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import { Button } from './Button.tsx';
import styles from './Menu.module.css';

/** One thing a menu offers. */
export interface MenuItem {
  /** The verb; with `…` if it asks first. */
  label: string;
  /** What it does, in one line. */
  hint: string;
  icon: ReactNode;
  danger?: boolean;
  onChoose: () => void;
}

interface MenuProps {
  /** Name of the button, for a screen reader. */
  label: string;
  /** What the button shows. */
  children: ReactNode;
  items: readonly MenuItem[];
}

/** A button with a menu behind it. A choice runs once the focus is back on the button, so that a dialog it opens returns it there. */
export function Menu({ label, children, items }: MenuProps): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  const chosen = useRef<(() => void) | null>(null);
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <Button ref={button} small aria-label={label} title={label}>
          {children}
        </Button>
      </DropdownMenu.Trigger>
      {/* Inside the landmark it belongs to, so that a screen reader does not leave it. */}
      <DropdownMenu.Portal container={document.getElementById('main')}>
        <DropdownMenu.Content
          className={styles.menu}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            button.current?.focus();
            const run = chosen.current;
            chosen.current = null;
            run?.();
          }}
        >
          {items.map((item) => (
            <DropdownMenu.Item
              key={item.label}
              textValue={item.label}
              className={cx(styles.item, item.danger && styles.danger)}
              onSelect={() => {
                chosen.current = item.onChoose;
              }}
            >
              <MenuEntry item={item} />
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** What an item of any menu looks like. */
export function MenuEntry({ item }: { item: Pick<MenuItem, 'icon' | 'label' | 'hint'> }): ReactNode {
  return (
    <>
      <span className={styles.icon}>{item.icon}</span>
      <span className={styles.words}>
        <span className={styles.label}>{item.label}</span>
        <span className={styles.hint}>{item.hint}</span>
      </span>
    </>
  );
}
