/** Makes a batch of sessions from a seed. */
import { Random } from '../../fuzz/support/random.ts';
import { lifeFragments, leave } from './fragments/life.ts';
import { objectFragments } from './fragments/objects.ts';
import { lookAround, settingsFragments } from './fragments/settings.ts';
import { statementFragments } from './fragments/statements.ts';
import { transactionFragments } from './fragments/transactions.ts';
import { except } from './except.ts';
import { Maker, type Fragment } from './maker.ts';
import type { Batch, SessionScript } from './script.ts';

/** Sessions of a batch. */
export const SESSIONS = 8;

const FRAGMENTS: readonly Fragment[] = [
  ...settingsFragments,
  ...statementFragments,
  ...transactionFragments,
  ...objectFragments,
  ...lifeFragments,
];

/** Every kind of fragment there is. */
export const KINDS: readonly string[] = [...new Set(FRAGMENTS.map(({ kind }) => kind)), 'transaction', 'own startup'];

/** What pins is kept rare in most sessions: otherwise every server connection would soon be somebody's for good. */
const PINNING = new Set([
  'temporary tables',
  'other temporary objects',
  'advisory locks',
  'cursors',
  'LISTEN',
  'sequences',
  'setseed',
  'LOAD',
]);

const STARTUPS: readonly Readonly<Record<string, string>>[] = [
  {},
  {},
  { application_name: 'differential' },
  { options: '-c work_mem=5MB -c app.a=start' },
  { DateStyle: 'German' },
  { TimeZone: 'Asia/Tokyo', 'app.b': 'begin' },
  { options: '--search_path=x1,public -c statement_timeout=50s', IntervalStyle: 'iso_8601' },
  { client_encoding: 'LATIN1', search_path: 'x2, public' },
  { options: '-c standard_conforming_strings=off -c my.long_name=a\\ b' },
  { options: '-c role=alice' },
];

const ODD_STARTUPS: readonly Readonly<Record<string, string>>[] = [
  { DateStyle: 'nonsense' },
  { no_such_setting: 'x' },
  { options: '-c work_mem=potato' },
  { user: 'nobody_known' },
  { user: 'alice' },
  { user: 'bob' },
  ...STARTUPS,
];

/** See the head of this file. */
export function makeBatch(seed: number): Batch {
  const random = new Random(seed);
  const schedule = random.uint32();
  const startup = random.pick(STARTUPS);
  const moves = random.oneIn(2) && !except.has('moves');
  const sessions = Array.from({ length: SESSIONS }, (_, slot) => makeSession(new Random(random.uint32()), slot, schedule, startup));
  return { schedule, moves, startup, sessions };
}

function makeSession(random: Random, slot: number, schedule: number, common: Readonly<Record<string, string>>): SessionScript {
  const own = random.oneIn(8);
  const maker = new Maker(random, slot, schedule, own ? random.pick(ODD_STARTUPS) : common);
  if (own) maker.kinds.push('own startup');
  const roams = random.oneIn(2);
  const pins = random.oneIn(3);
  const usable = FRAGMENTS.filter(({ kind, writes }) => !except.has(kind) && !(roams && writes) && (pins || !PINNING.has(kind)));
  maker.open();
  for (let left = random.between(2, 7); left > 0; left--) {
    if (random.oneIn(3)) addTransaction(maker, usable);
    else add(maker, usable);
  }
  lookAround(maker);
  leave(maker);
  return { steps: maker.steps, kinds: maker.kinds, roams };
}

function addTransaction(maker: Maker, usable: readonly Fragment[]): void {
  maker.kinds.push('transaction');
  maker.sql(maker.pick(['BEGIN', 'BEGIN', 'START TRANSACTION', 'BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN READ ONLY']));
  for (let left = maker.random.between(1, 3); left > 0; left--) add(maker, usable);
  maker.sql(maker.pick(['COMMIT', 'COMMIT', 'ROLLBACK', 'END']));
  lookAround(maker);
}

function add(maker: Maker, usable: readonly Fragment[]): void {
  let at = maker.random.below(usable.reduce((sum, { weight }) => sum + weight, 0));
  const fragment = usable.find(({ weight }) => (at -= weight) < 0);
  if (fragment === undefined) throw new Error('there is no fragment to pick');
  maker.kinds.push(fragment.kind);
  fragment.make(maker);
}
