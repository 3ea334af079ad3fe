/** What is being dragged: sessions, to be moved, or an endpoint, to be pointed at another server. */
export type DragPayload = { kind: 'sessions'; ids: readonly number[] } | { kind: 'endpoint'; id: string };

/** Where it can be dropped: on a server (`host:port`), or on an endpoint. */
export type DropTarget = { kind: 'backend'; backend: string } | { kind: 'endpoint'; id: string };

const PAYLOAD = Symbol('what is dragged');
const TARGET = Symbol('where it is dropped');

/** The payload as the drag library carries it. */
export function payloadData(payload: DragPayload): Record<string | symbol, unknown> {
  return { [PAYLOAD]: payload };
}

/** The payload of a drag; null for one that is not ours. */
export function payloadOf(data: Record<string | symbol, unknown>): DragPayload | null {
  return (data[PAYLOAD] as DragPayload | undefined) ?? null;
}

/** The target as the drag library carries it. */
export function targetData(target: DropTarget): Record<string | symbol, unknown> {
  return { [TARGET]: target };
}

/** The target that a drag is over; null for one that is not ours. */
export function targetOf(data: Record<string | symbol, unknown>): DropTarget | null {
  return (data[TARGET] as DropTarget | undefined) ?? null;
}
