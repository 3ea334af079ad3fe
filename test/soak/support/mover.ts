/** Moves sessions without end, a few lanes side by side: any of them, in any mode that suits, to the other server. */
import type { SessionRow, TransferMode } from '../../../core/contract/index.ts';
import type { Cluster } from '../../../main/demo/cluster.ts';
import type { Random } from '../../fuzz/support/random.ts';
import type { Yard } from '../../support/yard.ts';
import type { Settled } from './settled.ts';
import { testimony } from './witness.ts';

/** Endpoint of each server, by the pool mode of its sessions. */
export type Endpoints = Readonly<Record<'session' | 'transaction', readonly [a: string, b: string]>>;

const WITHIN_MS = 120_000;
const MODES: Readonly<Record<'session' | 'transaction', readonly (TransferMode | null)[]>> = {
  session: [null, null, null, 'optimistic', 'two-phase', 'preconnect'],
  transaction: [null, null, 'detached', 'preconnect'],
};

/** What the mover needs. */
export interface MoverParts {
  readonly yard: Yard;
  readonly settled: Settled;
  readonly endpoints: Endpoints;
  readonly random: Random;
  readonly lanes: number;
  /** Asked what they do for a session that does not move. */
  readonly clusters: readonly Cluster[];
}

/** See the head of this file. */
export class Mover {
  readonly #parts: MoverParts;
  readonly #moving = new Set<number>();

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** Moves until so many transfers have succeeded since the soak began. */
  async until(successes: number, stop: AbortSignal): Promise<void> {
    const { settled, lanes } = this.#parts;
    const lane = async (): Promise<void> => {
      while (settled.outcomes.success < successes && !stop.aborted) await this.#move();
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Drains a server into an endpoint of the other one, and lets new clients come again. Rejects if a session stayed. */
  async drain(backend: string, to: string): Promise<void> {
    const { yard, settled, clusters } = this.#parts;
    const { handlers } = yard.switchyard;
    const { operationId } = await handlers['backend.drain']({ backend, to, withinMs: WITHIN_MS });
    const operation = await settled.operation(operationId);
    const snapshot = await yard.snapshot();
    const left = snapshot.sessions.filter((row) => row.backend === backend && row.state !== 'closing');
    const ofDrain = { ...snapshot, transfers: snapshot.transfers.filter((row) => row.operationId === operationId) };
    const witnesses = left.length > 0 ? await testimony(left, ofDrain, clusters) : '';
    await handlers['backend.undrain']({ backend });
    if (left.length > 0 || operation.fatal > 0)
      throw new Error(`a drain of ${backend} left ${left.length} sessions: ${JSON.stringify(operation)}\n${witnesses}`);
  }

  async #move(): Promise<void> {
    const { yard, settled, endpoints, random } = this.#parts;
    const free = (await yard.sessions()).filter((row) => !this.#moving.has(row.id) && row.transfer === null);
    if (free.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return;
    }
    const first = random.pick(free);
    const chosen = free.filter(
      (row) => row.id === first.id || (row.backend === first.backend && row.poolMode === first.poolMode && random.oneIn(8)),
    );
    const mode = random.pick(MODES[first.poolMode]);
    for (const { id } of chosen) this.#moving.add(id);
    const to = (await this.#isFirst(first)) ? endpoints[first.poolMode][1] : endpoints[first.poolMode][0];
    const sessionIds = chosen.map(({ id }) => id);
    const { operationId } = await yard.switchyard.handlers.migrate({ sessionIds, to, withinMs: WITHIN_MS, mode: mode ?? undefined });
    await settled.operation(operationId);
    for (const { id } of chosen) this.#moving.delete(id);
  }

  /** Whether it is on the first server. */
  async #isFirst(row: SessionRow): Promise<boolean> {
    const { yard, endpoints } = this.#parts;
    const first = (await yard.snapshot()).endpoints.find(({ id }) => id === endpoints.session[0]);
    return first?.backend === row.backend;
  }
}
