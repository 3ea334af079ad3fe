/**
 * Keeps the numbers of sessions on the backends of a group alike (cockroach-migration.md section 7). Those that are in use and those that are
 * not are counted apart, by when each last did something. Off without groups.
 */
import type { BalancingSettings } from '../../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../../endpoints/map.ts';
import type { Redirects } from '../../endpoints/redirects.ts';
import type { Session } from '../../session/session.ts';
import { destinations, inThisRound, overload, type Load, type Random } from './balance-plan.ts';
import type { RunningOperation } from './planner.ts';

/** What the balancer needs. */
export interface BalancerOptions {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly redirects: Redirects;
  /** Of the moment. */
  settings(): BalancingSettings;
  /** The backend did not answer when it was last asked. */
  isDown(backend: string): boolean;
  /** See `Planner.balance`. */
  move(group: string, to: string, sessions: readonly Session[], withinMs: number): RunningOperation;
  readonly random?: Random;
}

/** A session that has done nothing for so long is idle, milliseconds. */
const IDLE_MS = 30_000;
/** At least so long between two rounds of one group, milliseconds. */
const LEAST_MS = 15_000;

type Group = BalancingSettings['groups'][number];

/** See the head of this file. */
export class Balancer {
  readonly #options: BalancerOptions;
  readonly #random: Random;
  /** Since when a session is where it is, if it was moved, and when it last could not be. */
  readonly #since = new WeakMap<Session, number>();
  /** When the last round of a group began, and whether it is under way. */
  readonly #rounds = new Map<string, { readonly at: number; isRunning: boolean }>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** The settings have changed: the clock starts anew, with a round for each group that is due. */
  apply(): void {
    this.stop();
    this.#isStopped = false;
    const { groups, everySeconds } = this.#options.settings();
    for (const name of this.#rounds.keys()) if (groups.every((group) => group.name !== name)) this.#rounds.delete(name);
    if (groups.length === 0) return;
    this.#timer = setInterval(() => this.look(), everySeconds * 1000);
    this.#timer.unref();
    this.look();
  }

  /** A round for each group that is due; asked for besides the clock when a backend comes or comes back. */
  look(): void {
    if (this.#isStopped) return;
    for (const group of this.#options.settings().groups) this.#round(group);
  }

  /** A session is on another backend. */
  moved(session: Session): void {
    this.#since.set(session, Date.now());
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#isStopped = true;
  }

  #round(group: Group): void {
    const now = Date.now();
    const last = this.#rounds.get(group.name);
    // What the last one has queued is not counted yet where it goes.
    if (last !== undefined && (last.isRunning || now - last.at < LEAST_MS)) return;
    const { rate, threshold, everySeconds } = this.#options.settings();
    const targets = this.#targets(group);
    if (targets.size < 2) return;
    const sessions = this.#sessionsOf(group, targets);
    const going = new Map<string, Session[]>();
    for (const wanted of [true, false]) {
      const loads = this.#loads(
        sessions.filter((session) => isActive(session, now) === wanted),
        targets,
        now,
      );
      const moving = inThisRound(overload(loads, threshold, this.#random), rate, this.#random);
      for (const [backend, part] of destinations(moving, loads, (session) => session.backend)) {
        going.set(backend, [...(going.get(backend) ?? []), ...part]);
      }
    }
    if (going.size === 0) return;
    const round = { at: now, isRunning: true };
    this.#rounds.set(group.name, round);
    const operations = [...going].map(([backend, part]) =>
      this.#options.move(group.name, targets.get(backend)?.id ?? '', part, everySeconds * 1000),
    );
    void Promise.all(operations.map(({ settled }) => settled)).then(() => {
      round.isRunning = false;
      // Who could not move is not asked again at once, nor instead of others.
      for (const part of going.values()) for (const session of part) this.#since.set(session, Date.now());
    });
  }

  /** The backends of a group that may have sessions, each with the endpoint that leads there. */
  #targets({ endpoints }: Group): Map<string, EndpointSpec> {
    const { map, redirects } = this.#options;
    const targets = new Map<string, EndpointSpec>();
    for (const id of endpoints) {
      const spec = map.get(id);
      if (spec === undefined) continue;
      const backend = backendId(spec);
      if (!targets.has(backend) && redirects.of(backend) === null && !this.#options.isDown(backend)) targets.set(backend, spec);
    }
    return targets;
  }

  #sessionsOf({ endpoints }: Group, targets: ReadonlyMap<string, unknown>): Session[] {
    const ids = new Set(endpoints);
    return [...this.#options.sessions.values()].filter(
      ({ place, backend, identity }) => ids.has(place.endpoint) && targets.has(backend) && !identity.replication,
    );
  }

  #loads(sessions: readonly Session[], targets: ReadonlyMap<string, unknown>, now: number): Load<Session>[] {
    const stayMs = this.#options.settings().minStaySeconds * 1000;
    return [...targets.keys()].map((backend) => {
      const there = sessions.filter((session) => session.backend === backend);
      const movable = there.filter(
        (session) => session.transfer === null && now - (this.#since.get(session) ?? session.connectedAt) >= stayMs,
      );
      return { backend, count: there.length, movable };
    });
  }
}

/** Whether anything has gone either way lately. */
function isActive({ forwarder }: Session, now: number): boolean {
  const { link } = forwarder;
  return link.expected.outstanding > 0 || now - link.busySince < IDLE_MS;
}
