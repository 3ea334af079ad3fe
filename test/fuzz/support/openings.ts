/** What a client may say before its login, right or wrong. */
import { cstring, gssEncRequest, int32, message, packet, sslRequest, startup } from '../../support/wire-client.ts';
import { mutateBytes, split } from './mutate.ts';
import type { Random } from './random.ts';

/** What is sent, and how the client leaves. */
export interface OpeningCase {
  readonly pieces: readonly Buffer[];
  /** `wait`: until the proxy closes, or for a moment if it waits for more. */
  readonly leave: 'wait' | 'fin' | 'reset';
}

const options = [
  '',
  'endpoint=ep-a',
  '-c endpoint=ep-b',
  '-c a.b=c',
  '--cluster=x',
  '\\',
  '-c',
  'endpoint=ep-a endpoint=ep-b',
  '-c x=\\ y',
];
const names = [
  'postgres',
  'ep-a/postgres',
  'ep-a/',
  '/',
  'nowhere',
  'ep-x/postgres',
  'switchyard',
  '',
  'x'.repeat(200),
  'ä"\\\'',
  'pg\x7f',
];

/** Makes a case. */
export function makeOpening(random: Random): OpeningCase {
  const leave = random.pick(['wait', 'wait', 'fin', 'reset'] as const);
  let bytes: Buffer = Buffer.concat(Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => packetOf(random)));
  if (!random.oneIn(4)) bytes = mutateBytes(random, bytes);
  return { pieces: split(random, bytes), leave };
}

function packetOf(random: Random): Buffer {
  switch (random.below(9)) {
    case 0:
      return random.bytes(random.length(random.oneIn(20) ? 12_000 : 300));
    case 1:
      return sslRequest;
    case 2:
      return gssEncRequest;
    case 3:
      return packet(int32(80_877_102), random.bytes(random.pick([8, 8, 8, 4, 0, 36, 260, 300])));
    case 4:
      return packet(int32(random.pick([0, 1, 2 << 16, (3 << 16) | 1, (3 << 16) | 2, (3 << 16) | 9_999, 4 << 16, -1])), parameters(random));
    case 5:
      return message(random.pick(['Q', 'p', 'X', 'S', 'P']), cstring('select 1'));
    case 6:
      return random.pick([Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), clientHello(random), Buffer.from('\x16\x03\x01', 'latin1')]);
    default:
      return startup({ user: random.pick(names), database: random.pick(names), options: random.pick(options) });
  }
}

function parameters(random: Random): Buffer {
  const words = Array.from({ length: random.below(8) }, () => [
    cstring(random.pick(['user', 'database', 'options', '_pq_.x', 'replication', 'a.b'])),
    cstring(random.pick(names)),
  ]);
  return Buffer.concat([...words.flat(), random.oneIn(4) ? Buffer.alloc(0) : Buffer.from([0])]);
}

function clientHello(random: Random): Buffer {
  const body = Buffer.concat([Buffer.from([1, 0, 0, 60, 3, 3]), random.bytes(54)]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), Buffer.from([0, body.length]), body]);
}
