/**
 * Who may come in: the limits on clients at the same time, and the time a login may take. The console is always open, so that an
 * operator can look at what fills the place.
 */
import type { Settings } from '../contract/index.ts';
import { ClientRefusal } from './incoming.ts';

/** How many holders a refusal names. */
const NAMED = 3;

/** What a client occupies while it is here. */
interface Place {
  /** The name it goes by now. */
  readonly application: () => string;
  endpoint: string | null;
  user: string | null;
}

/** A client that was let in; `leave` must be called when it goes, and may be called again. */
export interface Admitted {
  /** Takes a place at an endpoint, under a name that was proven. Throws `ClientRefusal` (53300). */
  assign(endpoint: string, user: string): void;
  leave(): void;
}

/** See the head of this file. */
export class Admission {
  readonly #limits: () => Settings['limits'];
  readonly #places = new Set<Place>();

  constructor(limits: () => Settings['limits']) {
    this.#limits = limits;
  }

  /** Clients that are here, those at their login included. */
  get count(): number {
    return this.#places.size;
  }

  /** A client's startup packet is in. Throws `ClientRefusal` (53300). */
  admit(application: () => string): Admitted {
    this.#check(this.#limits().clients, 'limits.clients', '', () => true);
    const place: Place = { application, endpoint: null, user: null };
    this.#places.add(place);
    return {
      assign: (endpoint, user) => {
        const { clientsPerEndpoint, clientsPerUser } = this.#limits();
        this.#check(clientsPerEndpoint, 'limits.clientsPerEndpoint', ` at endpoint "${endpoint}"`, (other) => other.endpoint === endpoint);
        this.#check(clientsPerUser, 'limits.clientsPerUser', ` of user "${user}"`, (other) => other.user === user);
        place.endpoint = endpoint;
        place.user = user;
      },
      leave: () => this.#places.delete(place),
    };
  }

  #check(limit: number, setting: string, where: string, belongs: (place: Place) => boolean): void {
    if (limit === 0) return;
    // Counting goes through everybody, which the total can be told without.
    if (this.#places.size < limit) return;
    const holders = [...this.#places].filter(belongs);
    if (holders.length < limit) return;
    throw new ClientRefusal(
      '53300',
      `sorry, too many clients already${where}: ${holders.length} are connected, at most ${limit} may be`,
      `Close some of them, or raise ${setting} in the settings of Switchyard.`,
      { detail: `Held by ${topHolders(holders)}.` },
    );
  }
}

/** `billing (12), psql (2), and 3 others`. */
function topHolders(places: readonly Place[]): string {
  const counts = new Map<string, number>();
  for (const { application } of places) counts.set(application(), (counts.get(application()) ?? 0) + 1);
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const named = sorted.slice(0, NAMED).map(([name, count]) => `${name === '' ? 'unnamed applications' : name} (${count})`);
  const rest = sorted.slice(NAMED).reduce((sum, [, count]) => sum + count, 0);
  return rest === 0 ? named.join(', ') : `${named.join(', ')}, and ${rest} others`;
}
