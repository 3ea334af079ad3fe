import { savedSettings } from '../../../../core/contract/index.ts';
import type { CallRequest, SettingsView } from '../../../../core/contract/index.ts';
import { formatCount } from '../../lib/format.ts';
import { movesDraftOf, movesErrors, movesInput, movesPaths } from './draft-moves.ts';
import type { MovesDraft } from './draft-moves.ts';
import { poolingDraftOf, poolingErrors, poolingFields, poolingInput, poolingPaths } from './draft-pooling.ts';
import type { PoolingDraft } from './draft-pooling.ts';

type Shown = SettingsView['settings'];

/** The settings as they stand in the form: flat, and numbers as they were typed. Users are not in it, they have calls of their own. */
export interface Draft extends PoolingDraft, MovesDraft {
  tlsClients: Shown['tls']['clients'];
  certificate: Shown['tls']['certificate']['kind'];
  certificateFile: string;
  keyFile: string;
  method: Shown['authentication']['method'];
  /** Empty: from no endpoint. */
  verifiersFrom: string;
  /** Names with commas between them; empty: everybody. */
  admins: string;
  clients: string;
  clientsPerEndpoint: string;
  clientsPerUser: string;
  login: string;
  idleClient: string;
  idleInTransaction: string;
  query: string;
  transaction: string;
  keepalive: string;
  listeners: readonly { endpoint: string; port: string }[];
  unknownEndpoint: Shown['unknownEndpoint'];
}

/** Where each part of the draft stands in the settings, which is how the schema names what does not fit. */
const paths: Record<Exclude<keyof Draft, 'listeners' | 'poolEndpoints' | 'balanceGroups'>, string> = {
  tlsClients: 'tls.clients',
  certificate: 'tls.certificate',
  certificateFile: 'tls.certificate.certificate',
  keyFile: 'tls.certificate.key',
  method: 'authentication.method',
  verifiersFrom: 'authentication.verifiersFrom',
  admins: 'authentication.admins',
  clients: 'limits.clients',
  clientsPerEndpoint: 'limits.clientsPerEndpoint',
  clientsPerUser: 'limits.clientsPerUser',
  login: 'times.login',
  idleClient: 'times.idleClient',
  idleInTransaction: 'times.idleInTransaction',
  query: 'times.query',
  transaction: 'times.transaction',
  keepalive: 'times.keepalive',
  unknownEndpoint: 'unknownEndpoint',
  ...poolingPaths,
  ...movesPaths,
};

/** The name of a field that does not fit, and what is wrong with it. A listener's port is `listeners.<index>.port`. */
export type DraftErrors = Readonly<Record<string, string>>;

/** What `readDraft` makes of a form. */
export type ReadDraft =
  { ok: true; settings: CallRequest<'settings.save'>; errors: DraftErrors } | { ok: false; settings: null; errors: DraftErrors };

/** The form that shows these settings. */
export function draftOf({ tls, authentication, limits, times, listeners, unknownEndpoint, ...rest }: Shown): Draft {
  const files = tls.certificate.kind === 'files' ? tls.certificate : { certificate: '', key: '' };
  return {
    tlsClients: tls.clients,
    certificate: tls.certificate.kind,
    certificateFile: files.certificate,
    keyFile: files.key,
    method: authentication.method,
    verifiersFrom: authentication.verifiersFrom ?? '',
    admins: authentication.admins.join(', '),
    clients: String(limits.clients),
    clientsPerEndpoint: String(limits.clientsPerEndpoint),
    clientsPerUser: String(limits.clientsPerUser),
    login: String(times.login),
    idleClient: String(times.idleClient),
    idleInTransaction: String(times.idleInTransaction),
    query: String(times.query),
    transaction: String(times.transaction),
    keepalive: String(times.keepalive),
    listeners: listeners.map(({ endpoint, port }) => ({ endpoint, port: String(port) })),
    unknownEndpoint,
    ...poolingDraftOf(rest),
    ...movesDraftOf(rest),
  };
}

/** The settings that a form asks for, or what is wrong with it, per field and in words. `proxyPort`: taken already. */
export function readDraft(draft: Draft, proxyPort: number | null = null): ReadDraft {
  const parsed = savedSettings.safeParse({
    tls: { clients: draft.tlsClients, certificate: certificateOf(draft) },
    authentication: {
      method: draft.method,
      verifiersFrom: draft.verifiersFrom === '' ? null : draft.verifiersFrom,
      admins: draft.admins.split(',').flatMap((name) => name.trim() || []),
    },
    limits: {
      clients: wholeNumber(draft.clients),
      clientsPerEndpoint: wholeNumber(draft.clientsPerEndpoint),
      clientsPerUser: wholeNumber(draft.clientsPerUser),
    },
    times: {
      login: wholeNumber(draft.login),
      idleClient: wholeNumber(draft.idleClient),
      idleInTransaction: wholeNumber(draft.idleInTransaction),
      query: wholeNumber(draft.query),
      transaction: wholeNumber(draft.transaction),
      keepalive: wholeNumber(draft.keepalive),
    },
    listeners: draft.listeners.map(({ endpoint, port }) => ({ endpoint, port: wholeNumber(port) })),
    unknownEndpoint: draft.unknownEndpoint,
    ...poolingInput(draft, wholeNumber),
    ...movesInput(draft, wholeNumber),
  });
  const errors: Record<string, string> = {};
  for (const issue of parsed.error?.issues ?? []) errors[fieldAt(issue.path)] ??= wordsOf(issue);
  Object.assign(errors, portErrors(draft, proxyPort), poolingErrors(draft, wholeNumber), movesErrors(draft));
  if (draft.tlsClients !== 'off' && draft.certificate === 'none') {
    errors['certificate'] = 'Encryption needs a certificate: make a local one, or name files.';
  }
  if (!parsed.success || Object.keys(errors).length > 0) return { ok: false, settings: null, errors };
  return { ok: true, settings: parsed.data, errors };
}

