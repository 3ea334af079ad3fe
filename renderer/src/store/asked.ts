import { create } from 'zustand';

/** A dialog that a command has opened, whatever view is shown. */
export type Asked =
  | { kind: 'confirm'; title: string; consequence: string; action: string; run: () => void }
  | { kind: 'drain'; backend: string }
  | { kind: 'restart'; backend: string }
  | { kind: 'endpoint'; id: string | null }
  | { kind: 'keys' };

/** The open one; null: none. */
export const useAsked = create<{ asked: Asked | null }>()(() => ({ asked: null }));

/** Opens a dialog, in place of the one that is open. */
export function ask(asked: Asked): void {
  useAsked.setState({ asked });
}

/** Closes it. */
export function askNothing(): void {
  useAsked.setState({ asked: null });
}
