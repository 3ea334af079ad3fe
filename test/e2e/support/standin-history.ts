/** What the scripted world remembers, told as the real host would tell it. */
import type { Handlers } from '../../../core/contract/index.ts';
import { History } from '../../../core/facade/history.ts';
import type { World } from './standin-world.ts';

/** The calls that look back. */
export function historyHandlers(world: World): Pick<Handlers, 'history' | 'events.list'> {
  return {
    history: ({ seconds, slots, pool }) => {
      const history = new History({ log: () => world.log, operations: () => [...world.operations.values()] });
      for (const sample of world.samples) history.note(sample);
      for (const transfer of world.transfers.values()) history.settled(transfer);
      return history.of(seconds, slots, pool);
    },
    'events.list': ({ before, limit }) => ({ entries: world.log.filter(({ id }) => before === null || id < before).slice(-limit) }),
  };
}
