import type { PinRow, SessionRow } from '../../../../core/contract/index.ts';

/** A line of the list of pins: the head of a group, or one pin of one session. */
export type PinLine = { kind: 'code'; code: string; sessions: number } | { kind: 'pin'; code: string; sessionId: number; index: number };

/** The pins of all sessions by their code, the code with most sessions first, the oldest pin first in each. */
export function pinLines(sessions: Iterable<SessionRow>): PinLine[] {
  const codes = new Map<string, { pin: PinRow; sessionId: number; index: number }[]>();
  for (const { id, pins } of sessions) {
    pins.forEach((pin, index) => {
      const group = codes.get(pin.code);
      if (group) group.push({ pin, sessionId: id, index });
      else codes.set(pin.code, [{ pin, sessionId: id, index }]);
    });
  }
  return [...codes]
    .map(([code, pins]) => ({ code, pins, sessions: new Set(pins.map(({ sessionId }) => sessionId)).size }))
    .sort((a, b) => b.sessions - a.sessions || a.code.localeCompare(b.code))
    .flatMap(({ code, pins, sessions: count }): PinLine[] => [
      { kind: 'code', code, sessions: count },
      ...pins
        .sort((a, b) => a.pin.since - b.pin.since || a.sessionId - b.sessionId)
        .map(({ sessionId, index }) => ({ kind: 'pin' as const, code, sessionId, index })),
    ]);
}

/** The same line, whatever it says. */
export function lineKey(line: PinLine): string {
  return line.kind === 'code' ? line.code : `${line.code} ${line.sessionId} ${line.index}`;
}

/** The pins of all sessions as rows of a file. */
export function pinRows(sessions: Iterable<SessionRow>): (PinRow & { session: number; application: string; endpoint: string })[] {
  return [...sessions].flatMap(({ id, application, endpoint, pins }) =>
    pins.map((pin) => ({ session: id, application, endpoint, ...pin })),
  );
}
