/** Looks behind a client's connection for its program, as this machine's system allows; a client elsewhere is nobody's here. */
import os from 'node:os';
import type { ClientConnection, FindClientProcess, ProcessAnswer } from '../../core/facade/session-detail-process.ts';
import { plainAddress } from './address.ts';
import { findByProc } from './linux.ts';
import { findByLsof } from './macos.ts';
import { findByNetstat } from './windows.ts';

const platforms: Readonly<Partial<Record<NodeJS.Platform, FindClientProcess>>> = {
  linux: findByProc,
  darwin: findByLsof,
  win32: findByNetstat,
};

/** See the head of this file. Rejects when the system does not do what it is asked. */
export async function findClientProcess(connection: ClientConnection, signal: AbortSignal): Promise<ProcessAnswer> {
  if (connection.address === '') return { process: null, reason: 'The client came without an address.' };
  if (!isHere(connection.address))
    return { process: null, reason: `The client is on another machine (${plainAddress(connection.address)}).` };
  const find = platforms[process.platform];
  if (find === undefined) return { process: null, reason: `How to ask this system (${process.platform}) is not known.` };
  return await find(connection, signal);
}

/** Whether an address is one of this machine's own. */
function isHere(address: string): boolean {
  const plain = plainAddress(address);
  if (plain === '::1' || plain.startsWith('127.')) return true;
  return Object.values(os.networkInterfaces()).some((list) => list?.some((each) => each.address === plain) === true);
}
