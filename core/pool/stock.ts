/** The open connections of a pool: which state each is in, and which of the idle ones suits whom. */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Member, MemberState } from './member.ts';
import { fits, type Want } from './want.ts';

/** See the head of this file. */
export class Stock {
  readonly #members = new Map<ServerConnection, Member>();
  /** The one that was unused for the longest time first. */
  readonly #idle: Member[] = [];
  readonly #counts: Record<MemberState, number> = { active: 0, idle: 0, resetting: 0, checking: 0, cancelling: 0, closed: 0 };

  get size(): number {
    return this.#members.size;
  }

  /** How many connections are in that state; of closed ones, all since start. */
  count(state: MemberState): number {
    return this.#counts[state];
  }

  get(connection: ServerConnection): Member | undefined {
    return this.#members.get(connection);
  }

  all(): Iterable<Member> {
    return this.#members.values();
  }

  /** As they stand now. */
  idle(): readonly Member[] {
    return [...this.#idle];
  }

  get oldestIdle(): Member | undefined {
    return this.#idle[0];
  }

  add(member: Member): void {
    this.#members.set(member.connection, member);
    this.#counts[member.state]++;
  }

  /** Changes the state of a connection; a closed one is forgotten. */
  enter(member: Member, state: MemberState): void {
    if (member.state === 'idle') {
      const at = this.#idle.lastIndexOf(member);
      if (at >= 0) this.#idle.splice(at, 1);
    }
    this.#counts[member.state]--;
    this.#counts[state]++;
    member.state = state;
    member.since = Date.now();
    if (state === 'idle') this.#idle.push(member);
    else if (state === 'closed') this.#members.delete(member.connection);
  }

  /** The idle connection that suits best as it is, the one used last among equals; not those unused since `staleBefore`. */
  pick(want: Want, key: string, staleBefore: number): Member | null {
    let best: Member | null = null;
    let least = Infinity;
    for (let i = this.#idle.length - 1; i >= 0 && least > 0; i--) {
      const member = this.#idle[i];
      if (member === undefined || member.since < staleBefore) break;
      if (member.key !== key || (member.kept && want.clean)) continue;
      const cost = fits(want, member.connection);
      if (cost === null || cost >= least) continue;
      best = member;
      least = cost;
    }
    return best;
  }

  /** The idle connection used last that would suit once it is checked or reset. */
  candidate(want: Want, key: string): Member | undefined {
    return this.#idle.findLast((member) => member.key === key && fits(want, member.connection) !== null);
  }

  has(key: string): boolean {
    for (const member of this.#members.values()) if (member.key === key) return true;
    return false;
  }

  /** Those that come back by themselves. */
  coming(): Member[] {
    const { resetting, checking, cancelling } = this.#counts;
    return resetting + checking + cancelling === 0 ? [] : [...this.#members.values()].filter((member) => member.isComing);
  }
}
