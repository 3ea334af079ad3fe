/** `switchyard://session/<id>` and `switchyard://endpoint/<name>`: whoever opens one is taken there. A link never does anything. */
import * as z from 'zod';
import { endpointId } from '../../core/contract/index.ts';

/** The scheme of our links, without the colon. */
export const linkScheme = 'switchyard';
const LONGEST = 256;

/** The parts of a link that lead anywhere; everything that could mean more (a user, a port, a query) must be missing. */
const parts = z.strictObject({
  protocol: z.literal(`${linkScheme}:`),
  username: z.literal(''),
  password: z.literal(''),
  port: z.literal(''),
  search: z.literal(''),
  hash: z.literal(''),
  target: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('session'), name: z.string().regex(/^[1-9][0-9]{0,14}$/) }),
    z.strictObject({ kind: z.literal('endpoint'), name: endpointId }),
  ]),
});

/** Whether a word of a command line is meant as a link, a usable one or not. */
export function isLink(word: string): boolean {
  return word.toLowerCase().startsWith(`${linkScheme}:`);
}

/** The view that a link leads to, as the fragment of the window's address; null: it leads nowhere. */
export function viewOfLink(text: string): string | null {
  if (text.length > LONGEST || !URL.canParse(text)) return null;
  const { protocol, username, password, port, search, hash, hostname, pathname } = new URL(text);
  const name = /^\/([^/]+)\/?$/.exec(pathname)?.[1];
  const parsed = parts.safeParse({ protocol, username, password, port, search, hash, target: { kind: hostname, name } });
  if (!parsed.success) return null;
  const { target } = parsed.data;
  return target.kind === 'session' ? `#/sessions?session=${target.name}` : `#/endpoints?endpoint=${target.name}`;
}

/** The view that the first usable link among the words of a command line leads to; null: there is none. */
export function viewAskedFor(words: readonly string[]): string | null {
  for (const word of words) {
    const view = isLink(word) ? viewOfLink(word) : null;
    if (view !== null) return view;
  }
  return null;
}
