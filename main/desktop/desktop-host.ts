import type { Delta, Handlers } from '../../core/contract/index.ts';

/** What the application needs of the host. */
export interface DesktopHost {
  start: () => Promise<void>;
  stop: () => Promise<void>;
  handlers: Handlers;
  subscribe: (listener: (delta: Delta) => void) => () => void;
}
