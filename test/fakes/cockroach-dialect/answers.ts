/** Frames of a server that core/wire, which only ever forwards them, has no builder for. */
import { Server } from '../../../core/wire/codes.ts';
import { cstring, frame, int16, int32 } from '../../../core/wire/messages.ts';
import { typeSize } from './types.ts';

/** A column of a result. */
export interface Column {
  readonly name: string;
  /** Type OID. */
  readonly oid: number;
}

/** RowDescription; `formats` as in a Bind: none, one for all, or one each. */
export function rowDescription(columns: readonly Column[], formats: readonly number[] = []): Buffer {
  return frame(
    Server.RowDescription,
    int16(columns.length),
    ...columns.flatMap(({ name, oid }, index) => [
      cstring(name),
      int32(0),
      int16(0),
      int32(oid),
      int16(typeSize(oid)),
      int32(-1),
      int16(formatOf(formats, index)),
    ]),
  );
}

/** DataRow. */
export function dataRow(values: readonly (Buffer | null)[]): Buffer {
  return frame(
    Server.DataRow,
    int16(values.length),
    ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value])),
  );
}

export function commandComplete(tag: string): Buffer {
  return frame(Server.CommandComplete, cstring(tag));
}

export function parameterDescription(oids: readonly number[]): Buffer {
  return frame(Server.ParameterDescription, int16(oids.length), ...oids.map(int32));
}

/** NotificationResponse. */
export function notification(pid: number, channel: string, payload: string): Buffer {
  return frame(Server.NotificationResponse, int32(pid), cstring(channel), cstring(payload));
}

/** CopyInResponse, CopyOutResponse: text, one column. */
export function copyResponse(direction: 'in' | 'out'): Buffer {
  return frame(direction === 'in' ? Server.CopyInResponse : Server.CopyOutResponse, Buffer.from([0]), int16(1), int16(0));
}

export function copyData(line: string): Buffer {
  return frame(Server.CopyData, Buffer.from(line, 'utf8'));
}

export const parseComplete = frame(Server.ParseComplete);
export const bindComplete = frame(Server.BindComplete);
export const closeComplete = frame(Server.CloseComplete);
export const noData = frame(Server.NoData);
export const emptyQuery = frame(Server.EmptyQueryResponse);
export const portalSuspended = frame(Server.PortalSuspended);
export const copyDone = frame(Server.CopyDone);

/** The format of one column under a Bind's list of them. */
export function formatOf(formats: readonly number[], index: number): number {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}
