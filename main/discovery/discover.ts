/** Finds the servers of this machine and offers them; nothing is mapped. */
import type { FoundServer } from '../../core/contract/index.ts';
import type { PasswordFile } from '../../core/backend/passfile.ts';
import type { EndpointSpec } from '../../core/endpoints/map.ts';
import type { DraftPasswords } from '../endpoint-import/draft-passwords.ts';
import { draftOf, Names } from '../endpoint-import/drafts.ts';
import { candidates, type Candidate, type Where } from './candidates.ts';
import { probe, type Answer } from './probe.ts';

/** What a search needs. */
export interface Search {
  readonly mapped: readonly EndpointSpec[];
  /** Ports of our own, that would answer. */
  readonly without: readonly number[];
  readonly passwordFile: PasswordFile | null;
  readonly passwords: DraftPasswords;
  readonly where?: Where;
}

const AT_ONCE = 8;
/** The answer comes by then, with whatever was found, milliseconds. */
const WITHIN_MS = 9_000;

/** Those that answer first, each server once. Never rejects. */
export async function discover({ mapped, without, passwordFile, passwords, where }: Search): Promise<FoundServer[]> {
  const places = (await candidates(where)).filter(({ via, port }) => via === 'socket' || !without.includes(port));
  const answered: { candidate: Candidate; answer: Answer }[] = [];
  const waiting = [...places];
  const worker = async (until: number): Promise<void> => {
    for (let candidate = waiting.shift(); candidate !== undefined && Date.now() < until; candidate = waiting.shift()) {
      const answer = await probe(candidate, passwordFile);
      if (answer !== null) answered.push({ candidate, answer });
    }
  };
  const until = Date.now() + WITHIN_MS - 3_500;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, WITHIN_MS)));
  await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, () => worker(until))), late]);
  clearTimeout(timer);
  const names = new Names(mapped.map(({ id }) => id));
  return onceEach(answered)
    .toSorted((a, b) => Number(b.answer.answers) - Number(a.answer.answers) || a.candidate.port - b.candidate.port)
    .map(({ candidate: { host, port, via }, answer: { spec, answers, message, hint, version } }) => {
      const draft = draftOf({ name: `local-${port}`, spec, notes: [] }, mapped, names, passwords);
      const alike = mapped.find((each) => each.port === port && (each.host === host || (via === 'port' && isLoopbackName(each.host))));
      return { host, port, via, answers, message, hint, version, draft: { ...draft, mapped: alike?.id ?? draft.mapped } };
    });
}

/** A server has the same number for its socket and its port: the way that lets us in is offered, by port if both do. */
function onceEach<T extends { candidate: Candidate; answer: Answer }>(found: readonly T[]): T[] {
  return found.filter((one) => {
    const twin = found.find(
      (other) => other !== one && other.candidate.port === one.candidate.port && other.candidate.via !== one.candidate.via,
    );
    if (twin === undefined) return true;
    if (twin.answer.answers !== one.answer.answers) return one.answer.answers;
    return one.candidate.via === 'port';
  });
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '::1';
}
