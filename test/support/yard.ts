/** A switchyard of the core alone, on a free port, in front of the test's own servers. */
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { SessionRow, Snapshot } from '../../core/contract/index.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { Switchyard, type SwitchyardOptions } from '../../core/switchyard.ts';

/** What a test asks for; read once its servers run. */
export interface YardOptions {
  /** Endpoint id to backend URL, in the order of the map; the first is the default. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly options?: Partial<Omit<SwitchyardOptions, 'endpoints'>>;
  /** Whom the console's clients log in as, where a word is not enough. Default: `postgres`, without a password. */
  readonly consoleLogin?: { readonly user: string; readonly password: string };
}

/** A switchyard that runs. */
export interface Yard {
  readonly host: string;
  readonly port: number;
  readonly switchyard: Switchyard;
  /** A connected client of the console; the caller ends it. */
  consoleClient(): Promise<pg.Client>;
  snapshot(): Promise<Snapshot>;
  sessions(): Promise<SessionRow[]>;
  /** A URL through the proxy, the endpoint named in front of the database. */
  connectionString(endpoint: string, database?: string): string;
  stop(): Promise<void>;
}

/** Starts one that the caller stops. */
export async function startYard({ endpoints, options, consoleLogin }: YardOptions): Promise<Yard> {
  const switchyard = new Switchyard({
    version: '0.0.0-test',
    listen: { host: '127.0.0.1', port: 0 },
    endpoints: Object.entries(endpoints).map(([id, url]) => ({ id, ...parseBackendUrl(url) })),
    ...options,
  });
  const { host, port } = await switchyard.start();
  const connectionString = (endpoint: string, database = 'postgres'): string =>
    `postgresql://postgres@${host}:${port}/${endpoint}/${encodeURIComponent(database)}`;
  const snapshot = async (): Promise<Snapshot> => await switchyard.handlers.snapshot({});
  return {
    host,
    port,
    switchyard,
    connectionString,
    snapshot,
    sessions: async () => (await snapshot()).sessions,
    consoleClient: async () => {
      const client = new pg.Client({ host, port, user: 'postgres', ...consoleLogin, database: 'switchyard' });
      await client.connect();
      return client;
    },
    stop: () => switchyard.stop(),
  };
}

/** Registers one with the suite it is called in, behind the servers registered before it; stopped after the last test. */
export function useYard(options: () => YardOptions): () => Yard {
  let running: Yard | null = null;
  beforeAll(async () => {
    running = await startYard(options());
  });
  afterAll(async () => {
    await running?.stop();
    running = null;
  });
  return () => {
    if (running === null) throw new Error('the test switchyard is there only while tests run');
    return running;
  };
}
