/**
 * Prints once more what failed, from the reports of `test/run.mjs`: names and messages, short, for whoever sees only the end of a log.
 * Prints nothing when nothing did.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const LINES = 12;
const COLUMNS = 300;
const MOST = 20;

const reports = fileURLToPath(new URL('../test-results', import.meta.url));
const failures = fs.existsSync(reports)
  ? fs
      .readdirSync(reports)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => failuresIn(path.basename(name, '.json'), path.join(reports, name)))
  : [];
for (const { suite, name, message } of failures.slice(0, MOST)) process.stdout.write(`-- ${suite}: ${name}\n${short(message)}\n`);
if (failures.length > MOST) process.stdout.write(`-- and ${failures.length - MOST} more\n`);

function failuresIn(suite, file) {
  const report = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (Array.isArray(report.testResults)) return report.testResults.flatMap((result) => ofVitest(suite, result));
  if (Array.isArray(report.suites)) return [...report.suites.flatMap((each) => ofPlaywright(suite, each)), ...ofLoading(suite, report)];
  return [];
}

/** A file that could not be loaded has a message of its own, and no tests. */
function ofVitest(suite, { name, message, status, assertionResults }) {
  const failed = assertionResults.filter((each) => each.status === 'failed');
  if (status === 'failed' && assertionResults.length === 0) return [{ suite, name: path.basename(name), message }];
  return failed.map(({ fullName, failureMessages }) => ({
    suite,
    name: `${path.basename(name)}: ${fullName}`,
    message: failureMessages.join('\n'),
  }));
}

function ofPlaywright(suite, { title, specs = [], suites = [] }) {
  const own = specs
    .filter(({ ok }) => !ok)
    .map((spec) => ({ suite, name: `${title}: ${spec.title}`, message: spec.tests.map((each) => messageOf(each.results)).join('\n') }));
  return [...own, ...suites.flatMap((each) => ofPlaywright(suite, each))];
}

function messageOf(results) {
  return results.at(-1)?.error?.message ?? 'no message';
}

/** What Playwright says of no test in particular. */
function ofLoading(suite, { errors = [] }) {
  return errors.map(({ message = 'no message' }) => ({ suite, name: 'outside of any test', message }));
}

function short(message) {
  const lines = stripVTControlCharacters(message).split('\n');
  const shown = lines.slice(0, LINES).map((line) => `   ${line.slice(0, COLUMNS)}`);
  return [...shown, ...(lines.length > LINES ? [`   … ${lines.length - LINES} more lines`] : [])].join('\n');
}
