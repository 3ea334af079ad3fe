/** How a row was clicked. */
export interface Modifiers {
  shift: boolean;
  /** Ctrl, or Cmd on a Mac. */
  toggle: boolean;
}

/** A selection by identity, and where its next range begins. */
export interface Selection {
  selected: ReadonlySet<number>;
  anchor: number | null;
}

/**
 * The selection after a click on `id`: alone, toggled, or the range from the anchor in the order shown. Ids that are not in
 * `order` (hidden by the filter) stay selected only when toggling.
 */
export function clickSelection(before: Selection, order: readonly number[], id: number, modifiers: Modifiers): Selection {
  if (modifiers.shift) {
    const range = between(order, before.anchor ?? id, id);
    const selected = modifiers.toggle ? new Set([...before.selected, ...range]) : new Set(range);
    return { selected, anchor: before.anchor ?? id };
  }
  if (modifiers.toggle) {
    const selected = new Set(before.selected);
    if (!selected.delete(id)) selected.add(id);
    return { selected, anchor: id };
  }
  return { selected: new Set([id]), anchor: id };
}

function between(order: readonly number[], from: number, to: number): number[] {
  const a = order.indexOf(from);
  const b = order.indexOf(to);
  if (b < 0) return [];
  if (a < 0) return [to];
  return order.slice(Math.min(a, b), Math.max(a, b) + 1);
}
