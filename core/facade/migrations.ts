/** What moves sessions, put together: the planner, the balancer, and the calls for them. */
import type { PasswordFile } from '../backend/passfile.ts';
import type { Settings } from '../contract/index.ts';
import type { EventLog } from '../metrics/log.ts';
import { Balancer } from '../migration/planner/balancer.ts';
import { Planner, type PlannerOptions } from '../migration/planner/planner.ts';
import { migrationCalls, type MigrationCalls } from './migration-calls.ts';

/** What it is put together from. */
export interface MigrationsParts extends Omit<PlannerOptions, 'settings' | 'onMoved'> {
  readonly passwordFile: PasswordFile | null;
  readonly log: EventLog;
  /** Of the moment. */
  settings(): Settings;
  /** The backend did not answer when it was last asked. */
  isDown(backend: string): boolean;
  /** A line of the map was changed by an operation. */
  onRemapped(): void;
}

/** See the head of this file. */
export class Migrations {
  readonly planner: Planner;
  readonly calls: MigrationCalls;
  readonly #balancer: Balancer;

  constructor(parts: MigrationsParts) {
    const { sessions, map, redirects } = parts;
    this.planner = new Planner({
      ...parts,
      settings: () => parts.settings().migration,
      onTransfer: (row) => parts.onTransfer(row),
      onOperation: (row) => parts.onOperation(row),
      onMoved: (session) => this.#balancer.moved(session),
    });
    this.#balancer = new Balancer({
      sessions,
      map,
      redirects,
      settings: () => parts.settings().balancing,
      isDown: (backend) => parts.isDown(backend),
      move: (group, to, chosen, withinMs) => this.planner.balance(group, to, chosen, withinMs),
    });
    map.onChange(() => this.planner.lookAgain());
    this.calls = migrationCalls({ ...parts, planner: this.planner, onRemapped: () => parts.onRemapped() });
  }

  /** The settings have changed. */
  apply(): void {
    this.#balancer.apply();
    this.planner.lookAgain();
  }

  /** A backend that was down answers again. */
  cameBack(): void {
    this.#balancer.look();
    this.planner.lookAgain();
  }

  stop(): void {
    this.#balancer.stop();
    this.planner.close();
  }
}
