import type { LogEntry } from '../../../../core/contract/index.ts';

/** One line of the view: the newest of the entries that say the same, and how often it was said. */
export interface EventLine {
  entry: LogEntry;
  times: number;
}

/** What clients that try again cause over and over; their lines differ only in who tried. */
const retried: ReadonlySet<string> = new Set(['client_refused', 'protocol_violation']);

/** Whether a client was turned away, so that the view can show these alone. */
export function isRefusal(entry: Pick<LogEntry, 'code'>): boolean {
  return retried.has(entry.code);
}

/**
 * The lines of a log, newest first. Clients turned away for the same reason are one line, whatever port or session number each had:
 * an application that retries every second must not push the reason out of sight.
 */
export function groupEvents(log: readonly LogEntry[]): EventLine[] {
  const lines: EventLine[] = [];
  const groups = new Map<string, EventLine>();
  for (const entry of log.toReversed()) {
    const key = isRefusal(entry) ? `${entry.level} ${entry.code} ${withoutWho(entry.message)}` : null;
    const group = key === null ? undefined : groups.get(key);
    if (group) {
      group.times += entry.repeats;
      continue;
    }
    const line = { entry, times: entry.repeats };
    lines.push(line);
    if (key !== null) groups.set(key, line);
  }
  return lines;
}

/** The words without the port that a client happened to come from and the number that its session happened to get. */
function withoutWho(message: string): string {
  return message.replace(/\b(client (?:at|from) \S*?):\d+(?=\W)/i, '$1').replace(/^Session \d+\b/, 'Session');
}
