import { useCallback, useState } from 'react';
import { CallError } from '../../../core/contract/index.ts';

/** What went wrong, for a `Notice`. */
export interface Failure {
  /** The contract's stable word for it; null: it is no refusal of the host. */
  code?: string | null;
  message: string;
  hint: string | null;
}

/** Turns whatever was thrown into words for the user. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CallError) return { code: error.code, message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error), hint: null };
}

interface Action {
  busy: boolean;
  failure: Failure | null;
  /** Runs one piece of work; its rejection becomes `failure`. */
  run: (work: () => Promise<unknown>) => void;
  clear: () => void;
}

/** State of work that a button starts: whether it is under way and how it failed last. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const run = useCallback((work: () => Promise<unknown>) => {
    setBusy(true);
    setFailure(null);
    work()
      .catch((error: unknown) => setFailure(failureOf(error)))
      .finally(() => setBusy(false));
  }, []);
  const clear = useCallback(() => setFailure(null), []);
  return { busy, failure, run, clear };
}
