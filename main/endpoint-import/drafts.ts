/** Drafts of endpoints from what was read or found: with names of their own, and without passwords. */
import type { CallParsed, CallReply, EndpointDraft, ImportProblem, ImportSource } from '../../core/contract/index.ts';
import { backendId, formatBackendUrl, type BackendSpec, type EndpointSpec } from '../../core/endpoints/map.ts';
import { readConnectionStrings } from './connection-strings.ts';
import type { DraftPasswords } from './draft-passwords.ts';
import type { Entry, ReadText } from './entry.ts';
import { readPasswordFile } from './password-file.ts';
import { readServiceFile } from './service-file.ts';

const readers: Record<ImportSource, (text: string) => ReadText> = {
  url: readConnectionStrings,
  pgpass: readPasswordFile,
  service: readServiceFile,
};

const MOST_DRAFTS = 200;

/** See `endpoints.import`. `mapped`: the endpoint map as it is. */
export function importDrafts(
  { source, text }: CallParsed<'endpoints.import'>,
  mapped: readonly EndpointSpec[],
  passwords: DraftPasswords,
): CallReply<'endpoints.import'> {
  const { entries, problems } = readers[source](text);
  const names = new Names(mapped.map(({ id }) => id));
  const drafts = entries.slice(0, MOST_DRAFTS).map((entry) => draftOf(entry, mapped, names, passwords));
  const more: ImportProblem[] =
    entries.length > MOST_DRAFTS
      ? [{ line: null, message: `Only the first ${MOST_DRAFTS} entries were read.`, hint: 'Import the rest from a smaller file.' }]
      : [];
  const nothing: ImportProblem[] =
    entries.length === 0 && problems.length === 0
      ? [{ line: null, message: 'There is no entry in it.', hint: 'Comments and empty lines do not count.' }]
      : [];
  return { drafts, problems: [...problems, ...more, ...nothing] };
}

/** Makes the draft of one entry. */
export function draftOf(entry: Entry, mapped: readonly EndpointSpec[], names: Names, passwords: DraftPasswords): EndpointDraft {
  const { spec, notes } = entry;
  const same = mapped.find((each) => backendId(each) === backendId(spec) && each.database === spec.database && each.user === spec.user);
  return {
    id: names.free(entry.name, spec),
    url: formatBackendUrl(spec),
    passwordFrom: spec.password === null ? null : passwords.keep(spec.password),
    mapped: same?.id ?? null,
    notes: [...notes],
  };
}

/** Gives names that nobody else has. */
export class Names {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** `wanted` as far as it fits, else the host's; with a number behind it when it is taken. */
  free(wanted: string, { host, port }: Pick<BackendSpec, 'host' | 'port'>): string {
    const stem = fitting(wanted) || fitting(host) || `server-${port}`;
    let name = stem;
    for (let count = 2; this.#taken.has(name); count++) name = `${stem.slice(0, 57)}-${count}`;
    this.#taken.add(name);
    return name;
  }
}

function fitting(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, 60)
    .replace(/[-_]+$/, '');
}
