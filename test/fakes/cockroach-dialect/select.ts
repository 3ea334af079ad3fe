/** SELECT: a list of expressions, over nothing, a series, or one of the few relations there are. */
import type { Column } from './answers.ts';
import { evaluateRow, ParameterTypes, readExpression, type Expression } from './expressions.ts';
import type { ConversationContext, Plan, Row } from './session-state.ts';
import { SqlError } from './sql-error.ts';
import { cut, identifier, notUnderstood } from './sql-text.ts';
import { Oid } from './types.ts';

interface Source {
  readonly columns: readonly Column[];
  rows(context: ConversationContext): Iterable<Row>;
}

/** Reads `SELECT …`. Throws `SqlError`. */
export function planSelect(sql: string, hints: readonly number[]): Plan {
  const match = /^select\s+(.*?)(?:\s+from\s+(\S.*?))?(?:\s+order\s+by\s+[\w, ]+)?(?:\s+limit\s+(\d+))?$/is.exec(sql);
  if (match?.[1] === undefined) throw notUnderstood(sql);
  const types = new ParameterTypes(hints);
  const source = match[2] === undefined ? null : readSource(match[2]);
  const limit = match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
  if (/^count\s*\(\s*\*\s*\)$/i.test(match[1]) && source !== null) return planCount(source);
  const list = cut(match[1], ',').flatMap((text) =>
    text === '*' && source !== null
      ? source.columns.map(({ name }) => readExpression(`"${name}"`, types, source.columns))
      : [readExpression(text, types, source?.columns ?? [])],
  );
  return {
    parameters: types.all(),
    columns: list.map(({ column }) => column),
    run: (values, context) => ({ command: 'SELECT', rows: selected(list, source, limit, values, context) }),
  };
}

function planCount(source: Source): Plan {
  return {
    parameters: [],
    columns: [{ name: 'count', oid: Oid.int8 }],
    run: (_values, context) => ({ command: 'SELECT', rows: [[String([...source.rows(context)].length)]] }),
  };
}

async function* selected(
  list: readonly Expression[],
  source: Source | null,
  limit: number,
  values: readonly (string | null)[],
  context: ConversationContext,
): AsyncGenerator<Row> {
  let left = limit;
  for (const row of source?.rows(context) ?? [[]]) {
    if (left-- <= 0) return;
    if (context.signal.aborted) throw new SqlError('57014', 'query execution canceled');
    const byName = new Map((source?.columns ?? []).map(({ name }, index) => [name, row[index] ?? null]));
    yield await evaluateRow(list, { values, context, row: byName });
  }
}

function readSource(text: string): Source {
  const series = /^generate_series\s*\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)(?:\s+(?:as\s+)?(?:\w+\s*\(\s*)?(\w+)\s*\)?)?$/i.exec(text);
  if (series !== null) {
    const [from, to] = [Number(series[1]), Number(series[2])];
    return { columns: [{ name: series[3]?.toLowerCase() ?? 'generate_series', oid: Oid.int8 }], rows: () => counted(from, to) };
  }
  const name = identifier(text).replace(/^(pg_catalog|public)\./, '');
  return relations[name] ?? table(name);
}

function* counted(from: number, to: number): Generator<Row> {
  for (let i = from; i <= to; i++) yield [String(i)];
}

/** A table of the cluster: one column, `line`. */
function table(name: string): Source {
  return {
    columns: [{ name: 'line', oid: Oid.text }],
    rows: ({ cluster }) => {
      const lines = cluster.tables.get(name);
      if (lines === undefined) throw new SqlError('42P01', `relation "${name}" does not exist`);
      return lines.map((line) => [line]);
    },
  };
}

const text = (...names: string[]): Column[] => names.map((name) => ({ name, oid: Oid.text }));

const relations: Readonly<Record<string, Source>> = {
  pg_prepared_statements: {
    columns: text('name', 'statement'),
    rows: ({ session }) => [...session.statements.values()].filter(({ name }) => name !== '').map(({ name, sql }) => [name, sql]),
  },
  pg_settings: { columns: text('name', 'setting'), rows: ({ session }) => session.settings.all() },
};
