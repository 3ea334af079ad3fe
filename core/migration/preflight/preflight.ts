/**
 * The preflight: whether a session can move to a target and why not, without side effects. Facts about servers are read on
 * connections of the proxy's own and kept for a short while; what a session holds is read from the session when it is at a
 * safe point, and is unknown otherwise.
 */
import type { DialFailure, Login } from '../../backend/dial.ts';
import { databaseAt, loginFor } from '../../backend/login.ts';
import type { PasswordFile } from '../../backend/passfile.ts';
import type { CarryOptions, Finding, Verdict } from '../../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../../endpoints/map.ts';
import type { Session } from '../../session/session.ts';
import { compareCockroach } from '../cockroach/facts.ts';
import { heldByNotes } from '../cockroach/held.ts';
import { Rehearsals } from '../cockroach/rehearsal.ts';
import { block } from '../dialect.ts';
import { loginBlocker } from '../login-blocker.ts';
import { transferDeadlines } from '../transfer/deadlines.ts';
import { compareDefaults, compareFacts, compareShapes } from './compare.ts';
import { isSameServer } from './facts.ts';
import { NOT_CHECKED, NOT_EQUAL } from './not-checked.ts';
import { lookInto } from './look.ts';
import { differingDefaults, pinnedStartup, type Startups } from './pins.ts';
import { compareSession } from './session-findings.ts';
import { OWN_STARTUP, ServerBook, type KnownServer } from './server-book.ts';

/** A server cannot be asked: `side` says which. `blocker` is there when it lets the session's role not in, now or later. */
export class FactsFailure extends Error {
  readonly side: 'source' | 'target';
  readonly hint: string | null;
  readonly blocker: Finding | null;
  constructor(side: 'source' | 'target', cause: Error) {
    super(side === 'target' ? cause.message : `a second connection to the server it is on cannot be had: ${cause.message}`);
    this.name = 'FactsFailure';
    this.side = side;
    this.hint = (cause as Partial<DialFailure>).hint ?? null;
    const blocker = loginBlocker(cause);
    this.blocker = blocker === null ? null : { ...blocker, message: this.message };
  }
}

/** Where a session would go. */
export interface Target {
  readonly spec: EndpointSpec;
  readonly backend: string;
  readonly login: Login;
}

/** What is known of both sides. */
interface Sides {
  readonly from: KnownServer;
  readonly to: KnownServer;
}

/** Compares servers, and gives verdicts. */
export class Preflight {
  readonly #map: EndpointMap;
  readonly #allowOlderServer: boolean;
  readonly #book: ServerBook;
  readonly #rehearsals: Rehearsals;

  constructor(map: EndpointMap, options: { allowOlderServer: boolean; passwordFile: PasswordFile | null }) {
    this.#map = map;
    this.#allowOlderServer = options.allowOlderServer;
    this.#book = new ServerBook(options.passwordFile);
    this.#rehearsals = new Rehearsals(options.passwordFile);
  }

  /** Where `session` would go when it moves to `spec`, which need not stand in the map. */
  target(session: Session, spec: EndpointSpec): Target {
    const { identity, place } = session;
    const database = databaseAt(spec, place.defaultDatabase, session.database);
    return {
      spec,
      backend: backendId(spec),
      login: loginFor(spec, identity.user, database, identity.startup, identity.credential, place.login.clientAddress),
    };
  }

  /** What speaks against the move from the outside: no server is asked. */
  obvious(session: Session, target: Target): Finding[] {
    const findings: Finding[] = [];
    if (session.identity.replication) findings.push(block('replication', 'a replication connection belongs to its server and cannot move'));
    if (session.backend === target.backend && session.database === target.login.database)
      findings.push(block('same_backend', `it is already on ${target.backend}`));
    else if (session.role !== target.login.role) {
      findings.push(
        block(
          'other_role',
          `it runs as role "${session.role}", and endpoint ${target.spec.id} logs in as "${target.login.role}"`,
          'Give both endpoints the same user, or none.',
        ),
      );
    }
    return findings;
  }

