/**
 * The timelines of sessions: kept for a session's life plus an hour, within bounds. A session costs nothing here before something
 * happens to it: how it began is read off its row when somebody asks.
 */
import {
  CallError,
  type Handlers,
  type LogEntry,
  type SessionRow,
  type SessionTimeline,
  type TimelineExport,
  type TransferRow,
} from '../contract/index.ts';
import { Timeline } from '../metrics/timeline.ts';
import type { Session } from '../session/session.ts';

/** How long, and how many at most, after their end. */
const KEPT_MS = 3_600_000;
const ENDED_KEPT = 2_000;
const TRANSFERS_KEPT = 50;

/** What happened to a session beyond its beginning. */
interface Story {
  readonly timeline: Timeline;
  readonly transfers: TransferRow[];
  /** Codes of the pins it had when it was last looked at. */
  pins: string;
}

/** What is told of a session besides: little, since thousands of them are kept. */
type Summary = Pick<
  SessionTimeline,
  'sessionId' | 'application' | 'user' | 'endpoint' | 'backend' | 'database' | 'routedBy' | 'connectedAt' | 'migrations' | 'resurrections'
> & { readonly from: string };

/** One that is over. */
interface Ended {
  readonly summary: Summary;
  readonly endedAt: number;
  story: Story | null;
  readonly why: string;
}

/** See the head of this file. */
export class Timelines {
  readonly #stories = new Map<number, Story>();
  /** Oldest end first. */
  readonly #ended = new Map<number, Ended>();
  readonly #sessions: () => ReadonlyMap<number, Session>;
  readonly #now: () => number;

  constructor(sessions: () => ReadonlyMap<number, Session>, now: () => number = Date.now) {
    this.#sessions = sessions;
    this.#now = now;
  }

  /** A line of the event log; those about a session belong to its timeline. */
  noteEvent({ sessionId, code, message }: Pick<LogEntry, 'sessionId' | 'code' | 'message'>): void {
    if (sessionId !== null && this.#sessions().has(sessionId)) this.#storyOf(sessionId).timeline.note(code, message);
  }

  /** A transfer has settled. */
  noteTransfer(row: TransferRow): void {
    const ended = this.#ended.get(row.sessionId);
    if (ended === undefined && !this.#sessions().has(row.sessionId)) return;
    const { transfers } = ended === undefined ? this.#storyOf(row.sessionId) : (ended.story ??= newStory());
    transfers.push(row);
    if (transfers.length > TRANSFERS_KEPT) transfers.shift();
  }

  /** Looked at once a second: what pins a session has come or gone. */
  notePins(rows: readonly SessionRow[]): void {
    for (const { id, pins } of rows) {
      const codes = pins.map(({ code }) => code).join(', ');
      const known = this.#stories.get(id);
      if (codes === (known?.pins ?? '')) continue;
      const story = known ?? this.#storyOf(id);
      story.pins = codes;
      if (pins.length > 0) story.timeline.note('pinned', pins.map(({ reason }) => reason).join('; '));
      else story.timeline.note('unpinned');
    }
  }

  /** A session is over. */
  noteEnd(session: Session, why: string): void {
    const story = this.#stories.get(session.id) ?? null;
    this.#stories.delete(session.id);
    this.#ended.set(session.id, { summary: summaryOf(session), endedAt: this.#now(), story, why });
    this.#forget();
  }

  /** Throws `CallError` (`unknown_session`) for one that nothing is known of any more. */
  of(sessionId: number): SessionTimeline {
    this.#forget();
    const living = this.#sessions().get(sessionId);
    if (living !== undefined) return told(summaryOf(living), this.#stories.get(sessionId) ?? null, null);
    const ended = this.#ended.get(sessionId);
    if (ended !== undefined) return told(ended.summary, ended.story, ended);
    throw new CallError('unknown_session', `Nothing is known of session ${sessionId} (any more).`, 'Timelines are kept for an hour.');
  }

  export(version: string): TimelineExport {
    this.#forget();
    const sessions = [
      ...[...this.#ended.values()].map((ended) => told(ended.summary, ended.story, ended)),
      ...[...this.#sessions().values()].map((session) => told(summaryOf(session), this.#stories.get(session.id) ?? null, null)),
    ];
    return { exportedAt: this.#now(), version, sessions };
  }

  #storyOf(sessionId: number): Story {
    const known = this.#stories.get(sessionId);
    if (known !== undefined) return known;
    const story = newStory();
    this.#stories.set(sessionId, story);
    return story;
  }

  #forget(): void {
    const oldest = this.#now() - KEPT_MS;
    for (const [id, { endedAt }] of this.#ended) {
      if (endedAt >= oldest && this.#ended.size <= ENDED_KEPT) return;
      this.#ended.delete(id);
    }
  }
}

/** The calls that hand them out. */
export function timelineCalls(timelines: Timelines, version: string): Pick<Handlers, 'session.timeline' | 'timelines.export'> {
  return {
    'session.timeline': ({ sessionId }) => timelines.of(sessionId),
    'timelines.export': () => timelines.export(version),
  };
}

function newStory(): Story {
  return { timeline: new Timeline(), transfers: [], pins: '' };
}

function summaryOf(session: Session): Summary {
  const { identity, place } = session;
  const named = identity.requestedEndpoint === null ? 'no endpoint named' : `endpoint ${identity.requestedEndpoint} named`;
  return {
    sessionId: session.id,
    application: session.application,
    user: identity.user,
    endpoint: place.endpoint,
    backend: session.backend,
    database: session.database,
    routedBy: identity.routedBy,
    connectedAt: session.connectedAt,
    migrations: session.migrations,
    resurrections: session.resurrections,
    from: `from ${identity.clientAddress}:${identity.clientPort}, ${identity.tls ?? 'plain text'}; ${named}`,
  };
}

function told({ from, ...summary }: Summary, story: Story | null, ended: Ended | null): SessionTimeline {
  return {
    ...summary,
    endedAt: ended?.endedAt ?? null,
    events: [
      { at: summary.connectedAt, name: 'connected', detail: from },
      ...(story?.timeline.entries ?? []),
      ...(ended === null ? [] : [{ at: ended.endedAt, name: 'closed', detail: ended.why }]),
    ],
    forgotten: story?.timeline.forgotten ?? 0,
    transfers: [...(story?.transfers ?? [])],
  };
}
