/** The filter of the event log, as it is written: words, `level:warn`, `code:backend_down`, `session:12`, `last:5m`, `from:14:03`, `-` negates. */
import type { LogEntry } from '../../../../core/contract/index.ts';
import { isRefusal } from './group.ts';

/** The fields there are; a word with anything else before its colon is looked for as it stands. */
const fields = ['level', 'code', 'session', 'is', 'last', 'from', 'to'] as const;
export type EventField = (typeof fields)[number];

/** One term as it was understood. */
export interface EventTerm {
  negated: boolean;
  /** Null: a word, looked for in the message and the code. */
  field: EventField | null;
  /** Without quotes. */
  value: string;
  /** Why it finds nothing, in words; null: nothing is wrong with it. */
  problem: string | null;
}

const levels: readonly LogEntry['level'][] = ['info', 'warn', 'error'];
const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };
/** A moment of the log may be a little ahead of what is asked: a clock, or the end of a second. */
const AHEAD_MS = 60_000;
const DAY_MS = 86_400_000;

/** Takes a filter apart. A field that has no value yet means nothing. */
export function parseEventFilter(text: string): EventTerm[] {
  const terms: EventTerm[] = [];
  for (const [, minus = '', name, quoted, plain = ''] of text.matchAll(/(-?)(?:([a-z]+):)?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/gi)) {
    const field = fields.find((each) => each === name?.toLowerCase()) ?? null;
    const bare = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1');
    const value = field === null && name !== undefined ? `${name}:${bare}` : bare;
    terms.push({ negated: minus === '-', field, value, problem: field === null ? null : problemOf(field, value) });
  }
  return terms;
}

function problemOf(field: EventField, value: string): string | null {
  const word = value.toLowerCase();
  switch (field) {
    case 'level':
      return levels.some((level) => level === word) ? null : 'level: knows info, warn and error.';
    case 'session':
      return /^\d+$/.test(value) ? null : 'session: wants the number of a session, such as session:12.';
    case 'is':
      return word === 'refused' ? null : 'is: knows refused.';
    case 'last':
      return durationOf(value) === null ? 'last: wants a time, such as last:30s, last:5m or last:1h.' : null;
    case 'from':
    case 'to':
      return momentOf(value, 0) === null ? `${field}: wants a time of day, such as ${field}:14:03 or ${field}:14:03:09.` : null;
    case 'code':
      return null;
  }
}

function durationOf(text: string): number | null {
  const match = /^(\d+)(s|m|h)$/i.exec(text);
  return match ? Number(match[1]) * (units[match[2]?.toLowerCase() ?? ''] ?? 0) : null;
}

/** The last time that it was so late, by this window's clock. */
function momentOf(text: string, now: number): number | null {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (!match) return null;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  const moment = new Date(now).setHours(hours, minutes, seconds, 0);
  return moment > now + AHEAD_MS ? moment - DAY_MS : moment;
}

type Test = (entry: LogEntry) => boolean;

/**
 * The test that a filter stands for. Terms narrow; several levels, codes or sessions are alternatives; a term that is wrong finds nothing.
 * `now`: the host's clock.
 */
export function eventMatcher(text: string, now: number): Test {
  const required: Test[] = [];
  const alternatives = new Map<EventField, Test[]>();
  for (const term of parseEventFilter(text)) {
    const test = term.problem === null ? testOf(term, now) : () => false;
    if (term.negated) required.push(term.problem === null ? (entry) => !test(entry) : test);
    else if (term.field === 'level' || term.field === 'code' || term.field === 'session')
      alternatives.set(term.field, [...(alternatives.get(term.field) ?? []), test]);
    else required.push(test);
  }
  for (const tests of alternatives.values()) required.push((entry) => tests.some((test) => test(entry)));
  return (entry) => required.every((test) => test(entry));
}

function testOf({ field, value }: EventTerm, now: number): Test {
  const word = value.toLowerCase();
  switch (field) {
    case null:
      return ({ message, code }) => message.toLowerCase().includes(word) || code.includes(word);
    case 'level':
      return ({ level }) => level === word;
    case 'code':
      return ({ code }) => code === word;
    case 'session': {
      const id = Number(value);
      return ({ sessionId }) => sessionId === id;
    }
    case 'is':
      return isRefusal;
    case 'last': {
      const from = now - (durationOf(value) ?? 0);
      return ({ at }) => at >= from;
    }
    case 'from': {
      const from = momentOf(value, now) ?? 0;
      return ({ at }) => at >= from;
    }
    case 'to': {
      const unit = value.split(':').length > 2 ? 1_000 : 60_000;
      const to = (momentOf(value, now) ?? 0) + unit;
      return ({ at }) => at < to;
    }
  }
}

/** A term as it is written. */
export function writeEventTerm({ negated, field, value }: Pick<EventTerm, 'negated' | 'field' | 'value'>): string {
  const isPlain = /^[^\s"]+$/.test(value) && (field !== null || (!value.startsWith('-') && parseEventFilter(value)[0]?.field === null));
  const text = isPlain ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  return `${negated ? '-' : ''}${field === null ? '' : `${field}:`}${text}`;
}

/** The filter with these terms instead of all that there are of the fields named. */
export function withField(text: string, replaces: readonly EventField[], add: readonly { field: EventField; value: string }[]): string {
  const kept = parseEventFilter(text).filter(({ field }) => field === null || !replaces.includes(field));
  return [...kept, ...add.map((term) => ({ ...term, negated: false }))].map(writeEventTerm).join(' ');
}

/** The filter without its term at `index`. */
export function withoutTerm(text: string, index: number): string {
  return parseEventFilter(text)
    .filter((_, each) => each !== index)
    .map(writeEventTerm)
    .join(' ');
}
