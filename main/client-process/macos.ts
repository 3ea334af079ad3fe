/** macOS: `lsof` lists the connections of the user's own processes, field by field (`-F`, lsof(8)). */
import type { ClientConnection, ProcessAnswer } from '../../core/facade/session-detail-process.ts';
import { plainAddress } from './address.ts';
import { run } from './run.ts';

/** See the head of this file. Rejects when there is no `lsof`. */
export async function findByLsof(connection: ClientConnection, signal: AbortSignal): Promise<ProcessAnswer> {
  // It ends with 1 when it has found nothing.
  const { text } = await run('lsof', ['-nP', '-w', `-iTCP:${connection.port}`, '-sTCP:ESTABLISHED', '-Fpcn'], signal);
  return readLsof(text, connection);
}

/** Reads what it printed: of the two ends of a connection, the client's. */
export function readLsof(text: string, { address, port, ownAddress, ownPort }: ClientConnection): ProcessAnswer {
  const wanted = `${plainAddress(address)}:${port}->${plainAddress(ownAddress)}:${ownPort}`;
  let pid = 0;
  let name = '';
  for (const line of text.split('\n')) {
    const value = line.slice(1);
    if (line[0] === 'p') pid = Number(value);
    else if (line[0] === 'c') name = value;
    else if (line[0] === 'n' && ends(value) === wanted && pid > 0)
      return { process: { pid, name: unescaped(name) || 'unnamed' }, reason: null };
  }
  return { process: null, reason: 'It belongs to another user of this machine, or is closed.' };
}

function ends(value: string): string {
  return value
    .split('->')
    .map((end) => {
      const at = end.lastIndexOf(':');
      return `${plainAddress(end.slice(0, at))}:${end.slice(at + 1)}`;
    })
    .join('->');
}

/** It writes blanks and what is not ASCII as `\x20`. */
function unescaped(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
