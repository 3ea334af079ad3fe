import type { ShellRequest } from '../../../core/contract/index.ts';

const listeners = new Set<(command: string) => void>();

/** Hears of commands chosen in the native menu, by their id. Returns the function that ends it. */
export function onShellCommand(listener: (command: string) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Does what the desktop asks of this window: goes to a view, or hands a command to whoever listens. */
export function takeShellRequest(request: ShellRequest): void {
  if ('navigate' in request) window.location.hash = request.navigate;
  else for (const listener of listeners) listener(request.command);
}
