/** Two server connections as a move has them: the session's own and the new one, with the steps of a carrying between them. */
import { whatToCarry, PostgresCarrying } from '../../core/migration/postgres/carry/carry.ts';
import { Tap } from '../../core/migration/postgres/carry/tap.ts';
import type { ServerConnection, ServerOwner } from '../../core/backend/server-connection.ts';
import type { CarryOptions, Finding } from '../../core/contract/index.ts';
import { captureFrames, readCapture, serverVersionOf } from '../../core/state/capture.ts';
import type { SessionStateCapture } from '../../core/state/state.ts';
import { MessageReader, readCString } from '../../core/wire/message-reader.ts';
import { connectServer, runSql } from './state.ts';

/** Nothing, or everything. */
export const nothing: CarryOptions = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };
export const everything: CarryOptions = { advisoryLocks: true, heldCursors: true, temporaryTables: true, sequences: true };

/** What the client of a session would hear unasked. */
export class Hearer implements ServerOwner {
  /** `channel: payload` of every notification, in order. */
  readonly heard: string[] = [];
  closed: string | null = null;
  readonly #reader = new MessageReader();

  onServerData(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
      if (message.type !== 0x41) continue;
      const channel = readCString(message.body, 4);
      this.heard.push(`${channel.text}: ${readCString(message.body, channel.end).text}`);
    }
  }

  onServerDrain(): void {}

  onServerClosed(reason: string): void {
    this.closed = reason;
  }
}

/** Has a connection heard as a session's is: an exchange may begin in the middle of a notification. */
export function hear(server: ServerConnection, hearer: Hearer): void {
  server.setOwner(hearer);
  new Tap(server, 'pass', false);
}

/** The session's state, as a move captures it. */
export async function captureNow(server: ServerConnection): Promise<SessionStateCapture> {
  const { frames, readyCount } = captureFrames(serverVersionOf(server), [], []);
  const { owner } = server;
  return readCapture(
    await server.exchange(frames, readyCount, { deadlineMs: 30_000, onUnasked: (heard) => owner?.onServerData?.(heard) }).answer,
  );
}

/** Carries what `old` has over to `next`; both stay open. Throws what a step throws, after the undo. */
export async function carryOver(
  old: ServerConnection,
  next: ServerConnection,
  options: CarryOptions,
  hooks: { sameCluster?: boolean; deadlineMs?: number; between?: () => Promise<unknown> } = {},
): Promise<{ what: string | null; findings: readonly Finding[] }> {
  const state = await captureNow(old);
  const what = whatToCarry(state, options, hooks.sameCluster ?? false);
  if (what === null) return { what, findings: [] };
  const carrying = new PostgresCarrying(what, old, state, options, hooks.deadlineMs ?? 30_000);
  try {
    await carrying.collect(next);
    await carrying.beforeStatements(next);
    for (const channel of state.channels) await runSql(next, `LISTEN "${channel}"`);
    await hooks.between?.();
    await carrying.afterStatements(next);
    await carrying.beforeSwap(next);
  } catch (error) {
    await carrying.undo();
    throw error;
  }
  return { what, findings: carrying.findings };
}

/** A connection in either place of a move. */
export async function connectBoth(from: string, to: string): Promise<{ old: ServerConnection; next: ServerConnection }> {
  return { old: await connectServer(from), next: await connectServer(to) };
}
