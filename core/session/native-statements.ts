/** Shared prepared statements as statements under the client's own names, for a session that speaks of them in SQL. */
import type { NativeStatement } from '../state/carried.ts';
import type { ParseSettings } from '../state/parse-settings.ts';
import type { NamedStatement } from './statements/names.ts';

/**
 * Those that can be parsed under their own names. `encoding`: the client's; `present`: the session's settings now, which are the best guess
 * for a statement that was parsed while they were changing.
 */
export function nativeStatements(statements: readonly NamedStatement[], encoding: string, present: ParseSettings): NativeStatement[] {
  return statements.flatMap(({ name, frame, under }) => {
    if (frame === null) return [];
    const textStart = frame.indexOf(0, 5) + 1;
    const textEnd = frame.indexOf(0, textStart);
    const isReadable = encoding === 'UTF8' || frame.subarray(0, textEnd).every((byte) => byte < 128);
    if (!isReadable) return [];
    const parameterTypes: number[] = [];
    for (let at = textEnd + 3; at + 4 <= frame.length; at += 4) parameterTypes.push(frame.readUInt32BE(at));
    const text = frame.toString('utf8', textStart, textEnd);
    return [
      {
        name: Buffer.from(name, 'latin1').toString('utf8'),
        text,
        fromSql: false,
        parameterTypes,
        parseSettings: under?.settings ?? present,
      },
    ];
  });
}
