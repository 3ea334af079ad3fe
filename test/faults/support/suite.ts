/** The matrix of some kinds of moves as tests: each kind in turn, its table on standard output, and nothing left behind. */
import { expect, test } from 'vitest';
import type { TransferPhase } from '../../../core/contract/index.ts';
import { findPoints, runMatrix, table, unmoved } from './matrix.ts';
import type { Kind } from './rig.ts';
import { pointName } from './strike.ts';

/** A kind, and in which phases it must have asked a server something: a phase that is renamed or lost is noticed. */
export interface Row {
  readonly kind: Kind;
  readonly phases: readonly TransferPhase[];
}

/** `onServers`: connections that the servers count. */
export function faultMatrix(rows: readonly Row[], onServers: () => Promise<number>): void {
  /** What is the same in all of them is struck in the first only. */
  const known = new Set<string>();

  test.each(rows.map(({ kind, phases }) => ({ name: kind.name, kind, phases })))('$name', async ({ kind, phases }) => {
    const before = sockets();
    // Counted from within a poll, whose own timers are there at the end as well.
    let timersBefore = 0;
    await expect.poll(() => (timersBefore = timers())).toBeGreaterThanOrEqual(0);
    const golden = await unmoved(kind);
    const all = await findPoints(kind, golden);
    const last = all.findLast((point) => !point.behind && point.phase !== 'resume');
    if (last === undefined) throw new Error('nothing was asked');
    const points = all.filter((point) => point.phase !== 'preflight' || !known.has(pointName(point)));
    for (const point of all) known.add(pointName(point));
    const cells = await runMatrix(kind, points, last, golden);
    process.stdout.write(`\n${table(kind, points, cells)}`);
    const wrong = cells.flatMap(({ point, fault, complaint }) =>
      complaint === null ? [] : [`${pointName(point)}, ${fault}: ${complaint}`],
    );
    expect(wrong).toEqual([]);
    expect([...new Set(all.map(({ phase }) => phase))]).toEqual(expect.arrayContaining([...phases]));
    await expect.poll(onServers, { timeout: 20_000, message: 'connections that the servers count' }).toBe(0);
    await expect.poll(sockets, { timeout: 20_000, message: 'sockets of this process' }).toBeLessThanOrEqual(before);
    await expect.poll(timers, { timeout: 5_000, message: 'timers of this process' }).toBeLessThanOrEqual(timersBefore);
  });
}

/** Those that keep the process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TCPServerWrap').length;
}
