/** What a page did with its main thread over a stretch of time, measured by the page itself. */
import type { Page } from '@playwright/test';

/** Figures of one stretch; times in milliseconds. */
export interface Frames {
  seconds: number;
  /** Frames per second that were really drawn. */
  fps: number;
  /** Tasks over 50 ms (Long Tasks API): how long each took. */
  longTasks: number[];
  /** From an input to the next paint after it (Event Timing API, rounded to 8 ms there; shorter ones than 16 ms count as 16). */
  inputToPaintMs: number[];
}

interface Watched extends Window {
  watched?: { began: number; frames: number; long: number[]; inputs: number[]; stop: () => void };
}

/** Starts measuring; what happened before does not count. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const state = { began: performance.now(), frames: 0, long: [] as number[], inputs: [] as number[], stop: () => undefined as void };
    const longTasks = new PerformanceObserver((list) => state.long.push(...list.getEntries().map((entry) => entry.duration)));
    longTasks.observe({ type: 'longtask' });
    const events = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { interactionId?: number })[])
        if (['keydown', 'pointerdown', 'click'].includes(entry.name)) state.inputs.push(entry.duration);
    });
    events.observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
    let running = true;
    const count = (): void => {
      if (!running) return;
      state.frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    state.stop = () => {
      running = false;
      longTasks.disconnect();
      events.disconnect();
    };
    (window as Watched).watched = state;
  });
}

/** Stops measuring. `inputs`: how many inputs there were; those that the browser did not report were faster than 16 ms. */
export async function framesSeen(page: Page, inputs: number): Promise<Frames> {
  const seen = await page.evaluate(async () => {
    // What the observers have not been told yet comes with the next frames.
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100)));
    const { watched } = window as Watched;
    if (watched === undefined) throw new Error('nothing was watched');
    watched.stop();
    const { began, frames, long, inputs } = watched;
    return { seconds: (performance.now() - began) / 1_000, frames, long, inputs };
  });
  const unreported = Math.max(0, inputs - seen.inputs.length);
  return {
    seconds: seen.seconds,
    fps: seen.frames / seen.seconds,
    longTasks: seen.long,
    inputToPaintMs: [...seen.inputs, ...Array.from({ length: unreported }, () => 16)],
  };
}

/** The value that a share of them does not exceed; 0 for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
