/** The expressions of a SELECT list: literals, parameters, casts, a few functions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Column } from './answers.ts';
import type { ConversationContext, Row } from './session-state.ts';
import { SqlError } from './sql-error.ts';
import { cut, identifier, notUnderstood, valueText } from './sql-text.ts';
import { Oid, typeOid } from './types.ts';

/** What an expression is evaluated with. */
export interface Inputs {
  readonly values: readonly (string | null)[];
  readonly context: ConversationContext;
  /** The columns of the row that it is evaluated for, by name. */
  readonly row: ReadonlyMap<string, string | null>;
}

/** See the head of this file. */
export interface Expression {
  readonly column: Column;
  readonly evaluate: (inputs: Inputs) => string | null | Promise<string | null>;
}

type Evaluate = Expression['evaluate'];

/** The parameter types of a statement, found while it is read: what the client gave, then what casts say, then text. */
export class ParameterTypes {
  readonly #oids: number[] = [];
  readonly #hints: readonly number[];

  constructor(hints: readonly number[]) {
    this.#hints = hints;
  }

  /** `oid`: what the place asks for; null: nothing. */
  use(number: number, oid: number | null): number {
    while (this.#oids.length < number) this.#oids.push(0);
    const hint = this.#hints[number - 1] ?? 0;
    const known = this.#oids[number - 1] ?? 0;
    const type = hint !== 0 ? hint : known !== 0 ? known : (oid ?? 0);
    this.#oids[number - 1] = type;
    return type === 0 ? Oid.text : type;
  }

  all(): number[] {
    return this.#oids.map((oid) => (oid === 0 ? Oid.text : oid));
  }
}

/** Reads `text`; `columns` are those of its FROM clause. Throws `SqlError`. */
export function readExpression(text: string, types: ParameterTypes, columns: readonly Column[]): Expression {
  const alias = /^(.*\S)\s+as\s+("[^"]+"|\w+)$/is.exec(text);
  if (alias?.[1] !== undefined && alias[2] !== undefined) {
    const expression = readExpression(alias[1], types, columns);
    return { ...expression, column: { ...expression.column, name: identifier(alias[2]) } };
  }
  const cast = /^(.*\S)\s*::\s*(\w+)$/s.exec(text);
  if (cast?.[1] !== undefined && cast[2] !== undefined) {
    const oid = typeOid(cast[2]);
    const parameter = /^\$(\d+)$/.exec(cast[1]);
    if (parameter !== null) types.use(Number(parameter[1]), oid);
    const inner = readExpression(cast[1], types, columns);
    return { ...inner, column: { name: inner.column.name, oid } };
  }
  return readSimple(text, types, columns);
}

function readSimple(text: string, types: ParameterTypes, columns: readonly Column[]): Expression {
  const parameter = /^\$(\d+)$/.exec(text);
  if (parameter !== null) {
    const number = Number(parameter[1]);
    return of('?column?', types.use(number, null), ({ values }) => values[number - 1] ?? null);
  }
  if (/^-?\d+$/.test(text)) return of('?column?', Oid.int8, () => text);
  if (/^-?\d+\.\d+$/.test(text)) return of('?column?', Oid.numeric, () => text);
  if (/^'(?:[^']|'')*'$/.test(text)) return of('?column?', Oid.text, () => valueText(text));
  if (/^null$/i.test(text)) return of('?column?', Oid.text, () => null);
  if (/^(true|false)$/i.test(text)) return of('bool', Oid.bool, () => text[0]?.toLowerCase() ?? null);
  const call = /^([\w.]+)\s*\((.*)\)$/s.exec(text);
  if (call?.[1] !== undefined) return readCall(call[1].toLowerCase(), call[2] ?? '', types, columns);
  if (/^(current_user|session_user|user)$/i.test(text)) {
    const isSession = text.toLowerCase() === 'session_user';
    return of(text.toLowerCase(), Oid.text, ({ context: { session } }) => (isSession ? session.sessionUser : session.user));
  }
  const column = columns.find(({ name }) => name === identifier(text.replace(/^\w+\./, '')));
  if (column === undefined) throw notUnderstood(text);
  return of(column.name, column.oid, ({ row }) => row.get(column.name) ?? null);
}

const functions: Readonly<
  Record<string, { oid: number; run: (context: ConversationContext, ...given: string[]) => ReturnType<Evaluate> }>
> = {
  pod_id: { oid: Oid.int8, run: ({ podId }) => String(podId) },
  pg_backend_pid: { oid: Oid.int8, run: ({ pid }) => String(pid) },
  version: { oid: Oid.text, run: ({ cluster }) => cluster.version },
  current_database: { oid: Oid.text, run: ({ session }) => session.settings.get('database') },
  current_setting: { oid: Oid.text, run: ({ session }, name = '') => session.settings.get(name) },
  repeat: { oid: Oid.text, run: (_context, text = '', count = '0') => text.repeat(Number(count)) },
  length: { oid: Oid.int8, run: (_context, text = '') => String(text.length) },
  pg_sleep: { oid: Oid.bool, run: ({ signal }, seconds = '0') => pause(Number(seconds) * 1_000, signal) },
  nextval: { oid: Oid.int8, run: nextValue },
  currval: { oid: Oid.int8, run: currentValue },
  lastval: { oid: Oid.int8, run: (context) => currentValue(context, context.session.lastSequence ?? undefined) },
};

function readCall(name: string, inside: string, types: ParameterTypes, columns: readonly Column[]): Expression {
  const known = functions[name.replace(/^pg_catalog\./, '')];
  if (known === undefined) throw new SqlError('42883', `unknown function: ${name}()`);
  const given = (inside.trim() === '' ? [] : cut(inside, ',')).map((each) => readExpression(each, types, columns));
  return of(name, known.oid, async (inputs) => {
    const values: string[] = [];
    for (const each of given) {
      const value = await each.evaluate(inputs);
      if (value === null) return null;
      values.push(value);
    }
    return known.run(inputs.context, ...values);
  });
}

/** All expressions of a list for one row. */
export async function evaluateRow(list: readonly Expression[], inputs: Inputs): Promise<Row> {
  const row: (string | null)[] = [];
  for (const expression of list) row.push(await expression.evaluate(inputs));
  return row;
}

function of(name: string, oid: number, evaluate: Evaluate): Expression {
  return { column: { name, oid }, evaluate };
}

async function pause(ms: number, signal: AbortSignal): Promise<string> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw new SqlError('57014', 'query execution canceled');
  });
  return 't';
}

function nextValue({ cluster, session }: ConversationContext, name = ''): string {
  const value = cluster.sequences.get(name);
  if (value === undefined) throw new SqlError('42P01', `relation "${name}" does not exist`);
  cluster.sequences.set(name, value + 1n);
  session.sequences.set(name, String(value));
  session.lastSequence = name;
  return String(value);
}

function currentValue({ session }: ConversationContext, name?: string): string {
  const value = name === undefined ? undefined : session.sequences.get(name);
  if (value !== undefined) return value;
  throw new SqlError(
    '55000',
    name === undefined ? 'lastval is not yet defined in this session' : `currval of sequence "${name}" is not yet defined in this session`,
  );
}
