import { create } from 'zustand';
import type { EndpointChange, EndpointRow } from '../../../../core/contract/index.ts';

/** An addition or a change of a line. */
export type SaveChange = Extract<EndpointChange, { kind: 'save' }>;

/** One edit of the map that was not applied yet. */
export interface StagedChange {
  /** Its own, in this window. */
  readonly key: number;
  /** The endpoint it edits; null: it adds one. */
  readonly of: string | null;
  readonly change: EndpointChange;
}

/** Edits of the endpoint map, in the order they will be applied. They outlive the view: a look elsewhere throws nothing away. */
export const useStagedMap = create<{ changes: readonly StagedChange[] }>()(() => ({ changes: [] }));

let lastKey = 0;

/** Stages an edit. An endpoint has one at most: a newer one takes the place of the earlier; so does one that replaces the edit `key`. */
export function stage(change: EndpointChange, of: string | null, key: number | null = null): void {
  useStagedMap.setState(({ changes }) => {
    const at = changes.findIndex((each) => each.key === key || (of !== null && each.of === of));
    const next: StagedChange = { key: changes[at]?.key ?? ++lastKey, of, change };
    return { changes: at < 0 ? [...changes, next] : changes.with(at, next) };
  });
}

/** Takes edits back; left out: all of them. */
export function unstage(keys?: readonly number[]): void {
  useStagedMap.setState(({ changes }) => ({ changes: keys === undefined ? [] : changes.filter(({ key }) => !keys.includes(key)) }));
}

/** The names that are taken once everything staged is applied, but for the edit `without`. */
export function takenNames(endpoints: readonly EndpointRow[], changes: readonly StagedChange[], without: number | null): Set<string> {
  const others = changes.filter(({ key }) => key !== without);
  const left = new Set(others.flatMap(({ of, change }) => (of !== null && (change.kind === 'remove' || change.id !== of) ? [of] : [])));
  return new Set([
    ...endpoints.map(({ id }) => id).filter((id) => !left.has(id)),
    ...others.flatMap(({ change }) => (change.kind === 'save' ? [change.id] : [])),
  ]);
}

/** What an edit is, in a few words. */
export function changeTitle({ of, change }: StagedChange): string {
  if (change.kind === 'remove') return `Remove ${change.id}`;
  if (of === null) return `Add ${change.id}`;
  return of === change.id ? `Change ${of}` : `Rename ${of} to ${change.id}`;
}
