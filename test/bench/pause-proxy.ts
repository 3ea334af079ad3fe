/**
 * The proxy of the pause benchmark, in a process of its own: the core with two endpoints, told what to move over the process's channel, and
 * telling what became of it. Its words: the URLs of the two servers.
 */
import type { TransferRow } from '../../core/contract/index.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { Switchyard } from '../../core/switchyard.ts';

/** What it is asked. */
type Order =
  | { readonly id: number; readonly kind: 'move'; readonly port: number; readonly to: string; readonly mode: TransferRow['mode'] }
  | { readonly id: number; readonly kind: 'drain'; readonly backend: string; readonly to: string };

const [a = '', b = ''] = process.argv.slice(2);
const switchyard = new Switchyard({
  version: '0.0.0',
  listen: { host: '127.0.0.1', port: 0 },
  endpoints: [
    { id: 'ep-a', ...parseBackendUrl(a) },
    { id: 'ep-b', ...parseBackendUrl(b) },
  ],
  settings: { pooling: { size: 5_000 }, resurrection: { enabled: false }, migration: { loginsPerBackend: 8 } },
});
const { handlers } = switchyard;
const { port } = await switchyard.start();
process.send?.({ port });

process.on('message', (order: Order) => {
  carryOut(order).then(
    (reply) => process.send?.({ id: order.id, reply }),
    (error: unknown) => process.send?.({ id: order.id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function carryOut(order: Order): Promise<unknown> {
  const { operationId } = order.kind === 'move' ? await startMove(order) : await startDrain(order);
  await settled(operationId, order.kind === 'move' ? 5 : 250);
  const { operations, transfers } = await handlers.snapshot({});
  if (order.kind === 'drain') await handlers['backend.undrain']({ backend: order.backend });
  return {
    operation: operations.find(({ id }) => id === operationId),
    transfer: order.kind === 'move' ? transfers.findLast((row) => row.operationId === operationId) : null,
  };
}

async function startMove(order: Extract<Order, { kind: 'move' }>): Promise<{ operationId: number }> {
  const session = (await handlers.snapshot({})).sessions.find(({ clientPort }) => clientPort === order.port);
  if (session === undefined) throw new Error('there is no such session');
  return await handlers.migrate({ sessionIds: [session.id], to: order.to, withinMs: 30_000, mode: order.mode ?? undefined });
}

async function startDrain({ backend, to }: Extract<Order, { kind: 'drain' }>): Promise<{ operationId: number }> {
  return await handlers['backend.drain']({ backend, to, withinMs: 300_000 });
}

/** Looked for seldom enough that the looking costs the moves nothing. */
async function settled(operationId: number, everyMs: number): Promise<void> {
  for (;;) {
    const { operations } = await handlers.snapshot({});
    if (operations.some(({ id, settledAt }) => id === operationId && settledAt !== null)) return;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
