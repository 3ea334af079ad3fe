import type { HistoryMark } from '../../../../core/contract/index.ts';
import type { TimeAxis } from '../../charts/cursor.ts';

/** Marks that are drawn as one. */
export interface MarkGroup {
  /** Place in the lane, as a share of its width. */
  place: number;
  marks: HistoryMark[];
}

/** Puts marks that would lie on each other together. `room`: the share of the width that one takes. */
export function groupMarks(marks: readonly HistoryMark[], axis: TimeAxis, room: number): MarkGroup[] {
  const whole = axis.length * axis.bucketMs;
  const groups: MarkGroup[] = [];
  for (const mark of marks) {
    const place = (mark.at - axis.from) / whole;
    if (place < 0 || place > 1) continue;
    const last = groups.at(-1);
    if (last && place - last.place < room) last.marks.push(mark);
    else groups.push({ place, marks: [mark] });
  }
  return groups;
}
