/** The fault matrix of one kind of move: finds its rows in a move without faults, runs every case, and judges what came of it. */
import type { TransferOutcome, TransferPhase } from '../../../core/contract/index.ts';
import type { SwitchyardOptions } from '../../../core/switchyard.ts';
import { Count, Rig, type Kind } from './rig.ts';
import { asText, type Heard } from './scenario.ts';
import { fields } from '../../support/wire-client.ts';
import { faults, pointName, type Fault, type Point, type Side } from './strike.ts';
import type { ExchangeBegun } from './striking-relay.ts';

/** What came of a case. */
export interface Cell {
  readonly point: Point;
  readonly fault: Fault;
  /** Null: this fault does not exist there. */
  readonly outcome: TransferOutcome | null;
  /** `same`: all of the unmoved session's bytes; `gone`: it had left; else the FATAL error it was told. */
  readonly client: string;
  /** What is wrong with that; null: nothing. */
  readonly complaint: string | null;
}

/** The deadline of the phase that is struck; the others are far longer, so that a slow machine does not strike as well. */
const DEADLINE_MS = 300;
const FAR_MS = 20_000;
/** Of many exchanges together. */
const PREFLIGHT_MS = 1_000;
/** How long the old server is silent: its client waits for it as it would without us. The new one is silent for ever. */
const SILENCE_MS = 3_000;
/** How long an answer that is late is waited for where it must be: between a delay and a silence. */
const LATE_MS = 1_500;
const LANES = 6;
/** On a slow machine a deadline may pass before the moment comes. */
const ATTEMPTS = 3;
const NOT_STRUCK = 'it was not struck';

const deadlineOf: Partial<Record<TransferPhase, keyof NonNullable<SwitchyardOptions['deadlines']>>> = {
  preflight: 'preflightMs',
  dial: 'dialMs',
  capture: 'captureMs',
  login: 'loginMs',
  restore: 'restoreMs',
  verify: 'verifyMs',
  check: 'checkMs',
};

/** What an unmoved session is told. */
export async function unmoved(kind: Kind): Promise<string> {
  const rig = await Rig.start(kind, {});
  rig.scenario.sendPipeline();
  await rig.scenario.hearPipeline();
  await rig.scenario.look();
  const heard = await rig.scenario.leave();
  await rig.stop();
  if (heard.isCut || heard.fatal !== null) throw new Error(`an unmoved client was cut: ${heard.fatal}`);
  return asText(heard.messages);
}

/** The rows: every exchange of a move without faults, and what is behind the last one. */
export async function findPoints(kind: Kind, golden: string): Promise<Point[]> {
  const rig = await Rig.start(kind, far());
  const points: Point[] = [];
  const count = new Count();
  rig.onExchange((begun) => {
    const phase = phaseOf(rig, begun);
    if (phase !== null) points.push({ phase, side: begun.side, nth: count.next(phase, begun), behind: false });
    return null;
  });
  const row = await rig.move();
  const last = points.at(-1);
  rig.scenario.sendPipeline();
  await rig.scenario.hearPipeline();
  await rig.scenario.look();
  const heard = await rig.scenario.leave();
  await rig.stop();
  if (row.outcome !== 'success') throw new Error(`${kind.name}: without a fault the move ends in ${row.outcome}: ${row.reason}`);
  if (kind.mode !== null && row.mode !== kind.mode) throw new Error(`${kind.name}: it was moved in mode ${row.mode}`);
  if (last === undefined || asText(heard.messages) !== golden) throw new Error(`${kind.name}: without a fault the client's bytes differ`);
  const first = points.filter((point) => point.phase !== 'resume');
  return [...withoutMost(first), { ...last, behind: true, phase: 'swap' }, { phase: 'resume', side: 'new', nth: 1, behind: false }];
}

/** A preflight asks much, and one exchange is like another: of each server the login, the first question and the last. */
function withoutMost(points: readonly Point[]): Point[] {
  return points.filter(({ phase, side, nth }) => {
    const most = points.filter((point) => point.phase === phase && point.side === side).length;
    return phase !== 'preflight' || nth <= 2 || nth === most;
  });
}

