import { createContext, useContext } from 'react';
import { CallError, calls } from '../../../core/contract/index.ts';
import type { CallName, CallReply, CallRequest } from '../../../core/contract/index.ts';
import type { Transport } from './transport.ts';

/** One typed call to the host. Rejects with `CallError` only: its message is written for the user. */
export type HostCall = <N extends CallName>(name: N, request: CallRequest<N>) => Promise<CallReply<N>>;

/** Gives a transport's calls their types, and refuses a reply that does not fit the contract. */
export function typedCalls(transport: Transport): HostCall {
  return async (name, request) => {
    const result = await transport.call(name, request);
    if (!result.ok) throw new CallError(result.error.code, result.error.message, result.error.hint);
    const reply = calls[name].reply.safeParse(result.reply);
    if (!reply.success) {
      throw new CallError('invalid_reply', 'The host answered in a form this window does not understand.', 'Reload the window.');
    }
    // The schema that just accepted it is the one the type is inferred from; the table lookup loses that link.
    return reply.data as CallReply<typeof name>;
  };
}

/** The host of this window, for components. */
export const HostContext = createContext<HostCall>(() =>
  Promise.reject(new CallError('no_host', 'This window is not connected to a host.')),
);

/** The typed call of the window this component stands in. */
export function useHost(): HostCall {
  return useContext(HostContext);
}
