/** ErrorResponse and NoticeResponse: their fields, read and built (PostgreSQL manual, "Error and Notice Message Fields"). */
import { Server } from './codes.ts';
import { cstring, frame } from './messages.ts';

/** What an error says. `sqlState` is five characters; `detail` and `hint` may be missing. */
export interface ErrorFields {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** Reads the body of an ErrorResponse or NoticeResponse; missing fields become `ERROR`, `XX000` and an empty message. */
export function readErrorFields(body: Buffer): ErrorFields {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    if (end < 0) break;
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    sqlState: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? '',
    detail: fields.get('D'),
    hint: fields.get('H'),
  };
}

/** An ErrorResponse frame. */
export function errorResponse(fields: ErrorFields): Buffer {
  return frame(Server.ErrorResponse, errorBody(fields));
}

/** A NoticeResponse frame. */
export function noticeResponse(fields: ErrorFields): Buffer {
  return frame(Server.NoticeResponse, errorBody(fields));
}

function errorBody(fields: ErrorFields): Buffer {
  const parts = [
    cstring(`S${fields.severity}`),
    cstring(`V${fields.severity}`),
    cstring(`C${fields.sqlState}`),
    cstring(`M${withoutZero(fields.message)}`),
  ];
  if (fields.detail !== undefined) parts.push(cstring(`D${withoutZero(fields.detail)}`));
  if (fields.hint !== undefined) parts.push(cstring(`H${withoutZero(fields.hint)}`));
  parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

function withoutZero(text: string): string {
  return text.replaceAll('\0', '');
}

/** A FATAL ErrorResponse, the proxy's last word to a client. */
export function fatal(sqlState: string, message: string, hint?: string, detail?: string): Buffer {
  return errorResponse({ severity: 'FATAL', sqlState, message, detail, hint });
}
