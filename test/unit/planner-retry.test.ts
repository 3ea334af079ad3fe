/** When a session that did not move is tried again: on a clock and with a session that the test moves. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Finding } from '../../core/contract/index.ts';
import { Retry } from '../../core/migration/planner/retry.ts';
import { SessionWatch } from '../../core/migration/planner/session-watch.ts';
import { Link } from '../../core/session/link.ts';
import type { Session } from '../../core/session/session.ts';

const refused = { outcome: 'refused' as const, findings: [] as Finding[] };
const failed = { outcome: 'error_recoverable' as const, findings: [] as Finding[] };

let link: Link;
let session: Session;
let watch: SessionWatch;
let stop: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  link = new Link();
  session = { forwarder: { link, isEnded: false } } as unknown as Session;
  watch = new SessionWatch();
  stop = new AbortController();
});
afterEach(() => {
  expect([vi.getTimerCount(), link.onIdle]).toEqual([0, null]);
  vi.useRealTimers();
});

const retry = (withinMs = 600_000): Retry => new Retry(session, watch, stop.signal, Date.now() + withinMs);

/** What a promise has come to by now. */
async function by(ms: number, promise: Promise<boolean>): Promise<boolean | 'waits'> {
  let state: boolean | 'waits' = 'waits';
  void promise.then((value) => (state = value));
  await vi.advanceTimersByTimeAsync(ms);
  return state;
}

it('after a refusal: once something of the session has changed, and not before, however long that takes', async () => {
  const again = retry().wait(refused);
  expect(await by(500_000, again)).toBe('waits');
  link.onIdle?.();
  expect(await by(1, again)).toBe(true);
});

it('not at once after a change: the distance grows with each try, up to five seconds', async () => {
  const tries = retry();
  for (const distance of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
    const again = tries.wait(refused);
    link.onIdle?.();
    expect(await by(distance - 2, again)).toBe('waits');
    expect(await by(4, again)).toBe(true);
  }
});

it('after a failure that is not the session’s: after that time anyway', async () => {
  const tries = retry();
  const again = tries.wait(failed);
  expect(await by(98, again)).toBe('waits');
  expect(await by(4, again)).toBe(true);
  const full = tries.wait({ ...refused, findings: [{ level: 'block', code: 'no_slots', message: 'full', hint: null }] });
  expect(await by(202, full)).toBe(true);
});

it('not after the deadline, nor once it is stopped', async () => {
  const late = retry(50).wait(refused);
  expect(await by(51, late)).toBe(false);
  const stopped = retry().wait(refused);
  stop.abort();
  expect(await by(0, stopped)).toBe(false);
  expect(await by(0, retry().change())).toBe(false);
});

it('at once when the session has ended: there is nothing to wait for', async () => {
  const again = retry().wait(refused);
  Object.assign(session.forwarder, { isEnded: true });
  watch.changed(session);
  expect(await by(1, again)).toBe(true);
});

it('when something has changed that may concern everybody', async () => {
  const again = retry().wait(refused);
  watch.changedAll();
  expect(await by(102, again)).toBe(true);
});

it('for each who waits for the same session', async () => {
  const waiting = [retry().change(), retry().change()];
  link.onIdle?.();
  expect(await Promise.all(waiting.map((each) => by(1, each)))).toEqual([true, true]);
});
