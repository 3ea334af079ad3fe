/** The fault knobs of the dialect server: each does what it says, where it says, and as often as it says. */
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parameterStatus } from '../../core/wire/messages.ts';
import type { Fault, Phase } from '../fakes/cockroach-dialect/faults.ts';
import { usePods } from '../fakes/cockroach-dialect/pods.ts';
import { fields, rows, sslRequest, startup, WireClient, type WireMessage } from '../support/wire-client.ts';

const pods = usePods(1);
const QUESTION = "SHOW TRANSFER STATE WITH 'k'";
const user = { user: 'app', database: 'defaultdb' };

const askPhases = ['show-T', 'show-D', 'show-C', 'show-Z', 'restore-T', 'restore-D', 'restore-C', 'restore-Z'] as const;
const loginPhases = ['accept', 'startup', 'auth'] as const;

/** Asks what the phase belongs to. */
async function ask(client: WireClient, phase: Phase): Promise<WireMessage[]> {
  if (phase.startsWith('show')) return await client.query(QUESTION);
  const state = Buffer.from(
    JSON.stringify({ sessionUser: 'app', user: 'app', settings: {}, sequences: {}, lastSequence: null, prepared: [] }),
  ).toString('base64');
  return await client.query(`SELECT crdb_internal.deserialize_session(decode('${state}', 'base64'))`);
}

const letters = (answer: WireMessage[]): string => answer.map(({ type }) => type).join('');

async function struck(phase: Phase, fault: Fault, act: () => Promise<void>): Promise<void> {
  const { faults } = pods().pod(1);
  faults.set(phase, fault, { times: 1 });
  const before = faults.strikes(phase);
  try {
    await act();
    expect(faults.strikes(phase)).toBe(before + 1);
  } finally {
    faults.clear();
  }
}

const start = async (): Promise<WireClient> => (await WireClient.start(pods().pod(1).port, user)).client;

test.each(askPhases)('%s: an error instead, once', async (phase) => {
  const client = await start();
  await struck(phase, { kind: 'error', sqlState: 'XXTST', message: 'as told' }, async () => {
    const answer = await ask(client, phase);
    const error = answer.find(({ type }) => type === 'E');
    expect(error && [fields(error)['S'], fields(error)['C'], fields(error)['M']]).toEqual(['ERROR', 'XXTST', 'as told']);
    expect(letters(answer)).toMatch(/EZ$/);
    expect(letters(await ask(client, phase))).toBe('TDCZ');
  });
  client.destroy();
});

test.each(askPhases)('%s: closed, reset', async (phase) => {
  for (const kind of ['close', 'reset'] as const) {
    const client = await start();
    await struck(phase, { kind }, async () => {
      await expect(ask(client, phase)).rejects.toThrow(/ECONNRESET|connection closed/);
    });
    client.destroy();
  }
});

test.each(askPhases)('%s: late, silent until told otherwise, byte by byte, in a write of its own', async (phase) => {
  const client = await start();
  await struck(phase, { kind: 'delay', ms: 120 }, async () => {
    const began = performance.now();
    expect(letters(await ask(client, phase))).toBe('TDCZ');
    expect(performance.now() - began).toBeGreaterThan(110);
  });
  await struck(phase, { kind: 'silence' }, async () => {
    const { faults } = pods().pod(1);
    const strike = faults.struck(phase);
    const answer = ask(client, phase);
    await strike;
    faults.clear(phase);
    expect(letters(await answer)).toBe('TDCZ');
  });
  for (const kind of ['bytewise', 'apart'] as const) {
    await struck(phase, { kind }, async () => expect(letters(await ask(client, phase))).toBe('TDCZ'));
  }
  client.destroy();
});

test.each(askPhases)('%s: more in front of it or behind it, and something that nearly fits', async (phase) => {
  const client = await start();
  const extra = parameterStatus('x', 'y');
  const at = 'TDCZ'.indexOf(phase.at(-1) ?? '');
  await struck(phase, { kind: 'before', bytes: extra }, async () => {
    expect(letters(await ask(client, phase))).toBe(`${'TDCZ'.slice(0, at)}S${'TDCZ'.slice(at)}`);
  });
  await struck(phase, { kind: 'after', bytes: extra }, async () => {
    const answer = letters(await ask(client, phase)) + (at === 3 ? (await client.next()).type : '');
    expect(answer).toBe(`${'TDCZ'.slice(0, at + 1)}S${'TDCZ'.slice(at + 1)}`);
  });
  const right = await ask(client, phase);
  if (!phase.endsWith('Z')) {
    await struck(phase, { kind: 'wrong' }, async () => {
      const wrong = await ask(client, phase);
      expect(letters(wrong)).toBe('TDCZ');
      expect(wrong[at]?.body).not.toEqual(right[at]?.body);
      expect(wrong.filter((_, index) => index !== at && index !== 1)).toEqual(right.filter((_, index) => index !== at && index !== 1));
    });
  }
  client.destroy();
});

