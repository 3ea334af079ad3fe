/** Says the outcome of a statement: rows in their formats, the tag, the end; with the knobs of its kind. */
import { parameterStatus } from '../../../core/wire/messages.ts';
import { commandComplete, copyData, copyDone, copyResponse, dataRow, formatOf, portalSuspended, rowDescription } from './answers.ts';
import type { Column } from './answers.ts';
import type { Phase } from './faults.ts';
import type { Output } from './output.ts';
import type { Outcome, Plan, Portal, Row } from './session-state.ts';
import { encode } from './types.ts';

/** The knob of one part of an answer; other statements than the two have one for their first message only. */
function knob(plan: Plan, part: 'T' | 'D' | 'C'): Phase | undefined {
  return plan.knobs === undefined ? undefined : `${plan.knobs}-${part}`;
}

/** RowDescription of what a plan gives. */
export async function sayColumns(output: Output, plan: Plan, columns: readonly Column[], formats: readonly number[]): Promise<void> {
  await output.say(rowDescription(columns, formats), knob(plan, 'T'));
}

/** Up to `limit` rows (0: all) and, once there are no more, the tag. Returns false while there are more. */
export async function sayRows(output: Output, portal: Portal, outcome: Pick<Outcome, 'command'>, limit: number): Promise<boolean> {
  const { plan } = portal.statement;
  const { columns } = plan;
  let count = 0;
  if (portal.rows !== null && columns !== null) {
    for (;;) {
      if (limit > 0 && count === limit) {
        await output.say(portalSuspended);
        return false;
      }
      const next = await portal.rows.next();
      if (next.done === true) break;
      count++;
      await output.say(dataRow(encoded(next.value, columns, portal.formats)), knob(plan, 'D'));
    }
  }
  await output.say(commandComplete(columns === null ? outcome.command : `${outcome.command} ${count}`), knob(plan, 'C'));
  return true;
}

/** ParameterStatus that a statement brings. */
export async function sayParameters(output: Output, outcome: Outcome): Promise<void> {
  for (const [name, value] of outcome.parameters ?? []) await output.say(parameterStatus(name, value));
}

/** COPY TO STDOUT. */
export async function sayCopyOut(output: Output, lines: readonly string[], command: string): Promise<void> {
  await output.say(copyResponse('out'));
  for (const line of lines) await output.say(copyData(line));
  await output.say(copyDone);
  await output.say(commandComplete(command));
}

function encoded(row: Row, columns: readonly Column[], formats: readonly number[]): (Buffer | null)[] {
  return row.map((value, index) => (value === null ? null : encode(value, columns[index]?.oid ?? 0, formatOf(formats, index))));
}

/** An iterator over the rows of an outcome. */
export function iterate(rows: Outcome['rows']): Portal['rows'] {
  if (rows === undefined) return null;
  return Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
}
