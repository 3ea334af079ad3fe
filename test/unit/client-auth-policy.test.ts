/** Who may come in how, decided before a single question: by the client's address and by whether its connection is encrypted. */
import type net from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { authenticate, isLoopback, type AuthenticationPolicy } from '../../core/proxy/authenticate.ts';
import { ClientRefusal, type Incoming } from '../../core/proxy/incoming.ts';
import { makeVerifier, parseVerifier } from '../../core/auth/verifier.ts';
import { text } from '../support/matching.ts';

const verifier = parseVerifier(await makeVerifier('pw'));

function client(remoteAddress: string | undefined, encrypted: boolean): { incoming: Incoming; sent: () => Buffer } {
  const stream = new PassThrough();
  const sent: Buffer[] = [];
  const socket = Object.assign(stream, {
    remoteAddress,
    write: (bytes: Buffer) => {
      sent.push(bytes);
      return true;
    },
  }) as unknown as net.Socket;
  const parameters = new Map([['user', 'alice']]);
  // The answer to any question for a password in clear.
  const rest = Buffer.from('p\0\0\0\x07pw\0');
  return {
    incoming: { socket, listenerEndpoint: null, serverName: null, encrypted, minor: 0, parameters, rest },
    sent: () => Buffer.concat(sent),
  };
}

async function outcome(method: AuthenticationPolicy['method'], address: string | undefined, encrypted = false) {
  const { incoming, sent } = client(address, encrypted);
  const known = { verifier, reason: null, canLogin: true };
  try {
    const { credential } = await authenticate(incoming, {
      method,
      verifiers: { usualKind: 'scram', find: () => Promise.resolve(known), refetch: () => Promise.resolve(null) },
      certificateHash: null,
      mockSecret: () => Buffer.alloc(32),
      signal: new AbortController().signal,
    });
    return { kind: credential.kind, asked: sent() };
  } catch (error) {
    if (!(error instanceof ClientRefusal)) throw error;
    return { sqlState: error.sqlState, message: error.message, hint: error.hint, asked: sent() };
  }
}

const here = ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::FFFF:127.1.1.1'];
const elsewhere = ['192.0.2.1', '10.0.0.1', '128.0.0.1', '::', '::2', 'fe80::1', '::ffff:192.0.2.1', '2001:db8::7f00:1', undefined];

describe('an address', () => {
  it.each(here)('%s is of this machine', (address) => expect(isLoopback(address)).toBe(true));
  it.each(elsewhere)('%s may be of any', (address) => expect(isLoopback(address)).toBe(false));
});

describe('trust', () => {
  it.each(here)('lets in %s', async (address) => expect(await outcome('trust', address)).toMatchObject({ kind: 'none' }));
  it.each(elsewhere)('keeps %s out, encrypted or not', async (address) => {
    for (const encrypted of [false, true]) {
      const refused = await outcome('trust', address, encrypted);
      expect(refused).toMatchObject({ sqlState: '28000', message: text('from this machine only') });
      expect(refused.hint).toContain('scram-sha-256');
    }
  });
});

describe('a password in clear', () => {
  it.each(here)('is taken from %s', async (address) => expect(await outcome('password', address)).toMatchObject({ kind: 'password' }));
  it.each(elsewhere)('is taken from %s over TLS, else not even asked for', async (address) => {
    expect(await outcome('password', address, true)).toMatchObject({ kind: 'password' });
    const refused = await outcome('password', address);
    expect(refused).toMatchObject({ sqlState: '28000', message: text('over TLS'), asked: Buffer.alloc(0) });
    expect(refused.hint).toContain('sslmode=require');
  });
});
