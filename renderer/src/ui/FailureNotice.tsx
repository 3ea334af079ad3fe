import type { ReactNode } from 'react';
import type { Failure } from '../lib/use-action.ts';
import { Button } from './Button.tsx';
import { Notice } from './Notice.tsx';

/** How the last piece of work failed; nothing while it has not. With `onDismiss` it can be put away. */
export function FailureNotice({ failure, onDismiss }: { failure: Failure | null; onDismiss?: () => void }): ReactNode {
  if (failure === null) return null;
  const dismiss = onDismiss && (
    <Button small onClick={onDismiss}>
      Dismiss
    </Button>
  );
  return (
    <Notice tone="bad" hint={failure.hint} live {...(dismiss === undefined ? {} : { actions: dismiss })}>
      {failure.message}
    </Notice>
  );
}