test('show-D: of a megabyte, and it is still a state', async () => {
  const client = await start();
  await struck('show-D', { kind: 'huge', mib: 1 }, async () => {
    const state = rows(await ask(client, 'show-D'))[0]?.[1] ?? '';
    expect(state.length).toBeGreaterThanOrEqual(1024 * 1024 - 4);
    const restored = await client.query(`SELECT crdb_internal.deserialize_session(decode('${state}', 'base64'))`);
    expect(letters(restored)).toBe('TDCZ');
  });
  client.destroy();
});

test.each(loginPhases)('%s: FATAL, closed, reset, silent, nonsense', async (phase) => {
  const { port, faults } = pods().pod(1);
  // What is left of earlier tests would meet the knobs of this one.
  await expect.poll(() => pods().pod(1).connections).toBe(0);
  const attempt = async (): Promise<WireClient> => {
    const client = await WireClient.open(port);
    client.write(startup(user));
    return client;
  };
  await struck(phase, { kind: 'error', sqlState: '28000' }, async () => {
    const client = await attempt();
    const error = fields(await client.next());
    expect([error['S'], error['C']]).toEqual(['FATAL', '28000']);
    await client.closed();
    client.destroy();
  });
  for (const kind of ['close', 'reset'] as const) {
    await struck(phase, { kind }, async () => {
      // A reset can come before the connection is even there.
      const client = await attempt().catch(() => null);
      if (client === null) return;
      await expect(client.next()).rejects.toThrow(/ECONNRESET|connection closed|EPIPE/);
      client.destroy();
    });
  }
  await struck(phase, { kind: 'silence' }, async () => {
    const strike = faults.struck(phase);
    const client = await attempt();
    await strike;
    faults.clear(phase);
    expect(letters(await client.until('Z'))).toMatch(/^RS+KZ$/);
    client.destroy();
  });
  await struck(phase, { kind: 'wrong' }, async () => {
    const client = await attempt();
    expect((await client.bytes(1)).toString()).toBe(phase === 'accept' ? 'H' : '2');
    client.destroy();
  });
});

test('tls: refused, answered with an error, silent', async () => {
  const { port, faults } = pods().pod(1);
  const asked = async (): Promise<WireClient> => {
    const client = await WireClient.open(port);
    client.write(sslRequest);
    return client;
  };
  const refused = await asked();
  expect((await refused.bytes(1)).toString()).toBe('N');
  refused.destroy();
  await struck('tls', { kind: 'error' }, async () => {
    const client = await asked();
    expect((await client.next()).type).toBe('E');
    client.destroy();
  });
  await struck('tls', { kind: 'silence' }, async () => {
    const strike = faults.struck('tls');
    const client = await asked();
    await strike;
    client.destroy();
    await once(client.socket, 'close');
  });
});

test('a knob can leave some times out, strike so many, and know a statement by its text', async () => {
  const client = await start();
  const { faults } = pods().pod(1);
  faults.set('show-C', { kind: 'error' }, { after: 1, times: 2 });
  const answers: string[] = [];
  for (let i = 0; i < 4; i++) answers.push(letters(await ask(client, 'show-C')));
  expect(answers).toEqual(['TDCZ', 'TDEZ', 'TDEZ', 'TDCZ']);
  faults.set('query', { kind: 'error' }, { text: 'pod_id' });
  expect(letters(await client.query('SELECT 1'))).toBe('TDCZ');
  expect(letters(await client.query('SELECT pod_id()'))).toBe('TEZ');
  faults.clear();
  client.destroy();
});

test('more ParameterStatus than usual', async () => {
  const pod = pods().pod(1);
  pod.options.moreParameters = 25;
  const { client, greeting } = await WireClient.start(pod.port, user);
  expect(letters(greeting)).toMatch(/^RS{38}KZ$/);
  pod.options.moreParameters = 0;
  client.destroy();
});
