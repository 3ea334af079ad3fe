/** What happened to a session can be read while it lives and after it, by the window, the console and a script alike. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { Timelines } from '../../core/facade/timelines.ts';
import type { Session } from '../../core/session/session.ts';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';

const one = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yard = useYard(() => ({
  endpoints: { 'ep-a': one().url(), 'ep-b': other().url() },
  options: { settings: { pooling: { endpoints: [{ endpoint: 'ep-a', mode: 'transaction' }] } } },
}));

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString('ep-a'), application_name: 'told' });
  await client.connect();
  return client;
}

it('tells of moves, pins and the end, and stays for a while', async () => {
  const { handlers } = yard().switchyard;
  const client = await connect();
  await client.query('select 1');
  const id = await sessionId(yard(), client);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  await client.query('create temporary table t (a int)');
  await expect.poll(async () => (await yard().sessions())[0]?.poolMode).toBe('transaction');
  await expect
    .poll(async () => (await handlers['session.timeline']({ sessionId: id })).events.map(({ name }) => name))
    .toEqual(['connected', 'migrated', 'pinned']);
  const living = await handlers['session.timeline']({ sessionId: id });
  expect(living).toMatchObject({ application: 'told', endpoint: 'ep-b', migrations: 1, endedAt: null, forgotten: 0 });
  expect(living.transfers[0]).toMatchObject({ sessionId: id, outcome: 'success' });
  expect(living.transfers[0]?.phases.length).toBeGreaterThan(2);
  await client.end();
  await expect.poll(async () => (await handlers['session.timeline']({ sessionId: id })).endedAt).not.toBeNull();
  const console = await yard().consoleClient();
  const { rows } = await console.query<{ event: string; detail: string | null }>(`SHOW TIMELINE ${id}`);
  expect(rows.map(({ event }) => event)).toEqual(['connected', 'migrated', 'pinned', 'closed']);
  await expect(console.query('SHOW TIMELINE 999999')).rejects.toMatchObject({ message: expect.stringContaining('999999') as string });
  await console.end();
  const exported = await handlers['timelines.export']({});
  expect(exported.sessions.find(({ sessionId: each }) => each === id)?.events).toHaveLength(4);
  // What is exported is plain JSON, without a statement's text.
  expect(JSON.parse(JSON.stringify(exported))).toEqual(exported);
  expect(JSON.stringify(exported)).not.toContain('create temporary');
});

it('forgets the oldest of many, and what is older than an hour', () => {
  let now = 0;
  const sessions = new Map<number, Session>();
  const timelines = new Timelines(
    () => sessions,
    () => now,
  );
  const end = (id: number): void => {
    const identity = { requestedEndpoint: null, clientAddress: '127.0.0.1', clientPort: 1, tls: null, user: 'me', routedBy: 'default' };
    const session = { id, identity, place: { endpoint: 'ep-a' }, application: '', backend: '', database: '', connectedAt: 0 };
    timelines.noteEnd(session as unknown as Session, 'the client left');
  };
  for (let id = 1; id <= 2_500; id++) end(id);
  expect(() => timelines.of(1)).toThrow('Nothing is known of session 1');
  expect(timelines.of(2_500).endedAt).toBe(0);
  expect(timelines.export('0').sessions).toHaveLength(2_000);
  now = 3_600_001;
  expect(() => timelines.of(2_500)).toThrow('Nothing is known');
  expect(timelines.export('0').sessions).toHaveLength(0);
});
