/** Turns a server connection that carries one state into one that carries another: one write, one round trip. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../wire/errors.ts';
import type { Message } from '../wire/message-reader.ts';
import { syncMessage } from '../wire/messages.ts';
import { splitAtReady } from './capture.ts';
import type { CarriedState } from './carried.ts';
import { changeGroups, statementKey, type ChangeStep } from './change-groups.ts';
import { lookIsGone } from './look.ts';

/** The server refused a part of it. The connection then carries neither state: it is to be closed. */
export class ChangeFailure extends Error {
  readonly fields: ErrorFields;
  constructor(what: string, fields: ErrorFields) {
    super(`the server did not take over ${what}: ${fields.message} (${fields.sqlState})`);
    this.name = 'ChangeFailure';
    this.fields = fields;
  }
}

/** How much a Parse, and how much the loss of all that is prepared on a connection, weigh against the change of one setting. */
const STATEMENT_COST = 2;
const ALL_STATEMENTS_COST = 20;

/**
 * How much work a change is: 0 none, and null impossible: PostgreSQL cannot remove a custom setting, only empty it, so that
 * `current_setting('a.b', true)` would be `''` where it must be NULL. Profile `compatible` accepts that.
 */
export function changeCost(from: CarriedState, to: CarriedState, profile: 'strict' | 'compatible'): number | null {
  if (from.tag === to.tag) return 0;
  let cost = 1;
  for (const name of [...from.custom.keys(), ...from.leftovers]) {
    if (to.custom.has(name) || to.leftovers.has(name)) continue;
    if (profile === 'strict') return null;
    cost++;
  }
  cost += differences(from.settings, to.settings) + differences(from.custom, to.custom);
  if (from.role !== to.role) cost++;
  const there = new Set(from.statements.map(statementKey));
  const wanted = new Set(to.statements.map(statementKey));
  for (const key of wanted) if (!there.has(key)) cost += STATEMENT_COST;
  for (const key of there) if (!wanted.has(key)) cost++;
  return dropsShared(from, to) ? cost + ALL_STATEMENTS_COST : cost;
}

/** A change removes the proxy's own statements from the connection as well. */
export function dropsShared(from: CarriedState, to: CarriedState): boolean {
  return to.isNative && !from.isNative;
}

function differences(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): number {
  let count = 0;
  for (const [name, value] of to) if (from.get(name) !== value) count++;
  for (const name of from.keys()) if (!to.has(name)) count++;
  return count;
}

/**
 * Makes the change, on a connection at a safe point that nobody is on. The connection's unnamed statement is gone afterwards; with
 * `dropsShared`, all others of the proxy's as well. Rejects with `ChangeFailure` and what an exchange rejects with: the connection is to
 * be closed then.
 */
export async function applyChange(server: ServerConnection, from: CarriedState, to: CarriedState, deadlineMs: number): Promise<void> {
  if (from.tag === to.tag) return;
  if (dropsShared(from, to)) lookIsGone(server);
  const groups = changeGroups(from, to, server.parameters.get('client_encoding') ?? '');
  const frames = Buffer.concat(groups.flatMap((group) => [...group.flatMap((step) => step.frames), syncMessage]));
  const answers = splitAtReady(await server.exchange(frames, groups.length, { deadlineMs }).answer);
  for (const [index, group] of groups.entries()) check(group, answers[index] ?? []);
}

function check(group: readonly ChangeStep[], answer: readonly Message[]): void {
  const at = answer.findIndex((message) => message.type === Server.ErrorResponse);
  const error = answer[at];
  if (error === undefined) return;
  const fields = readErrorFields(error.body);
  let replies = 0;
  const failed = group.find((step) => at < (replies += step.replies));
  throw new ChangeFailure(failed?.describe(fields.message) ?? 'the change', fields);
}
