/** Whatever changes a session's state on a real server is suspected by the look at its text. */
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { Effect, effectsOf } from '../../core/sql/effects.ts';
import { captureFrames, readCapture, serverVersionOf } from '../../core/state/capture.ts';
import { Client, Status } from '../../core/wire/codes.ts';
import { frame } from '../../core/wire/messages.ts';
import { Random } from '../fuzz/support/random.ts';
import { useCluster, type Major } from '../support/cluster.ts';
import { changing, customNames, fixtures, harmless, own } from '../support/effects-corpus.ts';
import { glue } from '../support/effects-glue.ts';
import { connectServer, runSql, send } from '../support/state.ts';

const deadlineMs = 30_000;

/** They belong to the transaction; what pg_settings says of them afterwards is of no use to anybody. */
const ofTransaction = new Set(['transaction_isolation', 'transaction_read_only', 'transaction_deferrable']);

/** All that a capture tells, as text; which process answers is left out. */
async function capture(server: ServerConnection): Promise<string> {
  const { frames, readyCount } = captureFrames(serverVersionOf(server), customNames, []);
  const found = readCapture(await server.exchange(frames, readyCount, { deadlineMs }).answer);
  const settings = new Map([...found.settings].filter(([name]) => !ofTransaction.has(name)));
  // The server tells maps in an order of its own, and always the same.
  const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? [...value] : value);
  return JSON.stringify({ ...found, settings, pid: 0, bytes: 0 }, plain);
}

/** Runs a text as a simple query and leaves the transaction that it may have left open. */
async function run(server: ServerConnection, text: Buffer): Promise<void> {
  const answer = await send(server, frame(Client.Query, text, Buffer.of(0)), true);
  if (answer.at(-1)?.body[0] !== Status.Idle) await runSql(server, 'ROLLBACK');
}

const isSuspect = (text: Buffer, profile: 'strict' | 'compatible' = 'strict'): boolean =>
  (effectsOf(text, 0, text.length, profile) & Effect.State) !== 0;

async function connected(url: string, before: string): Promise<ServerConnection> {
  const server = await connectServer(url);
  if (before !== '') await runSql(server, before);
  return server;
}

const CASES = 300;
const startingPoints = ['', '', 'SET standard_conforming_strings = off', "SET client_encoding = 'SJIS'"];

describe.each<Major>([15, 18])('PostgreSQL %i', (major) => {
  const cluster = useCluster({ major });

  beforeAll(async () => {
    const client = new pg.Client({ connectionString: cluster().url() });
    await client.connect();
    await client.query(fixtures);
    await client.end();
  });

  it.each(changing.map((each) => [each.text, each] as const))('%s', async (_name, each) => {
    const { before, text } = own(each);
    const server = await connected(cluster().url(), before);
    const earlier = await capture(server);
    await run(server, Buffer.from(text));
    expect(await capture(server), 'the statement is there because it changes something').not.toBe(earlier);
    expect(isSuspect(Buffer.from(text))).toBe(true);
  });

  it.each(harmless)('%s', async (text) => {
    const server = await connected(cluster().url(), '');
    const earlier = await capture(server);
    await run(server, Buffer.from(text));
    expect(await capture(server)).toBe(earlier);
    expect(isSuspect(Buffer.from(text))).toBe(false);
    expect(isSuspect(Buffer.from(text), 'compatible')).toBe(false);
  });

  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const cases = Number(process.env['CASES'] ?? CASES);
  it(`statements glued together from pieces, SEED=${seed}`, { timeout: 900_000 }, async () => {
    const random = new Random(seed);
    let changes = 0;
    let server: ServerConnection | null = null;
    for (let index = 0; index < cases; index++) {
      server ??= await connected(cluster().url(), random.pick(startingPoints));
      const text = glue(random);
      const earlier = await capture(server);
      await run(server, text);
      if ((await capture(server)) === earlier) continue;
      changes++;
      expect(isSuspect(text), `case ${index}: ${JSON.stringify(text.toString('latin1'))}`).toBe(true);
      server.destroy();
      server = null;
    }
    expect(changes).toBeGreaterThan(cases / 20);
  });
});
