/** The opening of a client connection: encryption requests, cancel requests, the startup packet (pooling.md 5.4). */
import type net from 'node:net';
import { fatal } from '../wire/errors.ts';
import { ProtocolViolation } from '../wire/message-reader.ts';
import { negotiateProtocolVersion } from '../wire/messages.ts';
import { readOpeningPacket } from '../wire/startup.ts';
import type { Incoming } from './incoming.ts';

/** What a client turned out to want. */
export type Opening =
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | { readonly kind: 'startup'; readonly incoming: Incoming }
  | { readonly kind: 'gone'; readonly reason: string }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'violation'; readonly reason: string };

const NO = Buffer.from('N');
/** Newest minor version of protocol 3 that is spoken. */
const NEWEST_MINOR = 2;

/**
 * Reads what a client says first; answers encryption requests with `N`. `signal` ends the wait (`aborted`). Never rejects; leaves no
 * listener behind.
 */
export function readOpening(socket: net.Socket, listenerEndpoint: string | null, signal: AbortSignal): Promise<Opening> {
  return new Promise((resolve) => {
    let buffered: Buffer = Buffer.alloc(0);
    const seen = new Set<string>();
    const settle = (opening: Opening): void => {
      signal.removeEventListener('abort', onAbort);
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onEnd);
      resolve(opening);
    };
    const onEnd = (): void => settle({ kind: 'gone', reason: 'closed before its startup packet' });
    const onError = (error: Error): void => settle({ kind: 'gone', reason: error.message });
    const onData = (chunk: Buffer): void => {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
      try {
        for (let read = readOpeningPacket(buffered); read !== null; read = readOpeningPacket(buffered)) {
          const { packet } = read;
          buffered = buffered.subarray(read.bytes);
          switch (packet.kind) {
            case 'ssl':
            case 'gssenc':
              if (seen.has(packet.kind)) throw new ProtocolViolation('a second encryption request');
              // Bytes sent before the answer would have been meant for the encrypted stream (CVE-2021-3935).
              if (buffered.length > 0) throw new ProtocolViolation('received unencrypted data after encryption request');
              seen.add(packet.kind);
              socket.write(NO);
              break;
            case 'cancel':
              settle(packet);
              return;
            case 'startup': {
              const unknown = [...packet.parameters.keys()].filter((name) => name.startsWith('_pq_.'));
              const minor = agreedMinor(packet.minor);
              // Sent twice, it breaks libpq (pooling.md 5.4).
              if (packet.minor > NEWEST_MINOR || unknown.length > 0) socket.write(negotiateProtocolVersion(minor, unknown));
              settle({
                kind: 'startup',
                incoming: {
                  socket,
                  listenerEndpoint,
                  serverName: null,
                  encrypted: false,
                  minor,
                  parameters: packet.parameters,
                  rest: buffered,
                },
              });
              return;
            }
          }
        }
      } catch (error) {
        settle({ kind: 'violation', reason: error instanceof Error ? error.message : String(error) });
      }
    };
    const onAbort = (): void => settle({ kind: 'aborted' });
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onEnd);
  });
}

/** What is spoken with a client: 3.2, or 3.0 with an older one. There is no 3.1. */
function agreedMinor(asked: number): 0 | 2 {
  return asked >= NEWEST_MINOR ? NEWEST_MINOR : 0;
}

/** The FATAL error for an opening that broke the protocol. */
export function openingRefusal(reason: string): Buffer {
  return fatal('08P01', reason, 'This port speaks the PostgreSQL protocol.');
}
