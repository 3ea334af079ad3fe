/** The nodes of the yard by column, from top to bottom, as keys; children stand below their parents. */
export interface NodeGrid {
  clients: readonly string[];
  endpoints: readonly string[];
  backends: readonly string[];
}

export const columnNames = ['clients', 'endpoints', 'backends'] as const;
export type ColumnName = (typeof columnNames)[number];

/** The column that a node stands in; null: it is gone. */
export function columnOf(grid: NodeGrid, key: string): ColumnName | null {
  return columnNames.find((name) => grid[name].includes(key)) ?? null;
}

/**
 * Where an arrow leads from a node: up and down within its column, left and right to the node of the next column that stands at the
 * same share of its height. Null: nowhere.
 */
export function stepFrom(grid: NodeGrid, key: string, arrow: string): string | null {
  const column = columnOf(grid, key);
  if (column === null) return null;
  const keys = grid[column];
  const place = keys.indexOf(key);
  switch (arrow) {
    case 'ArrowUp':
      return keys[place - 1] ?? null;
    case 'ArrowDown':
      return keys[place + 1] ?? null;
    case 'Home':
      return keys[0] ?? null;
    case 'End':
      return keys.at(-1) ?? null;
    case 'ArrowLeft':
    case 'ArrowRight': {
      const side = columnNames.indexOf(column) + (arrow === 'ArrowRight' ? 1 : -1);
      const next = columnNames.slice(Math.max(0, side), side + 1).map((name) => grid[name])[0];
      if (side < 0 || !next || next.length === 0) return null;
      const share = keys.length < 2 ? 0.5 : place / (keys.length - 1);
      return next[Math.round(share * (next.length - 1))] ?? null;
    }
    default:
      return null;
  }
}
