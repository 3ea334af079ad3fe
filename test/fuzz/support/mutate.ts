/** Ways to spoil bytes and rows of messages, and to cut them up. */
import type { Random } from './random.ts';

/** Values that lengths, counts and codes go wrong with. */
const edges = [0, 1, 2, 3, 4, 5, 7, 8, 10_003, 10_004, 10_005, 0x7fff, 0xffff, 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff, -1, -2, -4];

/** Spoils bytes in one to three ways. */
export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  let out: Buffer = Buffer.from(bytes);
  for (let left = random.between(1, 3); left > 0; left--) out = mutateOnce(random, out);
  return out;
}

function mutateOnce(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0) return random.bytes(random.between(1, 16));
  const at = random.below(bytes.length);
  switch (random.below(8)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.between(1, 12)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + random.between(1, 12)))]);
    case 5:
      if (bytes.length >= 4) bytes.writeInt32BE(random.pick(edges), Math.min(at, bytes.length - 4));
      return bytes;
    case 6:
      if (bytes.length >= 2) bytes.writeUInt16BE(random.pick(edges) & 0xffff, Math.min(at, bytes.length - 2));
      return bytes;
    default:
      return Buffer.concat([bytes, bytes.subarray(at)]);
  }
}

/** Leaves out, doubles and reorders messages; each stays whole. */
export function mutateOrder(random: Random, messages: readonly Buffer[]): Buffer[] {
  const out = [...messages];
  for (let left = random.between(1, 3); left > 0 && out.length > 0; left--) {
    const at = random.below(out.length);
    const [taken] = out.splice(at, 1);
    if (taken === undefined) continue;
    switch (random.below(3)) {
      case 0:
        break;
      case 1:
        out.splice(at, 0, taken, taken);
        break;
      default:
        out.splice(random.below(out.length + 1), 0, taken);
    }
  }
  return out;
}

/** Spoils what a message with a type says, but leaves its length true, so that the messages behind it are found. */
export function mutateBody(random: Random, message: Buffer): Buffer {
  const body = random.oneIn(4) ? random.bytes(random.length(200)) : mutateBytes(random, message.subarray(5)).subarray(0, 65_536);
  const head = Buffer.from(message.subarray(0, 5));
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Cuts bytes into pieces: at once, in a few, or byte by byte. */
export function split(random: Random, bytes: Buffer): Buffer[] {
  if (bytes.length < 2 || random.oneIn(3)) return [bytes];
  if (bytes.length <= 64 && random.oneIn(12)) return Array.from(bytes, (byte) => Buffer.from([byte]));
  const cuts = new Set(Array.from({ length: random.between(1, 4) }, () => random.between(1, bytes.length - 1)));
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}
