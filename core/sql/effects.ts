/** What a statement may do to its session: bits of what `effectsOf` returns. */
export const Effect = {
  /** May change what outlives the transaction. */
  State: 1,
  /** May change a setting now, be it for the transaction only: parse-time settings are not known after it. */
  Settings: 2,
  /** Needs the client's own statement names on the server: SQL PREPARE, EXECUTE, DEALLOCATE. */
  Names: 4,
  /** currval, lastval. */
  SequenceRead: 8,
  /** nextval, setval. */
  SequenceUse: 16,
  /** Once done, nothing carries it and no look at the session sees it end. */
  Sticky: 32,
  /** Writes rows: triggers and defaults may run. */
  Write: 64,
  /** Drops every prepared statement: DEALLOCATE ALL, DISCARD ALL. */
  ForgetStatements: 128,
} as const;

/** The effects that `bytes[start, end)`, the text of a Query or Parse, may have. For now: all but `Sticky`. */
export function effectsOf(_bytes: Buffer, _start: number, _end: number, _profile: 'strict' | 'compatible'): number {
  return 255 & ~Effect.Sticky;
}
