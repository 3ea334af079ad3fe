/** Shared prepared statements as statements under the client's own names, for a session that speaks of them in SQL. */
import type { NativeStatement } from '../state/carried.ts';
import type { ParseSettings } from '../state/parse-settings.ts';
import type { NamedStatement } from './statements/names.ts';

/** Client encodings whose letters beyond ASCII are understood here; texts in others must do without. */
const READABLE: Readonly<Record<string, 'utf8' | 'latin1'>> = { UTF8: 'utf8', LATIN1: 'latin1' };

/**
 * Those that can be parsed under their own names. `encoding`: the client's; `present`: the session's settings now, which are the best guess
 * for a statement that was parsed while they were changing.
 */
export function nativeStatements(statements: readonly NamedStatement[], encoding: string, present: ParseSettings): NativeStatement[] {
  return statements.flatMap(({ name, frame, under }) => {
    if (frame === null) return [];
    const textStart = frame.indexOf(0, 5) + 1;
    const textEnd = frame.indexOf(0, textStart);
    const bytes = READABLE[encoding] ?? (frame.subarray(0, textEnd).every((byte) => byte < 128) ? 'utf8' : null);
    if (bytes === null) return [];
    const parameterTypes: number[] = [];
    for (let at = textEnd + 3; at + 4 <= frame.length; at += 4) parameterTypes.push(frame.readUInt32BE(at));
    const text = frame.toString(bytes, textStart, textEnd);
    return [
      {
        name: Buffer.from(name, 'latin1').toString(bytes),
        text,
        fromSql: false,
        parameterTypes,
        parseSettings: under?.settings ?? present,
      },
    ];
  });
}
