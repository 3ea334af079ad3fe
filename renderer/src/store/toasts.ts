import { create } from 'zustand';

/** A short message about something that was just done. */
export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'info';
  /** What happened, as a sentence. */
  words: string;
  /** What would help; null: nothing, or nothing is wrong. */
  hint: string | null;
  /** One thing that can be done about it. */
  action: { label: string; run: () => void } | null;
}

const MOST = 3;
let nextId = 1;

/** The messages that are shown, oldest first. */
export const useToasts = create<{ toasts: readonly Toast[] }>()(() => ({ toasts: [] }));

/** Shows a message, and has a screen reader say it. Bad news stays until it is dismissed. Returns its id. */
export function say(words: string, more: Partial<Pick<Toast, 'tone' | 'hint' | 'action'>> = {}): number {
  const toast: Toast = { id: nextId++, tone: 'good', hint: null, action: null, ...more, words };
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts, toast].slice(-MOST) }));
  return toast.id;
}

/** Takes a message away. */
export function unsay(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) }));
}
