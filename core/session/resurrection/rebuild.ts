/** Makes a session anew on another connection, and proves it. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { captureFrames, readCapture, serverVersionOf } from '../../state/capture.ts';
import { restore } from '../../state/restore.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { verify } from '../../state/verify.ts';
import type { Forwarder } from '../forwarder.ts';

/** How long a server may take for each of the two steps, in milliseconds: right after its start it may be slow. */
const STEP_MS = 10_000;

/** What answers is not the server that the session was on. */
export class OtherServer extends Error {}

/** Rejects with `RestoreFailure`, `VerifyFailure`, `CaptureFailure` or `OtherServer`, and with how the server was lost. */
export async function rebuild(server: ServerConnection, state: SessionStateCapture, { journal, link }: Forwarder): Promise<void> {
  const oids = state.types.map(({ oid }) => oid);
  const { frames, readyCount } = captureFrames(serverVersionOf(server), journal.customNames, oids);
  const baseline = readCapture(await server.exchange(frames, readyCount, { deadlineMs: STEP_MS }).answer);
  const types = new Map(baseline.types.map(({ oid, name }) => [oid, name]));
  const changed = state.types.find(({ oid, name }) => types.get(oid) !== name);
  if (changed !== undefined) throw new OtherServer(`type ${changed.name.replace(/\/.$/, '')} is another one than before`);
  const restored = await restore(
    server,
    {
      state,
      // Where the client's names are not the server's, it is kept beside the server.
      unnamedParse: link.names === null ? journal.unnamedParse : null,
      customNames: journal.customNames,
      baseline,
      targetEncoding: server.parameters.get('client_encoding') ?? 'UTF8',
    },
    STEP_MS,
  );
  verify(state, baseline, restored);
}
