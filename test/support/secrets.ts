/** Planted secrets: values that stand out, and the search for them in everything that was said, in every clothing they may wear. */
import net from 'node:net';
import { inspect } from 'node:util';

/** What was planted, by name. */
export class Plants {
  readonly #clothings = new Map<string, readonly string[]>();

  /** Adds one; the shorter it is, the likelier it turns up by chance: at least eight characters. */
  plant(name: string, value: string | Buffer): void {
    const forms = typeof value === 'string' ? formsOfText(value) : formsOfBytes(value);
    if (forms.some((form) => form.length < 8)) throw new Error(`${name} is too short to stand out`);
    this.#clothings.set(name, forms);
  }

  get names(): string[] {
    return [...this.#clothings.keys()];
  }

  /** The names of those that a text holds. */
  in(text: string): string[] {
    return this.names.filter((name) => this.#clothings.get(name)?.some((form) => text.includes(form)));
  }
}

function formsOfText(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const quoted = [JSON.stringify(text).slice(1, -1), inspect(text).slice(1, -1)];
  return [...new Set([text, encodeURIComponent(text), ...quoted, ...formsOfBytes(bytes)])];
}

function formsOfBytes(bytes: Buffer): string[] {
  const spaced = bytes.toString('hex').replace(/..(?=.)/g, '$& ');
  const numbers = bytes.length < 8 ? [] : [[...bytes].join(','), [...bytes].join(', ')];
  const base64 = [bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')];
  const word = bytes.length === 4 ? [bytes.readUInt32BE(), bytes.readInt32BE()].map(String).filter((form) => form.length >= 8) : [];
  return [...(bytes.length < 6 ? [] : base64), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), spaced, ...numbers, ...word];
}

/** Everything that anybody could read, in the order it was said. */
export class Spoken {
  #text = '';

  get text(): string {
    return this.#text;
  }

  /** Texts as they are; anything else as a log would print it and as JSON. */
  hear(...what: unknown[]): void {
    for (const each of what) {
      if (typeof each === 'string') this.#text += `${each}\n`;
      else
        this.#text += `${inspect(each, { depth: 12, maxArrayLength: null, maxStringLength: null, showHidden: true })}\n${asJson(each)}\n`;
    }
  }
}

function asJson(what: unknown): string {
  if (what instanceof Error)
    return JSON.stringify(Object.fromEntries(Object.getOwnPropertyNames(what).map((name) => [name, Reflect.get(what, name)])));
  return JSON.stringify(what, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? '';
}

/** A relay that listens in. */
export interface Wiretap {
  readonly port: number;
  /** What went to the server, and what came from it, one text of bytes (latin1) per connection. */
  readonly sent: string[];
  readonly received: string[];
  close(): Promise<void>;
}

/** Starts one in front of a server on loopback. */
export async function startWiretap(serverPort: () => number): Promise<Wiretap> {
  const sent: string[] = [];
  const received: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect(serverPort(), '127.0.0.1');
    const at = sent.push('') - 1;
    received.push('');
    for (const [from, to, log] of [
      [near, far, sent],
      [far, near, received],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => (log[at] += bytes.toString('latin1')));
      from.pipe(to);
      from
        .on('error', () => to.destroy())
        .on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    sent,
    received,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The secrets that logins have shown on the wire: proofs, md5 answers, keys that cancel. */
export function secretsOnTheWire(tap: Wiretap): { proofs: string[]; cancelSecrets: Buffer[] } {
  const proofs = tap.sent.flatMap((text) => [
    ...[...text.matchAll(/,p=([A-Za-z0-9+/=]{44})/g)].map(([, proof = '']) => proof),
    ...[...text.matchAll(/p\0\0\0\x28(md5[0-9a-f]{32})\0/g)].map(([, answer = '']) => answer),
  ]);
  return { proofs, cancelSecrets: tap.received.flatMap(cancelSecretsIn) };
}

/** Keys of four bytes: BackendKeyData right in front of ReadyForQuery. */
function cancelSecretsIn(stream: string): Buffer[] {
  const head = 'K\0\0\0\u000c';
  const found: Buffer[] = [];
  for (let at = stream.indexOf(head); at >= 0; at = stream.indexOf(head, at + 1)) {
    const end = at + head.length + 8;
    if (/^[SZ]\0\0/.test(stream.slice(end, end + 3))) found.push(Buffer.from(stream.slice(end - 4, end), 'latin1'));
  }
  return found;
}
