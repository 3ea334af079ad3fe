/** A look into an idle session for a verdict: a hold of about two milliseconds, nothing else. */
import type { CarryOptions, Finding } from '../../contract/index.ts';
import type { Session } from '../../session/session.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { block, info, type Source } from '../dialect.ts';
import { postgresDialect } from '../postgres/dialect.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';

/** What was found; `state` null: the session cannot be looked at now, or its server keeps its state to itself. */
export interface LookedInto {
  readonly state: SessionStateCapture | null;
  readonly findings: readonly Finding[];
}

const NOTHING: LookedInto = { state: null, findings: [] };

/** Only of a session at a safe point. What `carry` takes along forbids nothing. Never rejects. */
export async function lookInto(
  session: Session,
  carry: CarryOptions,
  dblinkSchema: string | null,
  deadlines: TransferDeadlines,
): Promise<LookedInto> {
  const { forwarder } = session;
  const { server } = forwarder;
  // The servers were asked meanwhile: the session may have gone on.
  if (server === null || session.transfer !== null || !forwarder.isSafe || server.parameters.has('crdb_version')) return NOTHING;
  forwarder.suspend({ onDeparture: () => {}, onServerLost: () => {} });
  const source: Source = {
    server,
    journal: forwarder.journal,
    leavesUnnamed: forwarder.link.names !== null,
    carry,
    dblinkSchema,
    onNotification: (frame: Buffer) => forwarder.deliverNotification(frame),
  };
  const { generation } = forwarder;
  const asking = postgresDialect.capture(source, deadlines, false);
  try {
    const state = await asking.answer;
    return { state: state.capture, findings: postgresDialect.judge(state, source).map((finding) => asCarried(finding, carry)) };
  } catch (error) {
    return { state: null, findings: [block('not_inspectable', error instanceof Error ? error.message : String(error))] };
  } finally {
    await asking.quiet;
    if (forwarder.generation === generation) {
      if (server.isOpen) forwarder.resume();
      else forwarder.serverLost('the server closed the connection');
    }
  }
}

/** Whether it can be carried is found out when it is. */
function asCarried(finding: Finding, carry: CarryOptions): Finding {
  if (postgresDialect.takesOver?.(finding, carry) !== true) return finding;
  return info('carried', `${finding.message}; these are to be carried`);
}
