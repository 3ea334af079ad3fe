/** Rubbish in the middle of a login: spoiled answers to what the proxy asks, by every method. A wrong password never comes in. */
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeVerifier } from '../../core/auth/verifier.ts';
import { useCluster } from '../support/cluster.ts';
import { startup } from '../support/wire-client.ts';
import { useYard, type Yard } from '../support/yard.ts';
import { expectNothingLeft } from './support/aftermath.ts';
import { runCampaign, type Kind } from './support/campaign.ts';
import { known, LoginExchange, makeLogin, spoil, type LoginCase } from './support/logins.ts';
import { Random } from './support/random.ts';
import { expectError, RawClient, WrongAnswer } from './support/raw-client.ts';
import { regressions } from './support/regressions.ts';

const DEADLINE_MS = 10_000;
const LATE_MS = 5_000;
const ERROR = 'E';
const AUTHENTICATION = 'R';
const READY = 'Z';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { it: cluster().url() }, consoleLogin: known }));
let verifiers: Record<'scram-sha-256' | 'md5' | 'password', string>;
let admitted = 0;

beforeAll(async () => {
  const scram = await makeVerifier(known.password);
  const client = new pg.Client(cluster().url());
  await client.connect();
  const { rows } = await client.query<{ md5: string }>(`select 'md5' || md5('${known.password}${known.user}') as md5`);
  await client.end();
  verifiers = { 'scram-sha-256': scram, md5: rows[0]?.md5 ?? expect.fail(), password: scram };
});

const kind: Kind<LoginCase, null> = {
  name: 'login',
  make: makeLogin,
  openLane: () => Promise.resolve(null),
  closeLane: () => Promise.resolve(),
  async run(input) {
    const random = new Random(input.seed);
    const client = await RawClient.open(yard().port, DEADLINE_MS);
    try {
      const exchange = new LoginExchange(input.user, input.password, random.bytes(18).toString('base64'));
      client.socket.write(startup({ user: input.user, database: 'postgres' }));
      for (let turn = 0; ; turn++) {
        const heard = await client.message(DEADLINE_MS);
        if (heard === null) return;
        if (heard.type === ERROR) expectError(heard.body.toString('utf8'));
        if (heard.type === READY) {
          admitted++;
          if (input.user !== known.user || input.password !== known.password) throw new WrongAnswer('a wrong login came in');
          return;
        }
        if (heard.type !== AUTHENTICATION) continue;
        const answer = exchange.answer(heard.body);
        if (answer === null) continue;
        if (turn !== input.spoiled) {
          client.socket.write(answer);
          continue;
        }
        await client.send(spoil(random, input.way, answer));
        if (input.leave === 'reset') client.reset();
        if (input.leave === 'reset') return;
        // It may be waiting for the rest of a message, rightly; a client that says no more is not waited for.
        if (input.leave === 'fin' || input.way === 'cut' || input.way === 'bytes') client.finish();
      }
    } finally {
      client.destroy();
    }
  },
};

/** Clients with the right password, coming and going all the while. */
function healthy(at: Yard): () => Promise<{ logins: number; slowestMs: number }> {
  let stopped = false;
  let logins = 0;
  let slowestMs = 0;
  const loop = (async () => {
    while (!stopped) {
      const began = performance.now();
      const client = new pg.Client({ host: at.host, port: at.port, ...known, database: 'it/postgres' });
      await client.connect();
      expect((await client.query('select 42 as answer')).rows).toEqual([{ answer: 42 }]);
      await client.end();
      logins++;
      slowestMs = Math.max(slowestMs, performance.now() - began);
    }
  })();
  return async () => {
    stopped = true;
    await loop;
    return { logins, slowestMs };
  };
}

describe.each(['scram-sha-256', 'md5', 'password'] as const)('a login by %s', (method) => {
  it('is spoiled in the middle', async () => {
    const users = [{ name: known.user, verifier: verifiers[method] }];
    await yard().switchyard.applySettings({ authentication: { method, users }, limits: { clients: 0 } });
    admitted = 0;
    const stop = healthy(yard());
    await runCampaign(kind, { cases: 5_000, lanes: 8, regressions: regressions.login, deadlineMs: 3 * DEADLINE_MS });
    const { logins, slowestMs } = await stop();
    process.stdout.write(
      `fuzz login, ${method}: ${admitted} rightly let in; ${logins} healthy logins, slowest ${Math.round(slowestMs)} ms\n`,
    );
    expect(logins).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(LATE_MS);
    expect(admitted).toBeGreaterThan(0);
    await expectNothingLeft(yard(), [cluster()]);
  });
});
