/** Answers that nearly fit, one for each phase, made from the right one. */
import { Server } from '../../../core/wire/codes.ts';
import { readDataRow } from '../../../core/wire/message-reader.ts';
import { cstring, frame } from '../../../core/wire/messages.ts';
import { dataRow } from './answers.ts';
import type { Phase } from './faults.ts';

/** What `wrong` puts in the place of `right`, the whole frame that the phase would have sent. */
export function wrongAnswer(phase: Phase, right: Buffer): Buffer {
  switch (phase) {
    case 'accept':
      return Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n', 'latin1');
    case 'tls':
      return Buffer.from('X', 'latin1');
    case 'startup':
    case 'auth':
      return frame(Server.BindComplete);
    case 'show-T':
      return renamed(right, 'session_state_base64', 'session_state_base46');
    case 'show-D': {
      const values = readDataRow(right.subarray(5));
      return dataRow([...values.slice(0, -1), Buffer.from('somebody-elses-key', 'latin1')]);
    }
    case 'show-C':
      return frame(Server.CommandComplete, cstring('SHOW TRANSFER STATE 2'));
    case 'restore-T':
      return renamed(right, 'crdb_internal.deserialize_session', 'crdb_internal.deserialise_session');
    case 'restore-D':
      return dataRow([Buffer.from('f', 'latin1')]);
    case 'restore-C':
      return frame(Server.CommandComplete, cstring('SELECT 2'));
    case 'show-Z':
    case 'restore-Z':
      return frame(Server.CommandComplete, cstring('SELECT 1'));
    case 'query':
      return frame(Server.PortalSuspended);
  }
}

/** The same frame with one word in it changed for another of the same length. */
function renamed(right: Buffer, from: string, to: string): Buffer {
  const changed = Buffer.from(right);
  const at = changed.indexOf(from);
  if (at >= 0) changed.write(to, at, 'latin1');
  return changed;
}

/** `show-D` with a state of so many MiB: JSON may end in white space. */
export function hugeState(right: Buffer, mib: number): Buffer {
  const values = readDataRow(right.subarray(5));
  const state = values[1];
  if (state == null) return right;
  const json = Buffer.from(state.toString('latin1'), 'base64');
  const wanted = Math.floor((mib * 1024 * 1024 * 3) / 4);
  const grown = Buffer.concat([json, Buffer.alloc(Math.max(0, wanted - json.length), ' ')]);
  return dataRow(values.map((value, index) => (index === 1 ? Buffer.from(grown.toString('base64'), 'latin1') : value)));
}
