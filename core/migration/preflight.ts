/**
 * The preflight: whether a session can move to a target and why not, without side effects. Facts about servers are read on
 * connections of the proxy's own and kept for a short while; what a session holds is read from the session when it is at a
 * safe point, and is unknown otherwise.
 */
import { credentialKey } from '../backend/credential.ts';
import { dial, type DialFailure, type Login } from '../backend/dial.ts';
import { databaseAt, loginFor } from '../backend/login.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { Finding, Verdict } from '../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../endpoints/map.ts';
import type { Session } from '../session/session.ts';
import { tlsKey } from '../tls/backend-tls.ts';
import { block } from './dialect.ts';
import { loginBlocker } from './login-blocker.ts';
import { compareFacts, readFacts, type ServerFacts } from './postgres/facts.ts';
import { postgresDialect } from './postgres/dialect.ts';
import { transferDeadlines } from './transfer/deadlines.ts';

const FACTS_KEPT_MS = 15_000;
const FACTS_DEADLINE_MS = 5_000;
const NOTHING_CARRIED = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };
/** Startup parameters of the proxy's own connections; never a client's (pooling.md 3.2, CVE-2025-12819). */
const OWN_STARTUP: ReadonlyMap<string, string> = new Map([
  ['application_name', 'switchyard'],
  ['client_encoding', 'UTF8'],
]);

/** What no catalog shows: the move cannot prove these (postgres-session-state.md section 16). */
const NOT_CHECKED: Finding = {
  level: 'info',
  code: 'not_checked',
  message:
    'not checked: currval and lastval of sequences, the random seed, session data of PL/Perl, PL/Python and PL/Tcl, unnamed dblink connections, and custom settings made by functions',
  hint: null,
};

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

/** Reads and keeps facts, and gives verdicts. */
export class Preflight {
  readonly #map: EndpointMap;
  readonly #allowOlderServer: boolean;
  readonly #passwordFile: PasswordFile | null;
  readonly #facts = new Map<string, { at: number; facts: Promise<ServerFacts> }>();

  constructor(map: EndpointMap, options: { allowOlderServer: boolean; passwordFile: PasswordFile | null }) {
    this.#map = map;
    this.#allowOlderServer = options.allowOlderServer;
    this.#passwordFile = options.passwordFile;
  }

  /** Where `session` would go when it moves to `spec`, which need not stand in the map. */
  target(session: Session, spec: EndpointSpec): Target {
    const { identity, place } = session;
    const database = databaseAt(spec, place.defaultDatabase, session.database);
    return { spec, backend: backendId(spec), login: loginFor(spec, identity.user, database, identity.startup, identity.credential) };
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
    const [ours, theirs] = await Promise.allSettled([
      this.#factsOf({ ...session.place.login, startup: OWN_STARTUP }),
      this.#factsOf({ ...target.login, startup: OWN_STARTUP }),
    ]);
    if (theirs.status === 'rejected') throw new FactsFailure('target', theirs.reason as Error);
    if (ours.status === 'rejected') throw new FactsFailure('source', ours.reason as Error);
    return compareFacts(ours.value, theirs.value, { allowOlderServer: this.#allowOlderServer });
  }

  /** The verdict for one session. Never rejects but for an unknown endpoint. */
  async verdict(session: Session, to: string): Promise<Verdict> {
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
    const waitsFor = session.forwarder.unsafeReason();
    if (findings.every((finding) => finding.level !== 'block') && waitsFor === null) findings.push(...(await this.#look(session)));
    findings.push(NOT_CHECKED);
    const blocker = findings.find((finding) => finding.level === 'block');
    if (blocker !== undefined) return { sessionId: session.id, verdict: 'refused', reason: blocker.message, findings };
    return { sessionId: session.id, verdict: waitsFor === null ? 'ready' : 'waits', reason: waitsFor, findings };
  }

  /** Facts of one server, database and role; asked anew after a while, after a failure, and after a change of the map. */
  forget(): void {
    this.#facts.clear();
  }

  /** Looks into an idle session: a hold of about two milliseconds, nothing else. */
  async #look(session: Session): Promise<Finding[]> {
    const { forwarder } = session;
    const { server } = forwarder;
    if (server === null || session.transfer !== null || forwarder.link.suspended) return [];
    forwarder.suspend({ onDeparture: () => {}, onServerLost: () => {} });
    const source = {
      server,
      journal: forwarder.journal,
      leavesUnnamed: forwarder.link.names !== null,
      carry: NOTHING_CARRIED,
      onNotification: (frame: Buffer) => forwarder.deliverNotification(frame),
    };
    const run = postgresDialect.capture(source, transferDeadlines(), false);
    try {
      return postgresDialect.judge(await run.answer, source);
    } catch (error) {
      return [block('not_inspectable', error instanceof Error ? error.message : String(error))];
    } finally {
      await run.quiet;
      if (server.isOpen) forwarder.resume();
      else forwarder.serverLost('the server closed the connection');
    }
  }

  #factsOf(login: Login): Promise<ServerFacts> {
    const key = JSON.stringify([login.backend.id, login.database, login.role, credentialKey(login.credential), tlsKey(login.tls)]);
    const known = this.#facts.get(key);
    if (known !== undefined && Date.now() - known.at < FACTS_KEPT_MS) return known.facts;
    const facts = askFacts(login, this.#passwordFile);
    this.#facts.set(key, { at: Date.now(), facts });
    facts.catch(() => this.#facts.delete(key));
    return facts;
  }
}

async function askFacts(login: Login, passwordFile: PasswordFile | null): Promise<ServerFacts> {
  const connection = await dial(login, { passwordFile });
  try {
    return await readFacts(connection, FACTS_DEADLINE_MS);
  } finally {
    connection.end();
  }
}
