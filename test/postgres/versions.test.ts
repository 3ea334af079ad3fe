/**
 * PostgreSQL 14 to 18 as source and as target of a move: what a session has set and prepared is answered afterwards, byte for byte, as a
 * session answers that has done the same directly on the target; and the preflight says what is to be known of the pair.
 */
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { installedMajors, useCluster, type Major } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { runScript, SCRIPT_SCHEMA, SCRIPT_STARTUP, type ScriptAnswers } from '../support/session-script.ts';
import { rows, WireClient } from '../support/wire-client.ts';
import { useYard, type Yard } from '../support/yard.ts';

const majors = installedMajors();
const clusters = new Map(majors.map((major) => [major, useCluster({ major, name: 'versions' })] as const));
/** Servers of their own for moves within one version. */
const twins = new Map(majors.map((major) => [major, useCluster({ major, name: 'versions-twin' })] as const));

const endpoints = (): Record<string, string> => {
  const url = (port: number): string => `postgresql://127.0.0.1:${port}/postgres`;
  return Object.fromEntries([
    ...[...clusters].map(([major, cluster]) => [`ep-${major}`, url(cluster().port)] as const),
    ...[...twins].map(([major, cluster]) => [`twin-${major}`, url(cluster().port)] as const),
  ]);
};
const yard = useYard(() => ({ endpoints: endpoints(), options: { allowOlderServer: true } }));
const careful = useYard(() => ({ endpoints: endpoints() }));

function portOf(endpoint: string): number {
  const [kind, major] = endpoint.split('-');
  const cluster = (kind === 'twin' ? twins : clusters).get(Number(major) as Major);
  if (cluster === undefined) throw new Error(`there is no server ${endpoint}`);
  return cluster().port;
}

beforeAll(async () => {
  for (const cluster of [...clusters.values(), ...twins.values()]) {
    const admin = new pg.Client({ connectionString: cluster().url() });
    await admin.connect();
    await admin.query(SCRIPT_SCHEMA);
    await admin.end();
  }
});

let next = 0;

/** A session of the script through the proxy, and its id. */
async function start(
  through: Yard,
  endpoint: string,
): Promise<{ client: WireClient; greeting: Parameters<typeof runScript>[1]; id: number }> {
  const application = `traveller ${next++}`;
  const { client, greeting } = await WireClient.start(through.port, {
    ...SCRIPT_STARTUP,
    application_name: application,
    database: `${endpoint}/postgres`,
  });
  return { client, greeting, id: await sessionId(through, application) };
}

/** The same session on the server itself. */
async function direct(endpoint: string, application: string): Promise<ScriptAnswers> {
  const { client, greeting } = await WireClient.start(portOf(endpoint), { ...SCRIPT_STARTUP, application_name: application });
  try {
    return await runScript(client, greeting, async () => {});
  } finally {
    client.destroy();
  }
}

async function codes(
  through: Yard,
  id: number,
  to: string,
): Promise<{ verdict: string | undefined; blocks: string[]; warnings: string[] }> {
  const { verdicts } = await through.switchyard.handlers.preflight({ sessionIds: [id], to });
  const of = (level: string): string[] => verdicts[0]?.findings.filter((finding) => finding.level === level).map(({ code }) => code) ?? [];
  return { verdict: verdicts[0]?.verdict, blocks: of('block'), warnings: of('warn') };
}

const pairs = majors.flatMap((from) => majors.map((to) => [from, to] as const));

describe.each(pairs)('PostgreSQL %i to %i', (from, to) => {
  const here = `ep-${from}`;
  const there = from === to ? `twin-${to}` : `ep-${to}`;
  const aboutVersions = from === to ? [] : [from < to ? 'newer_server' : 'older_server'];

  test('a moved session answers as one that was always there, and was warned of the version', async () => {
    const { client, greeting, id } = await start(yard(), here);
    const application = `traveller ${next - 1}`;
    let found: Awaited<ReturnType<typeof codes>> | null = null;
    try {
      const moved = await runScript(client, greeting, async () => {
        found = await codes(yard(), id, there);
        expect(await move(yard(), id, there)).toMatchObject({ outcome: 'success', reason: null });
      });
      expect(found).toEqual({ verdict: 'ready', blocks: [], warnings: [...aboutVersions, 'channel', 'channel'] });
      const stayed = await direct(there, application);
      expect(moved.answers).toEqual(stayed.answers);
      for (const [name, value] of stayed.parameters) expect([name, moved.parameters.get(name)]).toEqual([name, value]);
      expect(moved.told.includes('server_version')).toBe(from !== to);
      const { transfers } = await yard().snapshot();
      const row = transfers.findLast(({ sessionId: moving }) => moving === id);
      const warnings = row?.findings.filter(({ level }) => level === 'warn').map(({ code }) => code) ?? [];
      for (const code of aboutVersions) expect(warnings).toContain(code);
    } finally {
      client.destroy();
    }
  });
});

test('one session travels through all versions, up and down again, and keeps what it has', async () => {
  const tour = [...majors.slice(1), ...majors.toReversed().slice(1)].map((major) => `ep-${major}`);
  const { client, greeting, id } = await start(yard(), `ep-${majors[0]}`);
  const application = `traveller ${next - 1}`;
  try {
    const moved = await runScript(client, greeting, async () => {
      for (const stop of tour) expect(await move(yard(), id, stop)).toMatchObject({ outcome: 'success', reason: null });
    });
    const stayed = await direct(`ep-${majors[0]}`, application);
    expect(moved.answers).toEqual(stayed.answers);
    // Back where it began: what it was told on the way has been taken back, but for what the first server does not report at all.
    for (const [name, value] of stayed.parameters) expect([name, moved.parameters.get(name)]).toEqual([name, value]);
  } finally {
    client.destroy();
  }
});

test('without --allow-older-server every older target is refused, and the session goes on', async () => {
  for (const from of majors) {
    const { client, id } = await start(careful(), `ep-${from}`);
    try {
      for (const to of majors.filter((major) => major < from)) {
        expect(await codes(careful(), id, `ep-${to}`)).toEqual({ verdict: 'refused', blocks: ['older_server'], warnings: [] });
        expect(await move(careful(), id, `ep-${to}`)).toMatchObject({
          outcome: 'refused',
          reason: `the target is an older server (${to}, the session is on ${from})`,
        });
      }
      expect(rows(await client.query('SELECT 1'))).toEqual([['1']]);
    } finally {
      client.destroy();
    }
  }
});

test.each([
  [16, 15, 'createrole_self_grant', `'set'`],
  [17, 16, 'transaction_timeout', `'9min'`],
  [18, 17, 'enable_self_join_elimination', 'off'],
  [15, 16, 'force_parallel_mode', 'on'],
] as const)('a setting that %i knows and %i does not keeps its session', async (from, to, name, value) => {
  const { client, id } = await start(yard(), `ep-${from}`);
  try {
    await client.query(`SET ${name} = ${value}`);
    const reason = `it has set ${name}, which the target does not know`;
    expect(await move(yard(), id, `ep-${to}`)).toMatchObject({ outcome: 'refused', reason });
    expect(await codes(yard(), id, `ep-${to}`)).toMatchObject({ verdict: 'refused', blocks: ['unknown_setting'] });
    await client.query(`RESET ${name}`);
    expect(await move(yard(), id, `ep-${to}`)).toMatchObject({ outcome: 'success' });
  } finally {
    client.destroy();
  }
});
