import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { IconButton } from './Button.tsx';
import styles from './CopyLine.module.css';

/** A button that copies `text`; `what` names it for the label ("Copy proxy address"). */
export function CopyButton({ text, what }: { text: string; what: string }): ReactNode {
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready');
  useEffect(() => {
    if (state === 'ready') return;
    const timer = setTimeout(() => setState('ready'), 1_600);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setState('copied'),
      () => setState('failed'),
    );
  };
  const labels = { ready: `Copy ${what}`, copied: 'Copied', failed: 'Copying failed: select the text and press Ctrl+C' };
  return (
    <IconButton label={labels[state]} onClick={copy} className={styles.copy}>
      {state === 'copied' ? <Check size={15} aria-hidden="true" /> : <Copy size={15} aria-hidden="true" />}
    </IconButton>
  );
}

/** One line of text to paste elsewhere, with its copy button. */
export function CopyLine({ text, what }: { text: string; what: string }): ReactNode {
  return (
    <div className={styles.line}>
      <code className={styles.text}>{text}</code>
      <CopyButton text={text} what={what} />
    </div>
  );
}
