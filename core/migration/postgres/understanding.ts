/**
 * What a session's statements mean where it is: each is described on its own server connection, behind the capture that listed them, and
 * the types in the descriptions are named, because the same OID may be another type's elsewhere.
 */
import { cleanUpCapture, serverVersionOf, type Batch } from '../../state/capture.ts';
import type { SessionStateCapture, UnstableType } from '../../state/state.ts';
import { Server } from '../../wire/codes.ts';
import type { Message } from '../../wire/message-reader.ts';
import { frame } from '../../wire/messages.ts';
import type { Asking, Source } from '../dialect.ts';
import { giveUp, thenAsk } from './asking.ts';
import { DESCRIBE_GUARD, describeFrames, readShapes, type StatementShapes } from './describe.ts';
import { readTypes, typesFrames, TYPES_STATEMENT, unstableTypesIn } from './types.ts';

/** See the head of this file. */
export interface Understanding {
  readonly shapes: StatementShapes;
  /** All types in use whose OIDs may differ. */
  readonly types: readonly UnstableType[];
}

/** In a hold: asks for it, if there is something to be asked. */
export function understand(source: Source, capture: SessionStateCapture, hasUnnamed: boolean, deadlineMs: number): Asking<Understanding> {
  const names = [...capture.statements.map(({ name }) => name), ...(hasUnnamed ? [''] : [])];
  const input = { serverVersion: serverVersionOf(source.server), names, textEncoding: capture.textEncoding };
  const described: Asking<StatementShapes> =
    names.length === 0
      ? settled(new Map())
      : ask(source, describeFrames(input), [DESCRIBE_GUARD], deadlineMs, (messages) => readShapes(input, messages));
  return thenAsk(described, (shapes) => {
    const known = new Set(capture.types.map(({ oid }) => oid));
    const unknown = unstableTypesIn(shapes).filter((oid) => !known.has(oid));
    if (unknown.length === 0) return settled({ shapes, types: capture.types });
    const batch = { frames: typesFrames(unknown), readyCount: 1 };
    return ask(source, batch, [TYPES_STATEMENT], deadlineMs, (messages) => ({
      shapes,
      types: [...capture.types, ...readTypes(messages, capture.textEncoding)],
    }));
  });
}

function ask<T>(
  { server, onNotification }: Source,
  { frames, readyCount }: Batch,
  names: readonly string[],
  deadlineMs: number,
  read: (messages: readonly Message[]) => T,
): Asking<T> {
  const exchange = server.exchange(frames, readyCount, {
    deadlineMs,
    onNotification: (body) => onNotification(frame(Server.NotificationResponse, body)),
  });
  const quiet = exchange.answer.then(
    async (messages) => {
      if (messages.some(({ type }) => type === Server.ErrorResponse)) await cleanUpCapture(server, deadlineMs, names);
    },
    async () => await giveUp(server, exchange, deadlineMs, names),
  );
  return { answer: exchange.answer.then(read), quiet };
}

function settled<T>(answer: T): Asking<T> {
  return { answer: Promise.resolve(answer), quiet: Promise.resolve() };
}
