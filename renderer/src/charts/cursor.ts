import { create } from 'zustand';

/** The moment that the charts of a view point at, by the host's clock; null: none. One for all charts, so that they can be compared. */
export const useCursor = create<{ at: number | null }>()(() => ({ at: null }));

/** Points at a moment, or at none. */
export function pointAt(at: number | null): void {
  if (useCursor.getState().at !== at) useCursor.setState({ at });
}

/** A stretch of time in buckets. */
export interface TimeAxis {
  /** Beginning of the first bucket. */
  from: number;
  bucketMs: number;
  /** How many buckets. */
  length: number;
}

/** The bucket that holds a moment; null if none does. */
export function bucketOf({ from, bucketMs, length }: TimeAxis, at: number | null): number | null {
  if (at === null) return null;
  const bucket = Math.floor((at - from) / bucketMs);
  return bucket >= 0 && bucket < length ? bucket : null;
}

/** The bucket that these charts point at. */
export function useCursorBucket(axis: TimeAxis): number | null {
  return useCursor(({ at }) => bucketOf(axis, at));
}

/** Where a key leads from a bucket; undefined: the key means nothing here. Null: away. */
export function bucketAfter(key: string, bucket: number, length: number): number | null | undefined {
  const within = (next: number): number => Math.max(0, Math.min(length - 1, next));
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return within(bucket - 1);
    case 'ArrowRight':
    case 'ArrowUp':
      return within(bucket + 1);
    case 'PageDown':
      return within(bucket - 15);
    case 'PageUp':
      return within(bucket + 15);
    case 'Home':
      return 0;
    case 'End':
      return length - 1;
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}
