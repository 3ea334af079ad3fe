/** What the matrix came to: tables for the terminal, and the same for docs/clients.md with what stands behind each mark. */
import { authentications, encryptions, sslModes, steps } from './words.mjs';

const columns = encryptions.flatMap((encryption) =>
  authentications
    // Nothing to bind to without TLS, for any client.
    .filter(({ channelBinding }) => !channelBinding || encryption.clients !== 'off')
    .map((authentication) => ({ authentication: authentication.id, encryption: encryption.id })),
);
const settings = ['off', 'allow', 'require'];

/** The whole report as text, and the counts: each cell counts once, trouble of a host once. */
export function forTerminal({ cells, modes, clients, hostTrouble }) {
  const tried = [...cells, ...modes].filter(({ without }) => without === undefined);
  const bad = tried.filter(({ failure }) => failure !== null);
  const absent = clients.filter(({ program }) => program.missing !== undefined);
  const lines = [''];
  for (const { id } of encryptions) {
    const shown = columns.filter(({ encryption }) => encryption === id);
    const rows = clients.map(({ name }) => [name, ...shown.map((column) => mark(findCell(cells, name, column)))]);
    if (cells.some(({ encryption }) => encryption === id)) lines.push(...table([id, ...shown.map((c) => c.authentication)], rows), '');
  }
  if (modes.length > 0) {
    const head = ['sslmode', ...sslModes.map(({ id }) => id)];
    const rows = clients.map(({ name }) => [name, ...sslModes.map(({ id }) => modeMarks(modes, name, id).join(' '))]);
    lines.push(...table(head, rows), `(each: the proxy's TLS ${settings.join(', ')}; in: it got in, no: it was refused, as it should)`, '');
  }
  for (const { client, authentication, encryption, mode, setting, failure } of bad) {
    lines.push(`FAILED ${client}, ${authentication ?? `sslmode ${mode}`}, ${encryption ?? `proxy ${setting}`}: ${failure}`);
  }
  for (const trouble of hostTrouble) lines.push(`FAILED ${trouble}`);
  for (const { name, program } of absent) lines.push(`SKIPPED ${name}: ${program.missing}`);
  const failed = bad.length + hostTrouble.length;
  return { text: lines.join('\n'), passed: tried.length - bad.length, failed, skipped: absent.length };
}

