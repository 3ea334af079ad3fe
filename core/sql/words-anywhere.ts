/** What the words of a text may do when it is not known which of them are in strings and comments, or when its strings are code. */
import { Kind, kinds } from './byte-text.ts';
import { anyName, Effect, Id, ID_SHIFT, isTemporarySchema, leadEffects, lookUp, wordBits } from './effect-words.ts';

const { State, Settings, Names, SequenceUse, Sticky, Write } = Effect;
const backslash = 92;
const doubleQuote = 34;

/**
 * The effects of all words of a text, wherever they stand: in strings, comments, and after escapes such as `\n`. `statements`: an EXECUTE
 * is SQL's own, not that of a procedural language.
 */
export function wordsAnywhere(bytes: Buffer, start: number, end: number, statements: boolean): number {
  let effects = 0;
  let previous = 0;
  for (let at = start; at < end; at++) {
    if (kinds[bytes[at] ?? 0] !== Kind.Word) continue;
    const from = at;
    while (at < end && (kinds[bytes[at] ?? 0] === Kind.Word || kinds[bytes[at] ?? 0] === Kind.Digit)) at++;
    const index = lookUp(bytes, from, at);
    const id = index < 0 ? 0 : wordBits(index) >> ID_SHIFT;
    if (id === Id.all && (previous === Id.deallocate || previous === Id.discard || previous === Id.prepare))
      effects |= Effect.ForgetStatements;
    previous = id;
    effects |= effectsOfWord(bytes, from, at, index, statements);
    if (from > start && bytes[from - 1] === backslash)
      effects |= effectsOfWord(bytes, from + 1, at, lookUp(bytes, from + 1, at), statements);
    if (at - from === 1 && ((bytes[from] ?? 0) | 32) === 117 && bytes[at] === 38 && bytes[at + 1] === doubleQuote) effects |= anyName;
    at--;
  }
  return effects;
}

function effectsOfWord(bytes: Buffer, from: number, to: number, index: number, statements: boolean): number {
  if (index < 0) return isTemporarySchema(bytes, from, to) ? State : 0;
  const bits = wordBits(index);
  const effects = (bits & 255) | (Math.max(0, leadEffects(index)) & 255);
  switch (bits >> ID_SHIFT) {
    case Id.set:
      return State | Settings;
    case Id.prepare:
      return State | Names;
    case Id.update:
      return Write;
    case Id.seed:
    case Id.authorization:
    case Id.session_authorization:
      return Sticky;
    case Id.sequences:
      return SequenceUse;
    case Id.execute:
      return statements ? effects : effects & ~Names;
    default:
      return effects;
  }
}
