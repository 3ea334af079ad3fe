import type { SessionRow } from '../../../../core/contract/index.ts';
import { useView } from '../../store/view.ts';
import type { Term } from './filter-language/parse.ts';
import { withTerm, writeTerm } from './filter-language/write.ts';
import type { SortColumn } from './sort.ts';

/** What a cell says, as a filter; null where a filter by it would make no sense. */
const terms: Partial<Record<SortColumn, (row: SessionRow) => Pick<Term, 'field' | 'operator' | 'value'> | null>> = {
  id: (row) => equals('id', String(row.id)),
  application: (row) => equals('app', row.application),
  user: (row) => equals('user', row.user),
  database: (row) => equals('db', row.database),
  endpoint: (row) => equals('endpoint', row.endpoint),
  backend: (row) => equals('backend', row.backend),
  state: (row) => equals('state', row.state),
  transaction: (row) => equals('tx', row.transaction ?? ''),
  statement: (row) => equals('last', row.statementKind ?? ''),
  migrations: (row) => ({ field: 'moves', operator: '>=', value: String(row.migrations) }),
  client: (row) => ({ field: 'client', operator: ':', value: row.clientAddress }),
  pid: (row) => (row.serverPid === null ? null : equals('pid', String(row.serverPid))),
  mode: (row) => equals('mode', row.poolMode),
};

function equals(field: string, value: string): Pick<Term, 'field' | 'operator' | 'value'> | null {
  return value === '' ? null : { field, operator: '=', value };
}

/** One choice of a session's filters: what to show or leave out by one of its cells. */
export interface FilterChoice {
  column: SortColumn;
  /** As it is written: `user=bob`. */
  text: string;
  apply: (exclude: boolean) => void;
}

/** The filter that a cell stands for, ready to be applied; null where there is none. */
export function filterChoice(row: SessionRow, column: SortColumn): FilterChoice | null {
  const term = terms[column]?.(row) ?? null;
  if (term === null) return null;
  return { column, text: writeTerm({ ...term, negated: false }), apply: (negated) => applyTerm({ ...term, negated }) };
}

/** Every filter that a session's cells stand for, the one of `first` on top: for menus. */
export function filterChoices(row: SessionRow, first: SortColumn | null = null): FilterChoice[] {
  const columns = Object.keys(terms) as SortColumn[];
  const ordered = first === null ? columns : [first, ...columns.filter((column) => column !== first)];
  return ordered.flatMap((column) => filterChoice(row, column) ?? []);
}

function applyTerm(term: Term): void {
  useView.setState(({ filter }) => ({ filter: withTerm(filter, term) }));
}
