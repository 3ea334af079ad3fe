import { create } from 'zustand';

/** What an operator has marked in this window. The host knows nothing of it, and it ends with the window. */
export interface Marks {
  /** Sessions kept above the others. */
  top: ReadonlySet<number>;
  flagged: ReadonlySet<number>;
  notes: ReadonlyMap<number, string>;
}

/** The marks of this window, by session. */
export const useMarks = create<Marks>()(() => ({ top: new Set(), flagged: new Set(), notes: new Map() }));

/** Keeps these sessions above the others; if all of them are there already, lets them go. */
export function toggleTop(ids: readonly number[]): void {
  useMarks.setState(({ top }) => ({ top: toggled(top, ids) }));
}

/** Flags these sessions; if all of them are flagged already, takes the flags away. */
export function toggleFlag(ids: readonly number[]): void {
  useMarks.setState(({ flagged }) => ({ flagged: toggled(flagged, ids) }));
}

/** Writes a note on a session; an empty one takes it away. */
export function setNote(id: number, text: string): void {
  useMarks.setState((marks) => {
    const notes = new Map(marks.notes);
    if (text.trim() === '') notes.delete(id);
    else notes.set(id, text.trim());
    return { notes };
  });
}

function toggled(before: ReadonlySet<number>, ids: readonly number[]): ReadonlySet<number> {
  const after = new Set(before);
  const isOn = ids.every((id) => before.has(id));
  for (const id of ids) {
    if (isOn) after.delete(id);
    else after.add(id);
  }
  return after;
}
