import { CallError, type Handlers } from '../core/contract/index.ts';

/** The calls that are about the desktop around a window. */
export type ShellHandlers = Pick<Handlers, Extract<keyof Handlers, `shell.${string}`>>;

/** As a host without a desktop answers them: what a window reports is of no use to it, and there is nothing to set. */
export const noDesktop: ShellHandlers = {
  'shell.commands': () => ({}),
  'shell.theme': () => ({}),
  'shell.desktop': () => ({ desktop: null }),
  'shell.saveDesktop': () => {
    throw new CallError('no_desktop', 'This host runs without a desktop.', 'The desktop application has a tray and notifications.');
  },
};
