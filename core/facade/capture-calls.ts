/** The calls that capture statements. That it is done is an event for everybody to see; what was captured is in no event. */
import { CallError, type Handlers } from '../contract/index.ts';
import type { EventLog } from '../metrics/log.ts';
import type { StatementCapture } from '../session/statement-capture.ts';

type CaptureCalls = Pick<Handlers, 'capture.start' | 'capture.stop' | 'capture.clear' | 'capture.read'>;

/** Handlers that throw `CallError` as the contract says. */
export function captureCalls(capture: StatementCapture, sessions: ReadonlyMap<number, unknown>): CaptureCalls {
  return {
    'capture.start': ({ sessionIds, seconds }) => {
      const living = sessionIds?.filter((id) => sessions.has(id)) ?? null;
      if (living?.length === 0) throw new CallError('unknown_session', 'None of these sessions is there any more.');
      return capture.start(living, seconds);
    },
    'capture.stop': () => {
      capture.stop();
      return {};
    },
    'capture.clear': () => {
      capture.clear();
      return {};
    },
    'capture.read': ({ after, sessionId }) => capture.page(after, sessionId ?? null),
  };
}

/** Says in the log that a capture has begun or ended. */
export function noteCapture(log: EventLog, capture: StatementCapture, why: 'started' | 'stopped' | 'over'): void {
  if (why !== 'started' || capture.state === null) {
    const words = why === 'stopped' ? 'was switched off' : 'ended, its time being over';
    log.add('info', 'capture_ended', `The capture of statements ${words}.`);
    return;
  }
  const { sessions, until } = capture.state;
  const whose = sessions === null ? 'all sessions' : sessions.length === 1 ? `session ${sessions[0]}` : `${sessions.length} sessions`;
  log.add(
    'warn',
    'capture_started',
    `The statements of ${whose} are captured for ${Math.round((until - Date.now()) / 1_000)} s.`,
    sessions?.length === 1 ? (sessions[0] ?? null) : null,
  );
}
