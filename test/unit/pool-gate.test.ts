import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate, PauseEnded, PauseTimeout } from '../../core/pool/gate.ts';

describe('the gate', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const held = new Map<string, number>();
  const makeGate = (): { gate: Gate; opened: ReturnType<typeof vi.fn> } => {
    held.clear();
    const opened = vi.fn();
    return { gate: new Gate((endpoint) => held.get(endpoint) ?? 0, opened), opened };
  };
  const outcome = (pause: Promise<void>): { value: string | Error | null } => {
    const result: { value: string | Error | null } = { value: null };
    pause.then(
      () => (result.value = 'paused'),
      (error: unknown) => (result.value = error as Error),
    );
    return result;
  };
  const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

  it('closes at once, and says so once nothing is held any more', async () => {
    const { gate, opened } = makeGate();
    held.set('ep-a', 2);
    const pause = outcome(gate.pause('ep-a', 1_000));
    expect([gate.isPaused('ep-a'), gate.isPaused('ep-b')]).toEqual([true, false]);
    held.set('ep-a', 1);
    gate.released('ep-a');
    held.set('ep-a', 0);
    gate.released('ep-b');
    await turn();
    expect(pause.value).toBe(null);
    gate.released('ep-a');
    await turn();
    expect(pause.value).toBe('paused');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(gate.isPaused('ep-a')).toBe(true);
    expect(opened).not.toHaveBeenCalled();
    expect(gate.resume('ep-a')).toBe(true);
    expect(gate.resume('ep-a')).toBe(false);
    expect(gate.isPaused('ep-a')).toBe(false);
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('opens again when it takes too long', async () => {
    const { gate, opened } = makeGate();
    held.set('ep-a', 1);
    const pause = outcome(gate.pause('ep-a', 1_000));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(pause.value).toBeInstanceOf(PauseTimeout);
    expect(String(pause.value)).toContain('endpoint ep-a could not be paused within 1000 ms: its sessions still have 1 server connection');
    expect(gate.isPaused('ep-a')).toBe(false);
    expect(opened).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stays closed for one who has paused it when another one’s pause takes too long', async () => {
    const { gate } = makeGate();
    const first = outcome(gate.pause('ep-a', 1_000));
    await turn();
    expect(first.value).toBe('paused');
    held.set('ep-a', 1);
    const second = outcome(gate.pause('ep-a', 10));
    await vi.advanceTimersByTimeAsync(10);
    expect(second.value).toBeInstanceOf(PauseTimeout);
    expect(gate.isPaused('ep-a')).toBe(true);
  });

  it('ends a pause that waits when somebody resumes', async () => {
    const { gate } = makeGate();
    held.set('ep-a', 1);
    const pauses = [gate.pause('ep-a', 1_000), gate.pause('ep-a', 2_000)].map(outcome);
    gate.resume('ep-a');
    await turn();
    for (const { value } of pauses) expect(value).toBeInstanceOf(PauseEnded);
    expect(gate.isPaused('ep-a')).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    // A pause of now has nothing to do with those of then.
    held.clear();
    const again = outcome(gate.pause('ep-a', 1_000));
    await turn();
    expect(again.value).toBe('paused');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(gate.isPaused('ep-a')).toBe(true);
  });

  it('lets nobody wait behind its end', async () => {
    const { gate } = makeGate();
    held.set('ep-a', 1);
    const pause = outcome(gate.pause('ep-a', 60_000));
    gate.close();
    await turn();
    expect(pause.value).toBeInstanceOf(PauseEnded);
    expect(vi.getTimerCount()).toBe(0);
  });
});
