/**
 * Text whose encoding nobody has declared, as in startup packets: UTF-8 as a rule, any bytes by right. Bytes that are not UTF-8
 * are kept as lone surrogates (U+DC80 to U+DCFF, as Python's "surrogateescape" does), so that text is what it seems to be
 * wherever it is shown or compared, and the same bytes again when it is sent on.
 */
import { isUtf8 } from 'node:buffer';

const escaped = /(?<![\ud800-\udbff])[\udc80-\udcff]/;

/** Decodes bytes; nothing is lost. */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    if (sequence.length === length && isUtf8(sequence)) {
      text += sequence.toString('utf8');
      at += length;
    } else {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at++;
    }
  }
  return text;
}

/** The bytes that `textOf` decoded. */
export function bytesOf(text: string): Buffer {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8');
  const parts = text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/);
  return Buffer.concat(
    // Every second part is an escaped byte.
    parts.map((part, index) => (index % 2 === 1 ? Buffer.from([part.charCodeAt(0) - 0xdc00]) : Buffer.from(part, 'utf8'))),
  );
}

/** Length of the UTF-8 sequence that a byte begins; 1 where it begins none. */
function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}
