/** Cancel requests for sessions that have moved, or are being moved (cockroach-migration.md 8.4 of the references). */
import { expect, it } from 'vitest';
import { move } from '../support/migration.ts';
import { cancelRequest, cstring, fields, message, rows, WireClient, type WireMessage } from '../support/wire-client.ts';
import { startCockroachYard, type CockroachYard } from './support/cockroach-yard.ts';

const query = (sql: string): Buffer => message('Q', cstring(sql));
const SLEEP = 'SELECT pg_sleep(60)';
const error = (answer: WireMessage[]): Record<string, string> =>
  fields(answer.find(({ type }) => type === 'E') ?? { type: 'E', body: Buffer.from('\0') });
const keyIn = (greeting: WireMessage[]): Buffer => greeting.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0);

/** Sends a cancel and waits until the proxy has closed its connection. */
async function cancel({ yard }: CockroachYard, key: Buffer): Promise<void> {
  const client = await WireClient.open(yard.port);
  client.write(cancelRequest(key));
  await client.closed();
  client.destroy();
}

async function running(made: CockroachYard, pod: number, sql = SLEEP): Promise<void> {
  await expect.poll(() => made.pod(pod).heard.sql(sql).length).toBeGreaterThan(0);
}

it('before a move and after it, with the key of the login: the pod it is on is asked, with its own key', async () => {
  const made = await startCockroachYard();
  const { client, greeting } = await made.wire({ application_name: 'cancelled' });
  const key = keyIn(greeting);
  const id = (await made.session('cancelled'))?.id ?? 0;
  for (const [index, to] of ['pod-2', 'pod-1', null].entries()) {
    const on = (index % 2) + 1;
    const before = made.pod(on).heard.cancels.length;
    client.write(query(`${SLEEP}, ${index}`));
    await running(made, on, `${SLEEP}, ${index}`);
    await cancel(made, key);
    expect(error(await client.until('Z'))).toMatchObject({ C: '57014', M: 'query execution canceled' });
    const asked = made.pod(on).heard.cancels.slice(before);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every(({ hit, pid }) => hit && pid !== key.readInt32BE(0))).toBe(true);
    if (to !== null) expect(await move(made.yard, id, to)).toMatchObject({ outcome: 'success' });
  }
  const [first, second] = [made.pod(1), made.pod(2)].map(({ heard }) => heard.cancels.at(-1)?.pid);
  expect(first).not.toBe(second);
});

it('with a secret or process id that is off by one reaches nobody', async () => {
  const made = await startCockroachYard();
  const { client, greeting } = await made.wire();
  client.write(query(SLEEP));
  await running(made, 1);
  for (const at of [3, 7]) {
    const wrong = Buffer.from(keyIn(greeting));
    wrong[at] = ((wrong[at] ?? 0) + 1) % 256;
    await cancel(made, wrong);
  }
  expect([...made.pod(1).heard.cancels, ...made.pod(2).heard.cancels]).toEqual([]);
  await cancel(made, keyIn(greeting));
  expect(error(await client.until('Z'))['C']).toBe('57014');
});

it('in the middle of a move reaches what the client has sent meanwhile, on the pod that won', async () => {
  for (const [fault, winner] of [
    [{ kind: 'delay', ms: 400 }, 2],
    [{ kind: 'error' }, 1],
  ] as const) {
    const made = await startCockroachYard({ options: { deadlines: { restoreMs: 20_000 } } });
    const { client, greeting } = await made.wire({ application_name: 'held' });
    const { faults } = made.pod(2);
    faults.set('restore-C', { kind: 'silence' });
    const struck = faults.struck('restore-C');
    const moving = move(made.yard, (await made.session('held'))?.id ?? 0, 'pod-2');
    await struck;
    client.write(query(SLEEP));
    await expect.poll(async () => (await made.yard.sessions())[0]?.state).toBe('migrating');
    await cancel(made, keyIn(greeting));
    faults.set('restore-Z', fault);
    faults.clear('restore-C');
    expect((await moving).outcome).toBe(winner === 2 ? 'success' : 'refused');
    expect(error(await client.until('Z'))['C']).toBe('57014');
    expect(rows(await client.query('SELECT pod_id()'))).toEqual([[String(winner)]]);
    expect(made.pod(winner === 2 ? 1 : 2).heard.cancels).toEqual([]);
  }
});

it('in the middle of a move of an idle session comes to nothing, then and later', async () => {
  const made = await startCockroachYard({ options: { deadlines: { restoreMs: 20_000 } } });
  const { client, greeting } = await made.wire({ application_name: 'idle' });
  const { faults } = made.pod(2);
  faults.set('restore-C', { kind: 'silence' });
  const struck = faults.struck('restore-C');
  const moving = move(made.yard, (await made.session('idle'))?.id ?? 0, 'pod-2');
  await struck;
  await cancel(made, keyIn(greeting));
  faults.clear();
  expect((await moving).outcome).toBe('success');
  expect(rows(await client.query('SELECT pg_sleep(0.3), pod_id()'))).toEqual([['t', '2']]);
  expect([...made.pod(1).heard.cancels, ...made.pod(2).heard.cancels]).toEqual([]);
});

it('cannot end the proxy’s own question: the state is asked for, and the session moves', async () => {
  const made = await startCockroachYard({ options: { deadlines: { captureMs: 20_000 } } });
  const { client, greeting } = await made.wire({ application_name: 'asked' });
  const { faults } = made.pod(1);
  faults.set('show-T', { kind: 'silence' });
  const struck = faults.struck('show-T');
  const moving = move(made.yard, (await made.session('asked'))?.id ?? 0, 'pod-2');
  await struck;
  await cancel(made, keyIn(greeting));
  faults.clear();
  expect((await moving).outcome).toBe('success');
  expect(made.pod(1).heard.cancels).toEqual([]);
  expect(rows(await client.query('SELECT pod_id()'))).toEqual([['2']]);
});
