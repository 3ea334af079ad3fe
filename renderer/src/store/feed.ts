import { snapshot as snapshotSchema } from '../../../core/contract/index.ts';
import type { Delta } from '../../../core/contract/index.ts';
import type { ConnectionState, Transport } from '../bridge/transport.ts';
import { applyDelta, applySnapshot, sequence } from './reduce.ts';
import type { ServerState } from './server.ts';

/** Where the feed writes: the server store, or a test's own. */
export interface FeedTarget {
  getState(): ServerState;
  setState(next: Partial<ServerState>): void;
}

/** Without a frame for this long the data counts as old; a host samples once a second. */
export const SILENCE_MS = 5_000;
const RETRY_SNAPSHOT_MS = 1_000;
const HELD_DELTAS = 256;

/**
 * The one writer of server state: asks for a snapshot on every connection and on every gap, applies deltas in order, and
 * marks the data as lost when the connection or the frames stop. Returns the function that ends it.
 */
export function startFeed(transport: Transport, target: FeedTarget): () => void {
  /** Deltas that arrive while a snapshot is on its way; null while none is asked for. */
  let held: Delta[] | null = null;
  let connection = 0;
  let stopped = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  async function askForSnapshot(): Promise<void> {
    if (held !== null || stopped) return;
    held = [];
    const asked = connection;
    const result = await transport.call('snapshot', {});
    if (stopped || asked !== connection) return;
    const parsed = result.ok ? snapshotSchema.safeParse(result.reply) : null;
    const arrived: Delta[] = held;
    held = null;
    if (!parsed?.success) {
      if (parsed) console.warn('The snapshot does not fit the contract:', parsed.error.message);
      retry = setTimeout(() => void askForSnapshot(), RETRY_SNAPSHOT_MS);
      return;
    }
    target.setState(applySnapshot(target.getState(), parsed.data, Date.now()));
    for (const delta of arrived) take(delta);
  }

  function take(delta: Delta): void {
    if (held !== null) {
      if (held.length < HELD_DELTAS) held.push(delta);
      return;
    }
    const state = target.getState();
    if (state.feed === 'connecting') return void askForSnapshot();
    switch (sequence(state, delta)) {
      case 'next':
        return target.setState(applyDelta(state, delta, Date.now()));
      case 'gap':
        return void askForSnapshot();
      case 'old':
        return;
    }
  }

  function onState(state: ConnectionState): void {
    connection += 1;
    held = null;
    clearTimeout(retry);
    if (state === 'open') return void askForSnapshot();
    if (state === 'denied') return target.setState({ feed: 'denied' });
    if (target.getState().feed === 'live') target.setState({ feed: 'lost' });
  }

  const watch = setInterval(() => {
    const { feed, receivedAt } = target.getState();
    if (feed === 'live' && receivedAt !== null && Date.now() - receivedAt > SILENCE_MS) target.setState({ feed: 'lost' });
  }, 1_000);

  const unsubscribe = transport.subscribe(take, onState);
  return () => {
    stopped = true;
    clearInterval(watch);
    clearTimeout(retry);
    unsubscribe();
  };
}
