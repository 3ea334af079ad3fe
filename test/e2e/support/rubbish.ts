/** What a client of PostgreSQL never says first, by what it is. */
import { int32, packet } from '../../support/wire-client.ts';

export const rubbish: readonly (readonly [string, Buffer])[] = [
  ['a browser', Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')],
  ['a TLS handshake without asking', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])],
  ['a packet without end', Buffer.concat([int32(0x7fffffff), int32(196_608)])],
  ['a packet shorter than its own length', Buffer.concat([int32(3), int32(196_608)])],
  ['protocol 2', packet(int32(131_072), Buffer.from('postgres\0'))],
  ['a startup packet that is not ended', packet(int32(196_608), Buffer.from('user'))],
  ['zeros', Buffer.alloc(64)],
  ['noise', Buffer.from('f3c1a8b7004499ee10ab5d7b9c0fffe28a1de0', 'hex')],
];
