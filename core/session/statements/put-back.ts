/** Errors that name a prepared statement, with the client's name in the place of the server's. */
import { HEADER_BYTES, Server } from '../../wire/codes.ts';
import { frame } from '../../wire/messages.ts';
import { SERVER_PREFIX } from './statement.ts';

/** No such statement, there is one already, and: a Bind has another number of parameters than it. */
const CODES = /\0C(?:26000|42P05|08P01)\0/;
const PREFIX = Buffer.from(SERVER_PREFIX, 'latin1');
/** A name of ours, or the client's own behind a mark (`NO_SUCH`): what begins like ours in there is not. */
const OURS = /_swy_(?:\?((?:_swy_)?)|(\d+))/g;

/** An ErrorResponse as the client must see it; null: as it is. `nameOf`: the client's name for the statement of this label. */
export function putBack(error: Buffer, nameOf: (label: string) => string | null): Buffer | null {
  if (!error.includes(PREFIX)) return null;
  const body = error.toString('latin1', HEADER_BYTES);
  if (!CODES.test(body)) return null;
  const own = body.replaceAll(OURS, (found: string, kept: string | undefined, label: string | undefined) =>
    label === undefined ? (kept ?? '') : (nameOf(label) ?? found),
  );
  return frame(Server.ErrorResponse, Buffer.from(own, 'latin1'));
}

/** A cached plan would have had to change its result type: field `R` is the place in the server's source, which no language changes. */
export function isStalePlan(error: Buffer): boolean {
  return error.includes('\0C0A000\0') && error.includes('\0RRevalidateCachedQuery\0');
}
