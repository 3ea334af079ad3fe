/** The restarts of servers that are under way: one per backend. */
import { CallError, type Handlers, type OperationRow } from '../contract/index.ts';
import { loginFor } from '../backend/login.ts';
import { backendId, type EndpointMap } from '../endpoints/map.ts';
import type { Planner } from '../migration/planner/planner.ts';
import { Restart, type RestartParts } from './restart.ts';

/** What they work on. */
export interface RestartsParts extends Omit<RestartParts, 'login'> {
  readonly map: EndpointMap;
  readonly planner: Planner;
}

/** See the head of this file. */
export class Restarts {
  readonly handlers: Pick<Handlers, 'backend.restart'> = {
    'backend.restart': ({ backend, withinMs }) => ({ operationId: this.begin(backend, withinMs).row.id }),
  };
  readonly #parts: RestartsParts;
  readonly #running = new Map<string, Restart>();

  constructor(parts: RestartsParts) {
    this.#parts = parts;
  }

  /** See the call of that name. Throws `CallError`: `unknown_backend`, `restarting`. */
  begin(backend: string, withinMs: number): Restart {
    const { map, sessions, planner } = this.#parts;
    const spec = map.list().find((each) => backendId(each) === backend);
    if (spec === undefined && ![...sessions.values()].some((session) => session.backend === backend)) {
      throw new CallError('unknown_backend', `No endpoint points at ${backend}, and no session is there.`);
    }
    if (this.#running.get(backend)?.isOver === false) {
      throw new CallError('restarting', `A restart of ${backend} is under way already.`, 'Cancel that operation first.');
    }
    const login = spec === undefined ? null : loginFor(spec, 'postgres', spec.database, new Map([['application_name', 'switchyard']]));
    const restart = planner.host((id) => new Restart(id, backend, withinMs, { ...this.#parts, login: () => login }));
    this.#running.set(backend, restart);
    restart.start();
    return restart;
  }

  /** When all its sessions are held, or it is over. Throws `CallError` (`unknown_operation`). */
  async restartable(operationId: number): Promise<OperationRow> {
    const restart = [...this.#running.values()].find(({ row }) => row.id === operationId);
    if (restart === undefined) throw new CallError('unknown_operation', `There is no restart ${operationId}.`);
    await restart.ready;
    return restart.row;
  }

  /** Gives all of them up. */
  stop(): void {
    for (const restart of this.#running.values()) restart.cancel();
  }
}