/** Every case of these rows, some at a time. */
export async function runMatrix(kind: Kind, points: readonly Point[], lastBefore: Point, golden: string): Promise<Cell[]> {
  const cases = points.flatMap((point) => faults.map((fault) => ({ point, fault })));
  const cells: Cell[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      const each = cases[at];
      if (each !== undefined) cells[at] = await runCase(kind, each.point, each.fault, lastBefore, golden);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return cells;
}

async function runCase(kind: Kind, point: Point, fault: Fault, lastBefore: Point, golden: string): Promise<Cell> {
  if (!exists(point, fault)) return { point, fault, outcome: null, client: '', complaint: null };
  try {
    for (let attempt = 1; ; attempt++) {
      const cell = await strike(kind, point, fault, lastBefore, golden);
      if (cell.complaint?.startsWith(NOT_STRUCK) !== true || attempt === ATTEMPTS) return cell;
    }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { point, fault, outcome: null, client: '?', complaint: words };
  }
}

/** Behind an answer nothing is late or wrong; and what the new server says to the client's own statements is passed on as it is. */
function exists(point: Point, fault: Fault): boolean {
  if (point.behind) return !['delay beyond deadline', 'silence', 'error', 'wrong answer'].includes(fault);
  return point.phase !== 'resume' || !['silence', 'error', 'wrong answer'].includes(fault);
}

async function strike(kind: Kind, point: Point, fault: Fault, lastBefore: Point, golden: string): Promise<Cell> {
  const key = deadlineOf[point.phase];
  const deadlineMs = point.phase === 'preflight' ? PREFLIGHT_MS : DEADLINE_MS;
  const rig = await Rig.start(kind, { ...far(), ...(key === undefined ? {} : { [key]: deadlineMs }) });
  const { scenario, relays } = rig;
  const sendsEarly = !point.behind && point.phase !== 'resume' && fault !== 'client gone';
  const wanted = point.behind ? lastBefore : point;
  const count = new Count();
  let isStruck = false;
  let isGone = false;
  let timer: NodeJS.Timeout | undefined;
  rig.onExchange((begun) => {
    const phase = phaseOf(rig, begun);
    if (isStruck || phase === null || count.next(phase, begun) !== wanted.nth || phase !== wanted.phase || begun.side !== wanted.side)
      return null;
    isStruck = true;
    if (sendsEarly) scenario.sendPipeline();
    if (fault === 'silence' && point.side === 'old') timer = setTimeout(() => relays.old.release(), SILENCE_MS);
    const elsewhere = (): void => {
      isGone = fault === 'client gone';
      if (isGone) scenario.vanish();
      if (fault === 'old server gone') relays.old.goDown();
      if (fault === 'new server gone') relays.new.goDown();
    };
    return { fault, behind: point.behind, delayMs: deadlineMs * 1.5, elsewhere };
  });
  const row = await rig.move();
  if (!sendsEarly && !isGone) scenario.sendPipeline();
  await scenario.hearPipeline();
  await scenario.look();
  const heard = await scenario.leave();
  clearTimeout(timer);
  await rig.expectCounted(row);
  await rig.stop();
  const client = isGone ? 'gone' : told(heard, golden);
  const complaint = isStruck ? judge(point, fault, row.outcome, client, kind) : NOT_STRUCK;
  return {
    point,
    fault,
    outcome: row.outcome,
    client,
    complaint: complaint === null ? null : `${complaint} (${row.reason ?? 'no reason'})`,
  };
}

/** The phase of an exchange, as far as it belongs to the move. */
function phaseOf(rig: Rig, { side, isOwn }: ExchangeBegun): TransferPhase | null {
  const phase = rig.phase();
  if (phase === 'settled') return side === 'new' && !isOwn ? 'resume' : null;
  return isOwn && phase !== 'preflight' ? null : phase;
}

function told({ messages, fatal, isCut }: Heard, golden: string): string {
  const text = asText(fatal === null ? messages : messages.slice(0, -1));
  if (fatal !== null && golden.startsWith(text)) return `FATAL ${fatal}`;
  if (fatal === null && !isCut && text === golden) return 'same';
  if (areRefused(messages, golden)) return 'ERROR 08…';
  return isCut ? 'cut without a word' : 'other bytes';
}

/** From some statement on, each is answered that there is no connection to the server: as a detached session should be. */
function areRefused(messages: Heard['messages'], golden: string): boolean {
  const first = messages.findIndex(({ type }) => type === 'E');
  if (first < 0 || !golden.startsWith(asText(messages.slice(0, first)))) return false;
  return messages
    .slice(first)
    .every((message) => message.type === 'Z' || (message.type === 'E' && fields(message)['C']?.startsWith('08') === true));
}

/** Null: as it should be. */
function judge({ phase, side }: Point, fault: Fault, outcome: TransferOutcome | null, client: string, kind: Kind): string | null {
  if (client.startsWith('FATAL') || client.startsWith('ERROR')) {
    if (!mayEnd(phase, side, fault, kind)) return `the client was told ${client}`;
    if (!/^ERROR|^FATAL [0-9A-Z]{5}: .{10}/.test(client)) return `the client was told only ${client}`;
  } else if (client !== 'same' && client !== 'gone') return `the client got ${client}`;
  if (outcome === 'error_fatal' && client === 'same') return 'counted as fatal, and the client lives';
  const isOnTarget = side === 'new' && ['dial', 'login', 'restore', 'verify'].includes(phase);
  const harmless: readonly Fault[] = ['delay beyond deadline', 'old server gone', 'client gone'];
  // A rehearsal looks at its result in the end; what was said on the way there does not matter.
  const isLookedAt = kind.mode === 'detached' && (fault === 'error' || fault === 'wrong answer');
  if (isOnTarget && outcome === 'success' && !harmless.includes(fault) && !isLookedAt) return 'it was moved all the same';
  return null;
}

/** Whether the session may have to end: its own server is lost as it would be without a move, or the protocol leaves no other way. */
function mayEnd(phase: TransferPhase, side: Side, fault: Fault, kind: Kind): boolean {
  const isCut = fault === 'close' || fault === 'reset';
  if (fault === 'old server gone') return phase !== 'resume';
  if (phase === 'resume' || phase === 'swap') return isCut || fault === 'new server gone';
  // Asked for its state, a CockroachDB session cannot be used again before the answer is in, and that must be one.
  if (kind.mode === 'cockroach' && phase === 'capture') return isCut || fault === 'silence' || fault === 'wrong answer';
  return side === 'old' && phase !== 'preflight' && isCut;
}

function far(): NonNullable<SwitchyardOptions['deadlines']> {
  return { ...Object.fromEntries(Object.values(deadlineOf).map((key) => [key, FAR_MS])), lateMs: LATE_MS };
}

/** The cells as a table: a row per point, a column per fault. */
export function table(kind: Kind, points: readonly Point[], cells: readonly Cell[]): string {
  const words = (cell: Cell | undefined): string => {
    if (cell === undefined || (cell.outcome === null && cell.complaint === null)) return '-';
    const outcome = { success: 'moved', error_recoverable: 'stayed', error_fatal: 'ended', refused: 'refused' }[
      cell.outcome ?? 'error_fatal'
    ];
    const client = cell.client.startsWith('FATAL') ? cell.client.slice(0, 11) : cell.client;
    return `${cell.complaint === null ? '' : '!! '}${outcome}, ${client}`;
  };
  const rows = [
    ['', ...faults],
    ...points.map((point) => [
      pointName(point),
      ...faults.map((fault) => words(cells.find((cell) => cell.point === point && cell.fault === fault))),
    ]),
  ];
  const widths = faults.map((_, at) => Math.max(...rows.map((row) => (row[at + 1] ?? '').length)));
  const first = Math.max(...rows.map(([name = '']) => name.length));
  const line = ([name = '', ...rest]: string[]): string =>
    `${name.padEnd(first)} | ${rest.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')}`;
  return `Fault matrix, ${kind.name}: outcome, what the client saw (of an unmoved session's bytes)\n${rows.map(line).join('\n')}\n`;
}
