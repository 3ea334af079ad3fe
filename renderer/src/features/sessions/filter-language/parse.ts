import { fieldNamed, fields } from './fields.ts';
import type { Field } from './fields.ts';

/** How a field is compared: `:` contains, `=` is exactly. */
export type Operator = ':' | '=' | '>' | '<' | '>=' | '<=';

/** One term as it was understood. */
export interface Term {
  negated: boolean;
  /** Canonical name of the field; null: a word, looked for everywhere. */
  field: string | null;
  operator: Operator;
  /** Without quotes. */
  value: string;
}

/** What is wrong with a term, in words for the user. */
export interface Problem {
  /** `error`: the term finds nothing; `note`: it was taken otherwise than it may be meant. */
  level: 'error' | 'note';
  message: string;
}

/** A term where it stands. */
export interface PlacedTerm extends Term {
  /** First character of the term in the text, and the one after its last. */
  from: number;
  to: number;
  /** Where the value begins, quotes included. */
  valueFrom: number;
  problem: Problem | null;
}

const head = /^(-?)(?:([A-Za-z]+)(>=|<=|[:=<>]))?/;
const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as it is written in a filter (`5s`, `1.5m`, `200ms`), in milliseconds; null if it is none. A bare number is seconds. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|m|h|d)?$/.exec(text.trim().toLowerCase());
  return match ? Number(match[1]) * (units[match[2] ?? 's'] ?? 1_000) : null;
}

/** A number as it is written in a filter; null if it is none. */
export function parseNumber(text: string): number | null {
  return /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : null;
}

/** Takes a filter apart. Every text is understood somehow: what is wrong with a term stands beside it. */
export function parseTerms(text: string): PlacedTerm[] {
  const terms: PlacedTerm[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const term = termAt(text, at);
    terms.push(term);
    at = term.to;
  }
  return terms;
}

function termAt(text: string, from: number): PlacedTerm {
  const [whole, minus = '', name, operator] = head.exec(text.slice(from)) ?? ['', ''];
  const negated = minus === '-';
  const field = name === undefined ? undefined : fieldNamed(name);
  // An unknown field is a word with a colon in it, such as a host and its port.
  const valueFrom = from + (field === undefined ? minus.length : whole.length);
  const { value, to, closed } = valueAt(text, valueFrom);
  const place = { negated, value, from, to, valueFrom };
  if (field === undefined || operator === undefined) {
    return {
      ...place,
      field: null,
      operator: ':',
      problem: unknownField(name, operator, value) ?? unclosed(closed) ?? lone(negated, value),
    };
  }
  const term = { ...place, field: field.name, operator: operator as Operator };
  return { ...term, problem: misfit(field, term) ?? unclosed(closed) };
}

function valueAt(text: string, from: number): { value: string; to: number; closed: boolean } {
  if (text.charAt(from) !== '"') {
    const word = /^\S*/.exec(text.slice(from))?.[0] ?? '';
    return { value: word, to: from + word.length, closed: true };
  }
  let value = '';
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return { value, to: at + 1, closed: true };
    if (character === '\\' && at + 1 < text.length) at += 1;
    value += text.charAt(at);
  }
  return { value, to: text.length, closed: false };
}

function unclosed(closed: boolean): Problem | null {
  return closed ? null : { level: 'note', message: 'A closing " is missing: everything up to the end is taken as one value.' };
}

function lone(negated: boolean, value: string): Problem | null {
  return negated && value === ''
    ? { level: 'note', message: 'A - leaves out what follows it: put a word or a field right behind it.' }
    : null;
}

function unknownField(name: string | undefined, operator: string | undefined, value: string): Problem | null {
  if (name === undefined || operator === undefined || value.startsWith('"')) return null;
  const near = nearest(name);
  const meant = near === null ? '' : ` Did you mean ${near}${operator}?`;
  return { level: 'note', message: `There is no field ${name}: the whole is looked for as a word.${meant}` };
}

function misfit(field: Field, { operator, value }: Term): Problem | null {
  const error = (message: string): Problem => ({ level: 'error', message });
  if (value === '') return { level: 'note', message: `${field.name}${operator} needs a value behind it: ${field.hint}.` };
  switch (field.kind) {
    case 'text':
      if (operator === ':' || operator === '=') return null;
      return error(
        `${field.name} is text and cannot be compared with ${operator}: write ${field.name}:${value} or ${field.name}=${value}.`,
      );
    case 'property':
      if (operator !== ':' && operator !== '=') return error(`Write ${field.name}:${value}.`);
      if (field.words.includes(value.toLowerCase())) return null;
      return error(`${field.name}: knows ${field.words.join(', ')}.`);
    case 'number':
      return parseNumber(value) === null ? error(`${field.name} wants a number, such as ${field.name}>0.`) : null;
    case 'duration':
      return parseDuration(value) === null ? error(`${field.name} wants a time, such as ${field.name}>5s, 200ms, 2m or 1h.`) : null;
  }
}

/** The field that an unknown name is one slip away from, or the beginning of. */
function nearest(name: string): string | null {
  const wanted = name.toLowerCase();
  const names = fields.map((field) => field.name);
  return names.find((each) => each.startsWith(wanted)) ?? names.find((each) => each.length > 2 && slips(each, wanted) <= 2) ?? null;
}

/** Edit distance. */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
