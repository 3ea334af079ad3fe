import type { CarryOptions, Verdict } from '../../../../core/contract/index.ts';

/** Something that can be taken along on request, and the finding that refuses it otherwise. */
export interface Offer {
  readonly option: keyof CarryOptions;
  readonly code: string;
  readonly words: string;
}

const carryable: readonly Offer[] = [
  { option: 'advisoryLocks', code: 'advisory_lock', words: 'advisory locks' },
  { option: 'heldCursors', code: 'held_cursor', words: 'held cursors' },
  { option: 'temporaryTables', code: 'temp_object', words: 'temporary tables' },
];

/** Until something is chosen. */
export const nothingAlong: ReadonlySet<keyof CarryOptions> = new Set();

const nothing: CarryOptions = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };

/** The request's `carry`; undefined: as the settings say. */
export function carryOf(chosen: ReadonlySet<keyof CarryOptions>): CarryOptions | undefined {
  if (chosen.size === 0) return undefined;
  return { ...nothing, ...Object.fromEntries([...chosen].map((option) => [option, true])) };
}

/** What some of the refused sessions could be moved with. */
export function offers(verdicts: readonly Verdict[]): Offer[] {
  const codes = new Set(blockersOf(verdicts));
  return carryable.filter(({ code }) => codes.has(code));
}

/** Whether a session can be tried: nothing refuses it, or only what is to be taken along. */
export function mayMove(verdict: Verdict, chosen: ReadonlySet<keyof CarryOptions>): boolean {
  if (verdict.verdict !== 'refused') return true;
  const codes = blockersOf([verdict]);
  return codes.length > 0 && codes.every((code) => carryable.some((each) => each.code === code && chosen.has(each.option)));
}

function blockersOf(verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ findings }) => findings.flatMap(({ level, code }) => (level === 'block' ? [code] : [])));
}