/** docs/clients.md. Without a date: the repository has one. */
export function forDocs({ cells, modes, clients, servers, hostTrouble }) {
  const version = (name) => cells.find((cell) => cell.client === name && cell.version)?.version ?? 'not here';
  const head = ['client', ...columns.map(({ authentication, encryption }) => `${authentication}${encryption === 'TLS' ? ', TLS' : ''}`)];
  const matrix = clients.map(({ name }) => [name, ...columns.map((column) => docMark(findCell(cells, name, column)))]);
  const short = clients.filter(({ program }) => program.missing === undefined);
  const did = Object.entries(steps).map(([step, words]) => [
    words,
    ...short.map(({ name, limits }) => limitedMark(stepMark(cells, name, step), limits?.[step])),
  ]);
  const modeRows = clients.map(({ name }) => [name, ...sslModes.map(({ id }) => modeMarks(modes, name, id).join(' / '))]);
  const failures = [...cells, ...modes].filter(({ without, failure }) => without === undefined && failure !== null);
  return `${[
    '# Which clients were tried, and how',
    '',
    'Written by `npm run test:matrix -- --write`; `npm run test:matrix` tries it all again and changes nothing. Every mark is a real',
    `client that went through the built headless host to two PostgreSQL ${servers} servers. The programs are in \`test/matrix/clients\`.`,
    '',
    '## Clients',
    '',
    ...markdown(
      ['client', 'what was used'],
      clients.map(({ name, program }) => [name, program.missing ?? version(name)]),
    ),
    '',
    '## How to connect',
    '',
    'To the proxy on port 6432 and endpoint `ep-a`, database `app`, as `me`; FILE is the certificate that the window shows under Settings',
    '(`authority.pem`, when the proxy made its own).',
    '',
    ...markdown(
      ['client', 'what to write'],
      clients.filter(({ how }) => how !== undefined).map(({ name, how }) => [name, how]),
    ),
    '',
    '## Authentication',
    '',
    'Without TLS the proxy has it off; with TLS it requires it, and the client checks certificate and name (`verify-full`).',
    '`scram-sha-256-plus` is SCRAM with channel binding, required by the client if it can; `scram pass-through` logs in to servers that ask for',
    'the same password, which the proxy does not have. ✓: everything of the next table; –: the client cannot, see the notes.',
    '',
    ...markdown(head, matrix),
    '',
    '## What each of them did, every time',
    '',
    ...markdown(['', ...short.map(({ name }) => name)], did),
    '',
    '## sslmode',
    '',
    "Each cell: with the proxy's TLS off / allowed / required. *in*: it got in; *no*: it was refused, as it should be; –: the client",
    'has no such mode. node-postgres has no modes but options; its nearest were used.',
    '',
    ...markdown(['client', ...sslModes.map(({ id }) => id)], modeRows),
    '',
    '## Notes',
    '',
    ...notes(cells, clients),
    '',
    '## What failed',
    '',
    ...(failures.length + hostTrouble.length === 0 ? ['Nothing.'] : []),
    ...failures.map(
      (cell) => `- ${cell.client}, ${cell.authentication ?? `sslmode ${cell.mode}`}, ${cell.encryption ?? cell.setting}: ${cell.failure}`,
    ),
    ...hostTrouble.map((trouble) => `- ${trouble}`),
  ].join('\n')}\n`;
}

/** Why a client has no such thing, once per reason; and what a reader should know of a client beyond that. */
function notes(cells, clients) {
  const lines = [];
  for (const { name, remark } of clients) {
    const own = cells.filter(({ client }) => client === name);
    const without = own.map((cell) => cell.without?.reason && `${cell.authentication}: ${cell.without.reason}`);
    const none = own.flatMap((cell) =>
      [...(cell.steps ?? [])]
        .filter(([step, { outcome }]) => outcome === 'none' && step !== 'password')
        .map(([step, { detail }]) => `${steps[step]}: ${detail}`),
    );
    const tlsOnly = without.includes('trust: only with TLS') ? ['everything without TLS: it begins with TLS'] : [];
    const special = without.filter((words) => words && !words.endsWith('only with TLS') && !words.includes('a channel to bind to'));
    const all = [...new Set([...tlsOnly, ...special, ...none])];
    if (all.length > 0) lines.push(`- ${name} does not do: ${all.join('; ')}.`);
    if (remark !== undefined) lines.push(`- ${name}: ${remark}`);
  }
  return lines;
}

function findCell(cells, client, { authentication, encryption }) {
  return cells.find((cell) => cell.client === client && cell.authentication === authentication && cell.encryption === encryption);
}

function mark(cell) {
  if (cell === undefined) return '';
  if (cell.without !== undefined) return cell.without.missing === undefined ? '-' : 'not here';
  return cell.failure === null ? 'ok' : 'FAILED';
}

function docMark(cell) {
  return { ok: '✓', FAILED: '✗', '-': '–', '': '' }[mark(cell)] ?? mark(cell);
}

/** One mark per setting of the proxy. */
function modeMarks(modes, client, mode) {
  const found = settings.map((setting) => modes.find((each) => each.client === client && each.mode === mode && each.setting === setting));
  if (found.every((each) => each?.without !== undefined)) return ['–'];
  return found.map((each) => (each?.failure === null ? (each.entered ? 'in' : 'no') : '✗'));
}

/** With what of the step this client has, where that is not all. */
function limitedMark(mark, limit) {
  return limit === undefined ? mark : `${mark} (${limit} only)`;
}

/** ✓ when it went well wherever it was tried. */
function stepMark(cells, client, step) {
  const outcomes = cells.filter((cell) => cell.client === client && cell.steps).map((cell) => cell.steps.get(step)?.outcome);
  const real = outcomes.filter((outcome) => outcome !== 'none');
  if (real.length === 0) return '–';
  return real.every((outcome) => outcome === 'ok') ? '✓' : '✗';
}

function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at].length)));
  return all.map((row) =>
    row
      .map((text, at) => text.padEnd(widths[at]))
      .join('  ')
      .trimEnd(),
  );
}

function markdown(head, rows) {
  const line = (row) => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
