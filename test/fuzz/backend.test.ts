/**
 * Servers that spoil their answers: at the login, in sessions, to DISCARD ALL, to what a move asks of the old and of the new
 * server, and to questions about the server. The session it happens to may be lost; nothing else may.
 */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import type { MoveRow } from '../support/migration.ts';
import { useCluster } from '../support/cluster.ts';
import { cstring, message, startup, terminate } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { expectHealthy, expectNothingLeft } from './support/aftermath.ts';
import { runCampaign, within, type Kind } from './support/campaign.ts';
import { emptyRepertoire, FuzzBackend, odd, startRecorder, type Fault } from './support/fuzz-backend.ts';
import { HealthyClients } from './support/healthy.ts';
import { mutateBody, mutateBytes, mutateOrder, split } from './support/mutate.ts';
import { Random } from './support/random.ts';
import { RawClient, WrongAnswer } from './support/raw-client.ts';
import { regressions } from './support/regressions.ts';

const DEADLINE_MS = 10_000;
const QUERY = message('Q', cstring("select 'right'"));
const SETTING = message('Q', cstring("set my.note = 'kept'"));

const one = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const repertoires = [emptyRepertoire(), emptyRepertoire()] as const;
const faults = new Map<string, Fault>();
const backends = [new FuzzBackend('from', repertoires[0], faults), new FuzzBackend('to', repertoires[1], faults)];
let yard: Yard;
let healthy: HealthyClients | null = null;

beforeAll(async () => {
  await record();
  await Promise.all(backends.map((backend) => backend.start()));
  const [from, to] = backends.map(({ port }) => urlOf(port));
  // Every case has its own login tried: what the one before it failed with is nothing to it.
  const settings = { pooling: { retryAfter: 0 } };
  yard = await startYard({
    endpoints: { 'ep-a': one().url(), 'ep-b': other().url(), from: from ?? '', to: to ?? '' },
    options: { settings },
  });
  healthy = await HealthyClients.start(yard);
});
afterAll(async () => {
  await healthy?.stop();
  // Undefined when the start failed.
  await (yard as Yard | undefined)?.stop();
  for (const backend of backends) backend.close();
});

/** Lets a session log in, work, move and leave, with recorders in front of the real servers. */
async function record(): Promise<void> {
  const recorders = await Promise.all([startRecorder(one().port, repertoires[0]), startRecorder(other().port, repertoires[1])]);
  const [from, to] = recorders.map(({ port }) => urlOf(port));
  const rehearsal = await startYard({ endpoints: { from: from ?? '', to: to ?? '' } });
  try {
    const client = await login(rehearsal, 'postgres');
    await ask(client, null);
    await ask(client, SETTING);
    expect(await ask(client, QUERY)).toContain('right');
    const console = await rehearsal.consoleClient();
    expect(await moved(console, client)).toBe('success');
    await console.end();
    expect(await ask(client, QUERY)).toContain('right');
    client.socket.write(terminate);
    await client.rest(DEADLINE_MS);
    while ((await rehearsal.snapshot()).pools.some(({ resetting }) => resetting > 0)) await new Promise(setImmediate);
  } finally {
    await rehearsal.stop();
    for (const recorder of recorders) recorder.close();
  }
}

function urlOf(port: number): string {
  return `postgresql://postgres@127.0.0.1:${port}/postgres?sslmode=disable`;
}

async function login(to: Yard, database: string, application = 'fuzz'): Promise<RawClient> {
  const client = await RawClient.open(to.port, DEADLINE_MS);
  client.socket.write(startup({ user: 'postgres', database: `from/${database}`, application_name: application }));
  return client;
}

/** Everything up to ReadyForQuery, or to the end, without what may come at any time. */
async function ask(client: RawClient, query: Buffer | null): Promise<string> {
  if (query !== null) client.socket.write(query);
  const said: string[] = [];
  for (let next = await client.message(DEADLINE_MS); next !== null; next = await client.message(DEADLINE_MS)) {
    if (!'ANS'.includes(next.type)) said.push(`${next.type} ${next.body.toString('latin1')}`);
    if (next.type === 'Z') return said.join('\n');
  }
  return `${said.join('\n')}\n(closed)`;
}

/** Moves a session to the other fuzz backend; how that ended. */
async function moved(console: pg.Client, client: RawClient): Promise<string> {
  const port = client.socket.localPort;
  const { rows: clients } = await console.query<{ id: string; port: string }>('SHOW CLIENTS');
  const id = clients.find((row) => Number(row.port) === port)?.id;
  if (id === undefined) return 'gone';
  const { rows } = await console.query<MoveRow>(`MIGRATE CLIENT ${id} TO to WITHIN 2`);
  return rows[0]?.outcome ?? 'no outcome';
}

