/** What is kept for long keeps nothing else along: no session that has left, no slab of memory for a few bytes. */
import type { Socket } from 'node:net';
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, it } from 'vitest';
import { LoginDialogue } from '../../core/backend/login-dialogue.ts';
import { settings } from '../../core/contract/index.ts';
import { EndpointMap, parseBackendUrl } from '../../core/endpoints/map.ts';
import { Planner } from '../../core/migration/planner/planner.ts';
import { Redirects } from '../../core/endpoints/redirects.ts';
import type { Preflight } from '../../core/migration/preflight/preflight.ts';
import type { Pools } from '../../core/pool/pools.ts';
import { CancelKeys } from '../../core/proxy/cancel-keys.ts';
import { greeting } from '../../core/proxy/greeting.ts';
import type { Session } from '../../core/session/session.ts';
import { authenticationOk, backendKeyData, readyForQuery } from '../../core/wire/messages.ts';
import { FakeSocket, loginOf } from '../support/pool-rig.ts';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

it('a settled operation stays on record without the sessions it was about', async () => {
  const sessions = new Map<number, Session>();
  const map = new EndpointMap();
  map.set({ id: 'to', ...parseBackendUrl('postgresql://127.0.0.1:1/postgres') });
  const planner = new Planner({
    sessions,
    map,
    redirects: new Redirects(map),
    settings: () => settings.parse({}).migration,
    onMoved: () => undefined,
    // Who has left is refused before either is asked.
    pools: {} as Pools,
    preflight: {} as Preflight,
    onTransfer: () => undefined,
    onOperation: () => undefined,
  });
  const left = await moveWhoHasLeft(planner, sessions);
  expect(planner.operations().map(({ total, refused }) => [total, refused])).toEqual([[20, 20]]);
  expect(planner.transfers()).toHaveLength(20);
  await expect
    .poll(() => {
      collect();
      return left.filter((session) => session.deref() !== undefined).length;
    })
    .toBe(0);
});

async function moveWhoHasLeft(planner: Planner, sessions: Map<number, Session>): Promise<WeakRef<Session>[]> {
  for (let id = 1; id <= 20; id++) {
    // As much of a session as a transfer looks at before it refuses.
    const session = { id, application: 'a', backend: 'h:1', transfer: null, place: { endpoint: 'from' }, forwarder: { isEnded: true } };
    sessions.set(id, session as unknown as Session);
  }
  const left = [...sessions.values()].map((session) => new WeakRef(session));
  await planner.migrate([...sessions.keys()], 'to', { withinMs: 1_000 }).settled;
  sessions.clear();
  return left;
}

it('a server connection keeps a few hundred bytes of its login', async () => {
  const login = loginOf();
  const kept: unknown[] = [];
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1_000; i++) {
    const dialogue = new LoginDialogue(login, { socket: new FakeSocket() as unknown as Socket, tls: null }, { passwordFile: null });
    // What else goes on between two logins.
    for (let other = 0; other < 4; other++) Buffer.allocUnsafe(3_000);
    const made = await dialogue.push(Buffer.concat([authenticationOk, backendKeyData(i, Buffer.alloc(4, i)), readyForQuery()]));
    const connection = made?.() ?? expect.fail();
    kept.push(connection, greeting(connection.parameters));
  }
  await expect
    .poll(() => {
      collect();
      return (process.memoryUsage().arrayBuffers - before) / 1_000;
    })
    .toBeLessThan(1_024);
  expect(kept).toHaveLength(2_000);
});

it('a cancel key is as long as its secret', () => {
  const keys = new CancelKeys();
  expect([0, 2].map((minor) => keys.issue(minor).secret.buffer.byteLength)).toEqual([4, 32]);
});
