import { X } from 'lucide-react';
import { AlertDialog, Dialog as RadixDialog } from 'radix-ui';
import { useState } from 'react';
import type { CSSProperties, ReactNode } from 'react';
import { Button, IconButton } from './Button.tsx';
import styles from './Dialog.module.css';

interface DialogProps {
  title: string;
  description?: ReactNode;
  /** In pixels; never wider than the window. */
  width?: number;
  onClose: () => void;
  /** Where the focus goes first; without it to the first control. */
  initialFocus?: () => HTMLElement | null;
  /** Called once it is gone and the focus is back where it was. */
  onClosed?: () => void;
  children: ReactNode;
}

/**
 * Gives the focus back to what had it when the dialog was opened. Radix would give it to a trigger, and these dialogs have
 * none: they are rendered when they are wanted.
 */
function useFocusReturn(): (event: Event) => void {
  const [opener] = useState(() => document.activeElement);
  return (event) => {
    event.preventDefault();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  };
}

/** A modal dialog that is open as long as it is rendered. Compose its inside from `DialogBody` and `DialogFoot`. */
export function Dialog({ title, description, width = 560, onClose, initialFocus, onClosed, children }: DialogProps): ReactNode {
  const returnFocus = useFocusReturn();
  return (
    <RadixDialog.Root open onOpenChange={(open) => !open && onClose()}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className={styles.veil} />
        <RadixDialog.Content
          className={styles.box}
          style={{ '--dialog-width': `${width}px` } as CSSProperties}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          onOpenAutoFocus={(event) => {
            const target = initialFocus?.();
            if (!target) return;
            event.preventDefault();
            target.focus();
          }}
          onCloseAutoFocus={(event) => {
            returnFocus(event);
            onClosed?.();
          }}
        >
          <div className={styles.head}>
            <RadixDialog.Title className={styles.title}>{title}</RadixDialog.Title>
            <RadixDialog.Close asChild>
              <IconButton label="Close dialog">
                <X size={16} aria-hidden="true" />
              </IconButton>
            </RadixDialog.Close>
          </div>
          {description !== undefined && <RadixDialog.Description className={styles.description}>{description}</RadixDialog.Description>}
          {children}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

/** The part of a dialog that scrolls. */
export function DialogBody({ children }: { children: ReactNode }): ReactNode {
  return <div className={styles.body}>{children}</div>;
}

/** The buttons of a dialog; they stay in view. */
export function DialogFoot({ children }: { children: ReactNode }): ReactNode {
  return <div className={styles.foot}>{children}</div>;
}

interface ConfirmProps {
  title: string;
  /** What will happen, and to whom. */
  consequence: ReactNode;
  /** The verb on the button. */
  action: string;
  onConfirm: () => void;
  onCancel: () => void;
}

/** Asks before something that cannot be undone; the focus stands on Cancel. */
export function Confirm({ title, consequence, action, onConfirm, onCancel }: ConfirmProps): ReactNode {
  const returnFocus = useFocusReturn();
  return (
    <AlertDialog.Root open onOpenChange={(open) => !open && onCancel()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={styles.veil} />
        <AlertDialog.Content className={styles.box} style={{ '--dialog-width': '440px' } as CSSProperties} onCloseAutoFocus={returnFocus}>
          <div className={styles.head}>
            <AlertDialog.Title className={styles.title}>{title}</AlertDialog.Title>
          </div>
          <div className={styles.body}>
            <AlertDialog.Description>{consequence}</AlertDialog.Description>
          </div>
          <div className={styles.foot}>
            <AlertDialog.Cancel asChild>
              <Button>Cancel</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button look="danger" onClick={onConfirm}>
                {action}
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