interface BackendCase {
  readonly pieces: readonly Buffer[];
  readonly stage: 'login' | 'query' | 'discard' | 'capture' | 'restore' | 'facts';
  /** Which of the exchanges that the stage is about. */
  readonly exchange: number;
  readonly ending: Fault['ending'];
  readonly seed: number;
}

interface Lane {
  readonly database: string;
  /** Makes each login that is to be spoiled a new one: a server connection waiting in a pool has its login behind it. */
  logins: number;
  /** For its moves. */
  readonly console: pg.Client;
  spoiled: Buffer[];
}

let lanes = 0;
const outcomes = new Map<string, number>();

const kind: Kind<BackendCase, Lane> = {
  name: 'backend',
  make: (random) => {
    const stage = random.pick([
      'login',
      'login',
      'login',
      'query',
      'query',
      'query',
      'query',
      'discard',
      'capture',
      'restore',
      'facts',
    ] as const);
    // Who waits for the rest of an answer does so for seconds, and rightly; only a client that waits can leave.
    const endings = stage === 'query' ? (['fin', 'reset', 'go on'] as const) : (['fin', 'reset'] as const);
    const goesOn = stage === 'discard' && random.oneIn(4);
    return { pieces: [], stage, exchange: random.below(6), ending: goesOn ? 'go on' : random.pick(endings), seed: random.uint32() };
  },
  openLane: async () => ({ database: `lane${lanes++ % 16}`, logins: 0, console: await yard.consoleClient(), spoiled: [] }),
  closeLane: async (lane) => {
    faults.delete(lane.database);
    await lane.console.end();
  },
  async run(input, lane) {
    lane.spoiled = [];
    try {
      await play(input, lane);
    } catch (error) {
      const bytes = JSON.stringify(Buffer.concat(lane.spoiled).toString('latin1').slice(0, 2_000));
      throw new WrongAnswer(`${error instanceof Error ? error.message : String(error)}; the server had said ${bytes}`);
    } finally {
      faults.delete(lane.database);
    }
  },
};

async function play(input: BackendCase, lane: Lane): Promise<void> {
  const fault = new LaneFault(input, lane);
  const { stage } = input;
  if (stage === 'login') {
    faults.set(lane.database, fault);
    await withLogin(lane, `fuzz ${lane.logins++}`, hear);
    return;
  }
  await withLogin(lane, 'fuzz', async (client) => {
    const greeting = await ask(client, null);
    if (!greeting.endsWith('Z I')) throw new WrongAnswer(`no login: ${greeting}`);
    // From here on: what an earlier session has left behind has been answered as it should be.
    if (stage === 'query') await playQuery(input, client, fault, lane);
    else if (stage === 'discard') await playDiscard(client, fault, lane);
    else await playMove(input, client, fault, lane);
  });
  if (stage !== 'discard') return;
  await fault.struck();
  await withLogin(lane, 'fuzz', async (client) => {
    const greeting = await ask(client, null);
    if (!greeting.endsWith('Z I')) throw new WrongAnswer(`no login behind a spoiled reset: ${greeting}`);
    expectRight(await ask(client, QUERY));
    await leave(client);
  });
}

async function playQuery({ ending }: BackendCase, client: RawClient, fault: LaneFault, lane: Lane): Promise<void> {
  faults.set(lane.database, fault);
  client.socket.write(QUERY);
  await fault.struck();
  if (ending !== 'go on') {
    await client.rest(DEADLINE_MS);
    return;
  }
  await client.everything(2);
  // One that only closes its half would be kept for an answer that may never be whole.
  client.reset();
}

async function playDiscard(client: RawClient, fault: LaneFault, lane: Lane): Promise<void> {
  expectRight(await ask(client, QUERY));
  faults.set(lane.database, fault);
  await leave(client);
}

async function playMove({ stage }: BackendCase, client: RawClient, fault: LaneFault, lane: Lane): Promise<void> {
  expectRight(await ask(client, QUERY));
  await ask(client, SETTING);
  faults.set(lane.database, fault);
  // A changed map makes the proxy ask about its servers again.
  if (stage === 'facts') yard.switchyard.addEndpoint({ id: 'from', ...parseBackendUrl(urlOf(backends[0]?.port ?? 0)) });
  const outcome = await moved(lane.console, client);
  outcomes.set(`${stage} ${outcome}`, (outcomes.get(`${stage} ${outcome}`) ?? 0) + 1);
  const answer = await ask(client, QUERY);
  if (answer.endsWith('(closed)')) {
    // Only a session whose own server has died is lost, and it was told so.
    const itsServerDied = fault.hasStruck && (stage === 'capture' || (stage === 'restore' && outcome === 'success'));
    if (!itsServerDied) throw new WrongAnswer(`the session is lost (the move: ${outcome}): ${answer}`);
    if (!answer.includes('SFATAL')) throw new WrongAnswer(`the session is lost without a word (the move: ${outcome}): ${answer}`);
    return;
  }
  expectRight(answer);
  await leave(client);
}

