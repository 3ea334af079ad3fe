/**
 * Whether sessions can be moved between two CockroachDB nodes at all, tried with a session of the proxy's own: asked for, logged in with
 * its token, restored. No client's session is touched.
 */
import { dial, DialFailure } from '../../backend/dial.ts';
import { loginKey, type Login } from '../../backend/login.ts';
import type { PasswordFile } from '../../backend/passfile.ts';
import { WaitingChannel } from '../../backend/waiting-channel.ts';
import type { Finding } from '../../contract/index.ts';
import { block, info, Refusal } from '../dialect.ts';
import { loginBlocker } from '../login-blocker.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';
import { tokenRefusal } from './refusals.ts';
import { restoreSession } from './restore.ts';
import { askForState, forget, MAX_STATE_BYTES } from './transfer-state.ts';

/** Long enough for many sessions that are asked about at once. */
const KEPT_MS = 15_000;

/** Tries each pair of logins once, and remembers what came of it for a short while. */
export class Rehearsals {
  readonly #passwordFile: PasswordFile | null;
  readonly #known = new Map<string, { readonly until: number; readonly findings: Promise<Finding[]> }>();

  constructor(passwordFile: PasswordFile | null) {
    this.#passwordFile = passwordFile;
  }

  /** `startup`: the proxy's own parameters, in the place of a client's. Never rejects. */
  of(from: Login, to: Login, startup: ReadonlyMap<string, string>, deadlines: TransferDeadlines): Promise<Finding[]> {
    const now = Date.now();
    const source: Login = { ...from, startup, clientAddress: null };
    const target: Login = { ...to, startup, clientAddress: null };
    const key = JSON.stringify([loginKey(source), loginKey(target)]);
    for (const [other, { until }] of this.#known) if (until <= now) this.#known.delete(other);
    const known = this.#known.get(key);
    if (known !== undefined) return known.findings;
    const findings = rehearse(source, target, this.#passwordFile, deadlines);
    this.#known.set(key, { until: now + KEPT_MS, findings });
    return findings;
  }

  forget(): void {
    this.#known.clear();
  }
}

/** What came of it. Never rejects; nothing is left open. */
async function rehearse(from: Login, to: Login, passwordFile: PasswordFile | null, deadlines: TransferDeadlines): Promise<Finding[]> {
  const opened = new Set<{ discard(): void } | { end(): void }>();
  try {
    const source = await dial(from, { deadlineMs: deadlines.dialMs, passwordFile });
    opened.add(source);
    const { captureMs: deadlineMs, lateMs } = deadlines;
    const nothing = { looks: false, unnamedParse: null, onUnasked: () => {} };
    const asking = askForState(source, { deadlineMs, lateMs, maxBytes: MAX_STATE_BYTES, ...nothing });
    const state = await asking.answer;
    try {
      const channel = await WaitingChannel.open(to, { deadlineMs: deadlines.dialMs });
      opened.add(channel);
      const target = await channel.logIn(to, state.token, { deadlineMs: deadlines.loginMs });
      opened.delete(channel);
      opened.add(target);
      await restoreSession(target, state, deadlines.restoreMs);
    } finally {
      forget(state);
    }
    return [info('rehearsed', `a session of Switchyard's own was moved to ${to.backend.id}, and arrived`)];
  } catch (error) {
    return findingsOf(error, to.backend.id);
  } finally {
    for (const each of opened) {
      if ('discard' in each) each.discard();
      else each.end();
    }
  }
}

function findingsOf(error: unknown, target: string): Finding[] {
  if (error instanceof Refusal) return [...error.findings];
  const finding = error instanceof DialFailure ? (tokenRefusal(error, target) ?? loginBlocker(error)) : null;
  const message = error instanceof Error ? error.message : String(error);
  return [finding ?? block('not_rehearsed', `a session of Switchyard's own did not get there: ${message}`)];
}
