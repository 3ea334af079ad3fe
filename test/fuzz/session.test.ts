/**
 * Spoiled scripts after the login. Where every message has its true length, the same bytes go to the server directly as well:
 * the proxy has to say what the server says, and the session has to live wherever it lives directly.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startup } from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';
import { expectHealthy, expectNothingLeft } from './support/aftermath.ts';
import { runCampaign, type Kind } from './support/campaign.ts';
import { HealthyClients } from './support/healthy.ts';
import { expectError, RawClient, WrongAnswer, type Received } from './support/raw-client.ts';
import { regressions } from './support/regressions.ts';
import { makeSession, recovery, type SessionCase } from './support/scripts.ts';

const DEADLINE_MS = 10_000;

const one = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': one().url(), 'ep-b': other().url() } }));

let healthy: HealthyClients | null = null;
beforeAll(async () => {
  healthy = await HealthyClients.start(yard());
});
afterAll(async () => {
  await healthy?.stop();
});

/** A session through the proxy and one without it, to which the same is said. */
interface Lane {
  through: RawClient | null;
  direct: RawClient | null;
  turn: number;
}

async function login(port: number): Promise<RawClient> {
  const client = await RawClient.open(port, DEADLINE_MS);
  client.socket.write(startup({ user: 'postgres', database: 'postgres', application_name: 'fuzz', options: '-c statement_timeout=3s' }));
  for (let next = await client.message(DEADLINE_MS); next?.type !== 'Z'; next = await client.message(DEADLINE_MS)) {
    if (next === null || next.type === 'E') throw new WrongAnswer(`no login: ${next?.body.toString('latin1') ?? 'closed'}`);
  }
  return client;
}

/** What came up to the marker, without what may come at any time. `alive`: the marker came. */
async function hear(client: RawClient, marker: string): Promise<{ said: string[]; alive: boolean }> {
  const said: string[] = [];
  let marked = false;
  for (;;) {
    const next = await client.message(DEADLINE_MS);
    if (next === null) return { said, alive: false };
    if (next.type === 'E') expectError(next.body.toString('utf8'));
    if (next.type === 'D' && next.body.includes(marker)) marked = true;
    if (!'ANS'.includes(next.type)) said.push(wording(next));
    if (next.type === 'Z' && marked) return { said, alive: true };
  }
}

/** What must be the same word for word; a spoiled function call may well ask for the time. */
function wording({ type, body }: Received): string {
  if (type === 'V') return type;
  return `${type} ${type === 'E' ? code(body) : body.toString('latin1')}`;
}

/** Severity, SQLSTATE and message; not the place in the server's source. */
function code(body: Buffer): string {
  return body
    .toString('latin1')
    .split('\0')
    .filter((field) => 'SCM'.includes(field.slice(0, 1)))
    .join(' ');
}

const kind: Kind<SessionCase, Lane> = {
  name: 'session',
  make: makeSession,
  openLane: () => Promise.resolve({ through: null, direct: null, turn: 0 }),
  closeLane(lane) {
    lane.through?.destroy();
    lane.direct?.destroy();
    lane.through = null;
    lane.direct = null;
    return Promise.resolve();
  },
  async run({ pieces, leave }, lane) {
    lane.through ??= await login(yard().port);
    const { through } = lane;
    if (leave !== 'live') {
      lane.direct?.destroy();
      lane.through = null;
      lane.direct = null;
      try {
        await through.send(pieces);
        if (leave === 'reset') return through.reset();
        through.finish();
        await through.rest(DEADLINE_MS);
      } finally {
        through.destroy();
      }
      return;
    }
    lane.direct ??= await login(one().port);
    const { direct } = lane;
    const marker = `marker ${lane.turn++}`;
    const all = [...pieces, recovery(marker)];
    await Promise.all([through.send(all), direct.send([Buffer.concat(all)])]);
    const [ours, truth] = await Promise.all([hear(through, marker), hear(direct, marker)]);
    if (!ours.alive || !truth.alive) await kind.closeLane(lane);
    compare(ours, truth);
    if (ours.alive && !(await isSettled(through))) await giveUp(lane, pieces);
  },
};

/**
 * All answers are in, and the proxy knows it: else the session could never be moved, nor its server connection be used again.
 * There is one exception: behind a COPY that failed, a client that did not wait leaves no way to tell which of its messages the
 * server has ignored. The proxy then gives up counting for that session, but sees it off all the same. Returns false then.
 */
async function isSettled(client: RawClient): Promise<boolean> {
  const port = client.socket.localPort;
  for (const patience of [0, 20, 500]) {
    if (patience > 0) await new Promise((resolve) => setTimeout(resolve, patience));
    const row = (await yard().sessions()).find(({ clientPort }) => clientPort === port);
    if (row?.outstanding === 0 && row.state === 'idle') return true;
  }
  return false;
}

async function giveUp(lane: Lane, pieces: readonly Buffer[]): Promise<void> {
  uncounted++;
  if (!hasCopyData(Buffer.concat(pieces))) throw new WrongAnswer('the session is idle, but the proxy does not know it');
  lane.through?.finish();
  await lane.through?.rest(DEADLINE_MS);
  await kind.closeLane(lane);
}

let uncounted = 0;

function hasCopyData(bytes: Buffer): boolean {
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    if ('dcf'.includes(bytes.toString('latin1', at, at + 1))) return true;
  }
  return false;
}

function compare(ours: { said: string[]; alive: boolean }, truth: { said: string[]; alive: boolean }): void {
  const at = ours.said.findIndex((line, index) => line !== truth.said[index]);
  const isEqual = ours.alive === truth.alive && at < 0 && ours.said.length === truth.said.length;
  // A session that is ended may miss answers to what came before, and has the proxy's own words at the end.
  const isEnded =
    !ours.alive && !truth.alive && (at < 0 || (at === ours.said.length - 1 && ours.said[at]?.startsWith('E SFATAL') === true));
  if (isEqual || isEnded) return;
  const around = (lines: string[]): string => JSON.stringify(lines.slice(Math.max(0, at - 3), at < 0 ? undefined : at + 4));
  throw new WrongAnswer(
    `through the proxy (${ours.alive ? 'alive' : 'ended'}) answer ${at}: ${around(ours.said)}; directly (${truth.alive ? 'alive' : 'ended'}): ${around(truth.said)}`,
  );
}

it('sessions', async () => {
  const total = await runCampaign(kind, { cases: 22_000, lanes: 8, regressions: regressions.session, deadlineMs: 3 * DEADLINE_MS });
  process.stdout.write(`fuzz session: ${uncounted} sessions gave up counting behind a COPY that failed\n`);
  expect(uncounted).toBeLessThan(total / 100);
  expectHealthy((await healthy?.stop()) ?? expect.fail());
  await expectNothingLeft(yard(), [one(), other()]);
});