async function withLogin(lane: Lane, application: string, use: (client: RawClient) => Promise<void>): Promise<void> {
  const client = await login(yard, lane.database, application);
  try {
    await use(client);
  } finally {
    client.destroy();
  }
}

async function leave(client: RawClient): Promise<void> {
  client.socket.write(terminate);
  await client.rest(DEADLINE_MS);
}

/** A login that a server has spoiled: it ends in a session or in an error, not in silence. */
async function hear(client: RawClient): Promise<void> {
  const answer = await ask(client, null);
  if (answer.endsWith('(closed)') && !answer.includes('SFATAL') && !answer.includes('Z ')) {
    throw new WrongAnswer(`closed without a word: ${answer}`);
  }
}

function expectRight(answer: string): void {
  if (!answer.startsWith('T ') || !answer.endsWith('\nD \0\x01\0\0\0\x05right\nC SELECT 1\0\nZ I'))
    throw new WrongAnswer(`a wrong answer: ${JSON.stringify(answer)}`);
}

/** Strikes once, at the place that the case names. */
class LaneFault implements Fault {
  readonly ending: Fault['ending'];
  hasStruck = false;
  readonly #input: BackendCase;
  readonly #lane: Lane;
  readonly #random: Random;
  #seen = 0;
  #notify: () => void = () => undefined;
  readonly #over = new Promise<void>((resolve) => (this.#notify = resolve));

  constructor(input: BackendCase, lane: Lane) {
    this.#input = input;
    this.#lane = lane;
    this.ending = input.ending;
    this.#random = new Random(input.seed);
  }

  strikes(at: { server: string; own: boolean; exchange: number; request: Buffer }): boolean {
    const { stage, exchange } = this.#input;
    const isHere = {
      login: at.exchange === 0 && !at.own,
      query: at.request.equals(QUERY),
      discard: at.request.includes('DISCARD ALL'),
      capture: at.server === 'from' && !at.own && at.request.includes('_swy_state'),
      restore: at.server === 'to' && !at.own && !at.request.equals(QUERY) && this.#seen++ === exchange,
      facts: at.own && at.exchange === exchange % 3,
    }[stage];
    if (!isHere || this.hasStruck) return false;
    this.hasStruck = true;
    return true;
  }

  spoil(answer: Buffer): Buffer[] {
    this.#lane.spoiled = spoil(this.#random, answer);
    return this.#lane.spoiled;
  }

  over(): void {
    this.#notify();
  }

  /** Resolves once it has struck and everything it brought has reached the proxy, which is in this process. */
  async struck(): Promise<void> {
    await within(DEADLINE_MS, this.#over);
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
  }
}

function spoil(random: Random, answer: Buffer): Buffer[] {
  let messages: Buffer[] = [];
  for (let at = 0; at + 5 <= answer.length; at += 1 + answer.readInt32BE(at + 1))
    messages.push(answer.subarray(at, at + 1 + answer.readInt32BE(at + 1)));
  switch (random.below(6)) {
    case 0:
      return split(random, mutateBytes(random, answer));
    case 1:
      messages = mutateOrder(random, messages);
      break;
    case 2:
      messages = messages.map((one) => (random.oneIn(3) ? mutateBody(random, one) : one));
      break;
    case 3:
      messages.splice(random.below(messages.length + 1), 0, random.pick(odd), random.pick(odd));
      break;
    case 4:
      messages.push(random.pick(odd), random.pick(odd).subarray(0, random.between(1, 6)));
      break;
    default:
      return split(random, random.bytes(random.length(3_000)));
  }
  return split(random, Buffer.concat(messages));
}

it('servers that spoil their answers', async () => {
  await runCampaign(kind, { cases: 10_000, lanes: 8, regressions: regressions.backend, deadlineMs: 3 * DEADLINE_MS });
  process.stdout.write(
    `fuzz backend: moves ${JSON.stringify(Object.fromEntries([...outcomes].toSorted(([a], [b]) => (a < b ? -1 : 1))))}\n`,
  );
  expectHealthy((await healthy?.stop()) ?? expect.fail());
  await expectNothingLeft(
    yard,
    [one(), other()],
    backends.reduce((sum, { connections }) => sum + connections, 0),
  );
});
