import { Popover as RadixPopover } from 'radix-ui';
import type { ReactNode } from 'react';
import { Button } from './Button.tsx';
import styles from './Popover.module.css';

interface PopoverProps {
  /** Name of the button and of what it opens. */
  label: string;
  /** What the button shows. */
  trigger: ReactNode;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  children: ReactNode;
}

/** A button with a small panel behind it; Escape and a click elsewhere close it, the focus goes back to the button. */
export function Popover({ label, trigger, open, onOpenChange, children }: PopoverProps): ReactNode {
  return (
    <RadixPopover.Root open={open} onOpenChange={onOpenChange}>
      <RadixPopover.Trigger asChild>
        <Button aria-label={label} title={label}>
          {trigger}
        </Button>
      </RadixPopover.Trigger>
      {/* Inside the landmark it belongs to, so that a screen reader does not leave it. */}
      <RadixPopover.Portal container={document.getElementById('main')}>
        <RadixPopover.Content className={styles.pop} align="end" sideOffset={4} collisionPadding={8} aria-label={label}>
          {children}
        </RadixPopover.Content>
      </RadixPopover.Portal>
    </RadixPopover.Root>
  );
}