/** The errors without those of text that is still missing. */
export function withoutEmpty(errors: DraftErrors, draft: Draft): DraftErrors {
  return Object.fromEntries(
    Object.entries(errors).filter(([field]) => !(field === 'certificateFile' || field === 'keyFile') || draft[field] !== ''),
  );
}

/** The draft carried over to settings that changed beneath it: what was edited stays edited, the rest follows. */
export function rebase(draft: Draft, before: Draft, after: Draft): Draft {
  const edited = Object.entries(draft).filter(([key, value]) => !same(value, before[key as keyof Draft]));
  return { ...after, ...Object.fromEntries(edited) };
}

/** Whether a form shows the same as another. */
export function sameDraft(a: Draft, b: Draft): boolean {
  return same(a, b);
}

/** `prefixes`: how the errors of its lists begin, which have a name per line. */
const groups: readonly { name: string; fields: readonly (keyof Draft)[]; prefixes?: readonly string[] }[] = [
  { name: 'TLS', fields: ['tlsClients', 'certificate', 'certificateFile', 'keyFile'] },
  { name: 'authentication', fields: ['method', 'verifiersFrom', 'admins'] },
  { name: 'limits', fields: ['clients', 'clientsPerEndpoint', 'clientsPerUser'] },
  { name: 'times', fields: ['login', 'idleClient', 'idleInTransaction', 'query', 'transaction', 'keepalive'] },
  { name: 'routing', fields: ['listeners', 'unknownEndpoint'], prefixes: ['listeners.'] },
  { name: 'pools', fields: poolingFields, prefixes: ['pooling.endpoints.'] },
  { name: 'migration', fields: ['carry', 'movesAtOnce', 'movesPerBackend'] },
  { name: 'lost servers', fields: ['resurrect', 'resurrectAfter', 'resurrectWithin'] },
  {
    name: 'balancing',
    fields: ['balanceGroups', 'balanceEvery', 'balanceRate', 'balanceThreshold', 'balanceStay'],
    prefixes: ['balancing.groups.'],
  },
  { name: 'metrics', fields: ['metricsPort'] },
];

/** The parts of the form that were edited, in its order. */
export function editedGroups(draft: Draft, base: Draft): string[] {
  return groups.filter(({ fields }) => fields.some((field) => !same(draft[field], base[field]))).map(({ name }) => name);
}

/** The fields of a part of the form, and how the errors of its lists begin. */
export function fieldsOf(part: string): { fields: readonly (keyof Draft)[]; prefixes: readonly string[] } {
  const group = groups.find(({ name }) => name === part);
  return { fields: group?.fields ?? [], prefixes: group?.prefixes ?? [] };
}

/** The field that a host's refusal is about, by its code. */
export function fieldOfRefusal(code: string): keyof Draft | null {
  if (code === 'trust_beyond_loopback') return 'method';
  if (code === 'bad_certificate') return 'certificateFile';
  return code === 'no_folder' ? 'certificate' : null;
}

function same(a: unknown, b: unknown): boolean {
  // Both were made by `draftOf` or from one that was, so their keys stand in the same order.
  return JSON.stringify(a) === JSON.stringify(b);
}

function certificateOf({ certificate, certificateFile, keyFile }: Draft) {
  return certificate === 'files' ? { kind: certificate, certificate: certificateFile.trim(), key: keyFile.trim() } : { kind: certificate };
}

/** Not a number unless digits alone were typed: an empty field is not 0, and 1e3 is not what a person means. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
}

function fieldAt(path: readonly PropertyKey[]): string {
  const dotted = path.map(String).join('.');
  return Object.entries(paths).find(([, at]) => at === dotted)?.[0] ?? dotted;
}

interface Issue {
  code?: string | undefined;
  origin?: unknown;
  maximum?: unknown;
  minimum?: unknown;
  message: string;
}

function wordsOf(issue: Issue): string {
  if (issue.code === 'too_big' && issue.origin !== 'string') return `At most ${formatCount(Number(issue.maximum))}.`;
  if (issue.code === 'too_small' && issue.origin === 'number') return `At least ${formatCount(Number(issue.minimum))}.`;
  if (issue.code === 'too_small' && issue.origin === 'string') return 'Give the path of the file.';
  if (issue.code === 'invalid_type') return 'Give a whole number; 0 stands for none.';
  return `${issue.message.charAt(0).toUpperCase()}${issue.message.slice(1)}.`;
}

function portErrors({ listeners, metricsPort }: Draft, proxyPort: number | null): Record<string, string> {
  const errors: Record<string, string> = {};
  const taken = new Map<number, string>();
  if (proxyPort !== null) taken.set(proxyPort, 'This is the port of the proxy itself.');
  listeners.forEach(({ endpoint, port }, index) => {
    const number = wholeNumber(port);
    if (Number.isNaN(number)) errors[`listeners.${index}.port`] = 'Give a port, or 0 for any that is free.';
    if (endpoint === '') errors[`listeners.${index}.endpoint`] = 'Choose an endpoint.';
    if (Number.isNaN(number) || number === 0) return;
    const holder = taken.get(number);
    if (holder === undefined) taken.set(number, `${endpoint} has this port already.`);
    else errors[`listeners.${index}.port`] = holder;
  });
  const metricsTaken = metricsPort.trim() === '' ? undefined : taken.get(wholeNumber(metricsPort));
  if (metricsTaken !== undefined) errors['metricsPort'] = metricsTaken;
  return errors;
}
