/** The text of a statement that was made by SQL's PREPARE. */
import { preparedName, splitStatements } from '../sql/facts.ts';

/**
 * An SQL-level PREPARE is listed with the whole string it arrived in; only the PREPARE itself may run again
 * (postgres-session-state.md 6.2). Null: it cannot be told from its neighbours.
 */
export function prepareText(name: string, text: string, standardConformingStrings: boolean): string | null {
  const options = { standardConformingStrings };
  const pieces = splitStatements(text, options);
  if (pieces.length <= 1) return text;
  return pieces.map(({ start, end }) => text.slice(start, end)).find((piece) => preparedName(piece, options) === name) ?? null;
}
