/** What the views of SHOW are made of. */
import type { EndpointRow } from '../contract/index.ts';
import type { ConsoleHost } from './host.ts';

export type Cell = string | number | boolean | null;

/** One SHOW: its columns, its rows now, and a line of help. */
export interface View {
  readonly help: string;
  readonly columns: readonly string[];
  rows(host: ConsoleHost, now: number): Cell[][];
}

/** Columns with the cell of each. */
export type Columns<Row> = Record<string, (row: Row, now: number) => Cell>;

/** A view whose columns and cells stand side by side. */
export function view<Row>(help: string, rows: (host: ConsoleHost, now: number) => readonly Row[], columns: Columns<Row>): View {
  const cells = Object.values(columns);
  return {
    help,
    columns: Object.keys(columns),
    rows: (host, now) => rows(host, now).map((row) => cells.map((cell) => cell(row, now))),
  };
}

/** For what Switchyard has no notion of. */
export const never = (): null => null;
/** For what PgBouncer counts and Switchyard never has. */
export const zero = (): number => 0;

/** What PgBouncer calls ptr: a handle that `link` refers to. */
export const clientHandle = (id: number): string => `client-${id}`;
/** The same of a server connection. */
export const serverHandle = (id: number): string => `server-${id}`;

/** A time as PgBouncer writes it; NULL stays NULL. */
export function seconds(at: number | null): string | null {
  return at === null ? null : `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Milliseconds to three decimals. */
export function milliseconds(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}

/** PgBouncer's pair of columns for a time in milliseconds: whole seconds, and the microseconds beyond. */
export const wholeSeconds = (ms: number): number => Math.floor(ms / 1000);
/** See `wholeSeconds`. */
export const microseconds = (ms: number): number => Math.floor((ms % 1000) * 1000);

/**
 * What PgBouncer calls a database: the name that clients ask for. Here that is the endpoint, and behind a slash the real database,
 * where it is another than the endpoint's default. The same in every view and metric, so that they can be joined; unique for every
 * backend and database, as monitoring needs it (two servers may well have databases of the same name).
 */
export class DatabaseNames {
  readonly #byId = new Map<string, EndpointRow>();
  readonly #byBackend = new Map<string, EndpointRow>();

  constructor(endpoints: readonly EndpointRow[]) {
    for (const endpoint of endpoints) {
      this.#byId.set(endpoint.id, endpoint);
      if (!this.#byBackend.has(endpoint.backend)) this.#byBackend.set(endpoint.backend, endpoint);
    }
  }

  /** Of a session: its endpoint's. */
  ofEndpoint(id: string, database: string): string {
    return named(id, this.#byId.get(id)?.database, database);
  }

  /** Of a pool or a server connection: the first endpoint that points at the backend; the backend itself if none does (any more). */
  ofBackend(backend: string, database: string): string {
    const endpoint = this.#byBackend.get(backend);
    return named(endpoint?.id ?? backend, endpoint?.database, database);
  }
}

function named(id: string, standard: string | undefined, database: string): string {
  return database === standard ? id : `${id}/${database}`;
}