  /** What the two servers' facts say; rejects with `FactsFailure` when one of them cannot be asked. */
  async compare(session: Session, target: Target): Promise<Finding[]> {
    const { from, to } = await this.#sides(session, target);
    if (from.kind !== to.kind) {
      const name = (kind: KnownServer['kind']): string => (kind === 'postgres' ? 'PostgreSQL' : 'CockroachDB');
      return [block('other_kind', `the target is a ${name(to.kind)} server, and the session is on ${name(from.kind)}`)];
    }
    if (from.kind === 'cockroach' && to.kind === 'cockroach') return compareCockroach(from, to, target.login);
    if (from.kind === 'cockroach' || to.kind === 'cockroach') return [];
    // Candidates that no statement of the client's mentions: a capture asks for them by name.
    for (const name of from.shape?.customNames ?? []) session.forwarder.journal.customNames.add(name);
    const findings = compareFacts(from.facts, to.facts, { allowOlderServer: this.#allowOlderServer });
    const isSame = isSameServer(from.facts, to.facts) && session.database === target.login.database;
    if (isSame) return findings;
    const pinnedBy = session.lease.mode === 'session' ? 'startup' : 'setting';
    return [...findings, ...compareDefaults(from.facts, to.facts, startupsOf(session), pinnedBy), ...compareShapes(from.shape, to.shape)];
  }

  /**
   * What a move has to be made with. The target's login is one that gives the session the defaults it has: those that differ are pinned. In
   * transaction mode they are set instead, because server connections are shared. Rejects like `compare`.
   */
  async arrangements(session: Session, target: Target): Promise<{ target: Target; dblinkSchema: string | null }> {
    const { from, to } = await this.#sides(session, target);
    if (from.kind === 'cockroach' || to.kind === 'cockroach') return { target, dblinkSchema: null };
    const dblinkSchema = from.facts.extensions.get('dblink')?.schema ?? null;
    if (session.lease.mode !== 'session') return { target, dblinkSchema };
    const { login } = target;
    const startup = pinnedStartup(login.startup, differingDefaults(from.facts, to.facts, startupsOf(session)));
    return { target: startup === login.startup ? target : { ...target, login: { ...login, startup } }, dblinkSchema };
  }

  /** The verdict for one session, with what would be carried along. Never rejects but for an unknown endpoint. */
  async verdict(session: Session, to: string, carry: CarryOptions): Promise<Verdict> {
    const target = this.target(session, this.#map.require(to));
    const findings = this.obvious(session, target);
    if (session.transfer !== null) findings.push(block('transferring', `it is already being moved to ${session.transfer.to}`));
    if (findings.length === 0) {
      try {
        findings.push(...(await this.compare(session, target)));
      } catch (error) {
        if (!(error instanceof FactsFailure)) throw error;
        findings.push(error.blocker ?? block('unreachable', error.message, error.hint));
      }
    }
    const isBlocked = (): boolean => findings.some(({ level }) => level === 'block');
    // A server that hands out its sessions can be tried without touching this one.
    if (!isBlocked() && session.server?.parameters.has('crdb_version') === true) {
      findings.push(...heldByNotes(session.forwarder.journal.held));
      findings.push(...(await this.#rehearsals.of(session.place.login, target.login, OWN_STARTUP, transferDeadlines())));
    }
    const waitsFor = session.forwarder.unsafeReason();
    if (!isBlocked() && waitsFor === null) findings.push(...(await this.#look(session, target, carry, findings)));
    findings.push(NOT_CHECKED, NOT_EQUAL);
    const blocker = findings.find((finding) => finding.level === 'block');
    if (blocker !== undefined) return { sessionId: session.id, verdict: 'refused', reason: blocker.message, findings };
    return { sessionId: session.id, verdict: waitsFor === null ? 'ready' : 'waits', reason: waitsFor, findings };
  }

  /** What is known of servers is asked anew: after a change of the map. */
  forget(): void {
    this.#book.forget();
    this.#rehearsals.forget();
  }

  /** Looks into an idle session; the servers have just been asked, so that their facts are at hand. */
  async #look(session: Session, target: Target, carry: CarryOptions, known: readonly Finding[]): Promise<readonly Finding[]> {
    const { to } = await this.#sides(session, target);
    const { dblinkSchema } = await this.arrangements(session, target);
    const { state, findings: all } = await lookInto(session, carry, dblinkSchema, transferDeadlines());
    // Inside one cluster and database notifications go on reaching it.
    const isSameWorld = known.some(({ code }) => code === 'same_server') && session.database === target.login.database;
    const findings = isSameWorld ? all.filter(({ code }) => code !== 'channel') : all;
    return state === null || to.kind === 'cockroach' ? findings : [...findings, ...compareSession(state, to.facts)];
  }

  async #sides(session: Session, target: Target): Promise<Sides> {
    const [from, to] = await Promise.allSettled([this.#book.look(session.place.login), this.#book.look(target.login)]);
    if (to.status === 'rejected') throw new FactsFailure('target', to.reason as Error);
    if (from.status === 'rejected') throw new FactsFailure('source', from.reason as Error);
    return { from: from.value, to: to.value };
  }
}

function startupsOf({ identity, place }: Session): Startups {
  return { client: identity.startup, present: place.login.startup };
}
