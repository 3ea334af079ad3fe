/** The opening of a client connection: encryption, cancel requests, the startup packet (pooling.md 5.4). */
import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ALPN, type ClientTls } from '../tls/client-tls.ts';
import { explainHandshake } from '../tls/handshake-failure.ts';
import { fatal } from '../wire/errors.ts';
import { ProtocolViolation } from '../wire/message-reader.ts';
import { negotiateProtocolVersion } from '../wire/messages.ts';
import { readOpeningPacket } from '../wire/startup.ts';
import type { Incoming } from './incoming.ts';

/** What a client turned out to want. `socket` is what it is to be spoken to through. */
export type Opening = { readonly socket: net.Socket } & (
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | { readonly kind: 'startup'; readonly incoming: Incoming }
  | { readonly kind: 'gone'; readonly reason: string }
  | { readonly kind: 'aborted' }
  /** It wanted TLS, and there is no way to tell it in clear why it gets none. */
  | { readonly kind: 'unencryptable'; readonly reason: string }
  | { readonly kind: 'violation'; readonly reason: string; readonly answer: Buffer }
);

const NO = Buffer.from('N');
const YES = Buffer.from('S');
/** First byte of a TLS record with a greeting. */
const TLS_HANDSHAKE = 0x16;
/** Newest minor version of protocol 3 that is spoken. */
const NEWEST_MINOR = 2;

/**
 * Reads what a client says first, and changes to TLS if it asks for that and `tls` has it. `signal` ends the wait (`aborted`). Never
 * rejects; leaves the socket paused and without listeners.
 */
export async function readOpening(
  socket: net.Socket,
  listenerEndpoint: string | null,
  tls: ClientTls,
  signal: AbortSignal,
): Promise<Opening> {
  const opening = await readPackets(socket, { listenerEndpoint, tls, signal, secure: null });
  if (opening.kind !== 'encrypt') return opening;
  let secure: TLSSocket;
  try {
    secure = await tls.accept(socket, signal);
  } catch (error) {
    if (signal.aborted) return { kind: 'aborted', socket };
    return { kind: 'unencryptable', socket, reason: explainHandshake(error) };
  }
  if (opening.direct && secure.alpnProtocol !== ALPN) {
    return { kind: 'unencryptable', socket: secure, reason: `it began with TLS at once, without naming the protocol "${ALPN}" (ALPN)` };
  }
  const inside = await readPackets(secure, { listenerEndpoint, tls, signal, secure });
  if (inside.kind !== 'encrypt') return inside;
  return violation(secure, 'a second encryption request');
}

interface OpeningContext {
  readonly listenerEndpoint: string | null;
  readonly tls: ClientTls;
  readonly signal: AbortSignal;
  /** The socket once it is encrypted. */
  readonly secure: TLSSocket | null;
}

/** `encrypt`: yes was said, or the client began at once; what comes next is its greeting. */
type Packets = Opening | { readonly kind: 'encrypt'; readonly direct: boolean };

function readPackets(socket: net.Socket, context: OpeningContext): Promise<Packets> {
  const { tls, signal, secure } = context;
  return new Promise((resolve) => {
    let buffered: Buffer = Buffer.alloc(0);
    const seen = new Set<string>(secure === null ? [] : ['ssl', 'gssenc']);
    const settle = (packets: Packets): void => {
      signal.removeEventListener('abort', onAbort);
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onEnd);
      resolve(packets);
    };
    const onEnd = (): void => settle({ kind: 'gone', socket, reason: 'closed before its startup packet' });
    const onError = (error: Error): void => settle({ kind: 'gone', socket, reason: error.message });
    const onData = (chunk: Buffer): void => {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
      if (secure === null && seen.size === 0 && buffered[0] === TLS_HANDSHAKE) {
        if (tls.isOffered) {
          settle({ kind: 'encrypt', direct: true });
          socket.unshift(buffered);
        } else {
          settle(violation(socket, 'TLS from the first byte is not offered here'));
        }
        return;
      }
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
              if (packet.kind === 'ssl' && tls.isOffered) {
                settle({ kind: 'encrypt', direct: false });
                socket.write(YES);
                return;
              }
              socket.write(NO);
              break;
            case 'cancel':
              settle({ ...packet, socket });
              return;
            case 'startup': {
              const unknown = [...packet.parameters.keys()].filter((name) => name.startsWith('_pq_.'));
              const minor = agreedMinor(packet.minor);
              // Sent twice, it breaks libpq (pooling.md 5.4).
              if (packet.minor > NEWEST_MINOR || unknown.length > 0) socket.write(negotiateProtocolVersion(minor, unknown));
              const incoming: Incoming = {
                socket,
                listenerEndpoint: context.listenerEndpoint,
                serverName: serverNameOf(secure),
                encrypted: secure !== null,
                minor,
                parameters: packet.parameters,
                rest: buffered,
              };
              settle({ kind: 'startup', socket, incoming });
              return;
            }
          }
        }
      } catch (error) {
        settle(violation(socket, error instanceof Error ? error.message : String(error)));
      }
    };
    const onAbort = (): void => settle({ kind: 'aborted', socket });
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onEnd);
    // It may have gone before anybody listened.
    if (socket.destroyed) onEnd();
  });
}

/** The name in the client's TLS greeting, as far as Node tells: not in its types for the server's side. */
function serverNameOf(secure: TLSSocket | null): string | null {
  const name: unknown = secure === null ? null : (secure as { servername?: unknown }).servername;
  return typeof name === 'string' && name !== '' ? name : null;
}

/** What is spoken with a client: 3.2, or 3.0 with an older one. There is no 3.1. */
function agreedMinor(asked: number): 0 | 2 {
  return asked >= NEWEST_MINOR ? NEWEST_MINOR : 0;
}

function violation(socket: net.Socket, reason: string): Opening {
  return { kind: 'violation', socket, reason, answer: fatal('08P01', reason, 'This port speaks the PostgreSQL protocol.') };
}
