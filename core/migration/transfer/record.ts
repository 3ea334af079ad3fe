/** What is told of a transfer: its phases, the holds of its client, its one outcome. */
import type { Finding, TransferDialect, TransferMode, TransferOutcome, TransferPhase, TransferRow } from '../../contract/index.ts';
import type { Session } from '../../session/session.ts';

/** See the head of this file. */
export class TransferRecord {
  readonly id: number;
  readonly requestedAt = Date.now();
  mode: TransferMode | null = null;
  dialect: TransferDialect | null = null;
  toBackend = '';
  stateBytes: number | null = null;
  attempts = 0;
  readonly findings: Finding[] = [];
  readonly #operationId: number;
  readonly #session: Session;
  readonly #to: string;
  readonly #from: { readonly endpoint: string; readonly backend: string };
  readonly #onChange: () => void;
  readonly #phases: { name: TransferPhase; ms: number }[] = [];
  readonly #holdsMs: number[] = [];
  #phase: TransferPhase = 'preflight';
  #phaseStarted = performance.now();
  #heldBytes = 0;
  #pauseMs: number | null = null;
  #outcome: TransferOutcome | null = null;
  #reason: string | null = null;
  #settledAt: number | null = null;

  constructor(id: number, operationId: number, session: Session, to: string, onChange: () => void) {
    this.id = id;
    this.#operationId = operationId;
    this.#session = session;
    this.#to = to;
    this.#from = { endpoint: session.place.endpoint, backend: session.backend };
    this.#onChange = onChange;
  }

  get phase(): TransferPhase {
    return this.#phase;
  }

  get outcome(): TransferOutcome | null {
    return this.#outcome;
  }

  get pauseMs(): number | null {
    return this.#pauseMs;
  }

  /** From the request to the settlement. */
  get latencyMs(): number {
    return (this.#settledAt ?? Date.now()) - this.requestedAt;
  }

  /** The next phase begins. */
  begin(phase: TransferPhase): void {
    const now = performance.now();
    this.#phases.push({ name: this.#phase, ms: now - this.#phaseStarted });
    this.#phaseStarted = now;
    this.#phase = phase;
    this.#onChange();
  }

  /** A hold of the client's input is over. `bytes`: what it had sent by then; `swapped`: the swap ended it. */
  held(ms: number, bytes: number, swapped: boolean): void {
    this.#holdsMs.push(ms);
    this.#heldBytes = Math.max(this.#heldBytes, bytes);
    const noticed = bytes > 0 || swapped ? ms : 0;
    this.#pauseMs = Math.max(this.#pauseMs ?? 0, noticed);
  }

  /** It moved without a hold. */
  unheld(): void {
    this.#pauseMs ??= 0;
  }

  /** Settles it; only the first time counts. */
  settle(outcome: TransferOutcome, reason: string | null): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#reason = reason;
    this.#settledAt = Date.now();
    this.begin('settled');
  }

  row(): TransferRow {
    return {
      id: this.id,
      operationId: this.#operationId,
      sessionId: this.#session.id,
      application: this.#session.application,
      fromEndpoint: this.#from.endpoint,
      toEndpoint: this.#to,
      fromBackend: this.#from.backend,
      toBackend: this.toBackend,
      phase: this.#phase,
      outcome: this.#outcome,
      reason: this.#reason ?? (this.#phase === 'armed' ? this.#session.forwarder.unsafeReason() : null),
      requestedAt: this.requestedAt,
      settledAt: this.#settledAt,
      mode: this.mode,
      dialect: this.dialect,
      phases: this.#phases,
      holdsMs: this.#holdsMs,
      heldBytes: this.#heldBytes,
      attempts: this.attempts,
      pauseMs: this.#pauseMs,
      stateBytes: this.stateBytes,
      findings: this.findings,
    };
  }
}
