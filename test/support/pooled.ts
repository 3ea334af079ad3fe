/** What the scenarios of pooling have in common: a switchyard in transaction mode, clients of it, and what they say. */
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import type { PoolRow, SessionRow, SettingsInput } from '../../core/contract/index.ts';
import { cancelRequest, cstring, fields, message, rows, WireClient, type WireMessage } from './wire-client.ts';
import { startYard, type Yard } from './yard.ts';

/** Deadline of what is awaited, generous: machines may be busy. */
export const soon = { timeout: 20_000, interval: 20 };

/** A switchyard until the end of the test; transaction mode unless `settings` says otherwise. */
export async function pooledYard(
  endpoints: Record<string, string>,
  pooling: SettingsInput['pooling'],
  settings: SettingsInput = {},
): Promise<Yard> {
  const yard = await startYard({
    endpoints,
    options: { poolSize: pooling?.size ?? 200, settings: { ...settings, pooling: { mode: 'transaction', ...pooling } } },
  });
  onTestFinished(() => yard.stop());
  return yard;
}

/** A raw client and the key it cancels with. */
export interface Raw {
  readonly client: WireClient;
  readonly key: Buffer;
}

/** A raw client until the end of the test. */
export async function raw(yard: Yard, parameters: Record<string, string> = {}): Promise<Raw> {
  const { client, greeting } = await WireClient.start(yard.port, parameters);
  onTestFinished(() => client.destroy());
  return { client, key: greeting.find(({ type }) => type === 'K')?.body ?? expect.fail('no key') };
}

/** node-postgres until the end of the test. */
export async function driver(yard: Yard, options: pg.ClientConfig = {}, endpoint = 'ep-a'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard.connectionString(endpoint), ...options });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The first column of the first row, as text. */
export async function one(client: pg.Client, sql: string): Promise<string> {
  return String((await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows[0]?.[0]);
}

/** A simple query. */
export const query = (sql: string): Buffer => message('Q', cstring(sql));

/** The first column of the first row of a simple query. */
export async function value(client: WireClient, sql: string): Promise<string | null | undefined> {
  return rows(await client.query(sql))[0]?.[0];
}

/** The codes of the errors among some messages. */
export function errorCodes(messages: readonly WireMessage[]): (string | undefined)[] {
  return messages.filter(({ type }) => type === 'E').map((error) => fields(error)['C']);
}

/** Sends a cancel request; resolves when the proxy has closed its connection. */
export async function cancel(yard: Yard, key: Buffer): Promise<void> {
  const sender = await WireClient.open(yard.port);
  sender.write(cancelRequest(key));
  await sender.closed();
  sender.destroy();
}

/** Waits until so many sessions are in a state. */
export async function sessionsIn(yard: Yard, state: SessionRow['state'], count: number): Promise<void> {
  await expect.poll(async () => (await yard.sessions()).filter((row) => row.state === state).length, soon).toBe(count);
}

/** The only pool, or the one with that key. */
export async function pool(yard: Yard, key?: string): Promise<PoolRow> {
  const { pools } = await yard.snapshot();
  return pools.find((row) => key === undefined || row.key === key) ?? expect.fail('there is no such pool');
}

/** The last words of a client: the fields of its error, and then the end. */
export async function lastWords(client: WireClient): Promise<Record<string, string>> {
  const error = (await client.until('E')).at(-1) ?? expect.fail();
  await client.closed();
  return fields(error);
}

/**
 * Waits until so many statements sleep (`pg_sleep`) on a server, by its own account: one that it has only been sent can be cancelled by
 * nobody yet.
 */
export async function asleep(port: number, count: number): Promise<void> {
  const { client } = await WireClient.start(port, { application_name: 'watcher' });
  try {
    const sleepers = `select count(*) from pg_stat_activity where wait_event = 'PgSleep'`;
    await expect.poll(() => value(client, sleepers), soon).toBe(String(count));
  } finally {
    client.destroy();
  }
}
