/** Base64 as the SCRAM messages have it. */

/** Strict: Node's own decoder skips what it does not know. Null when it is not base64, or empty. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return text !== '' && bytes.toString('base64') === text ? bytes : null;
}
