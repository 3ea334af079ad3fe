/**
 * `npm test`: installs what is missing, then runs the unit, PostgreSQL and CockroachDB dialect tests, builds, and runs the
 * end-to-end tests in the Chromium of this machine. Plain Node, so that it works right after a clone. The last line sums up.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium } from './chromium.mjs';
import { missingPackages } from './installed.mjs';
import { countPlaywright, countVitest, noCounts, sum } from './counts.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = path.join(root, 'test-results');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const wanted = process.argv.slice(2);
const suites = wanted.length > 0 ? wanted : ['unit', 'postgres', 'cockroach', 'e2e'];
const known = ['unit', 'postgres', 'cockroach', 'e2e', 'package', 'soak', 'faults', 'fuzz', 'streams', 'differential', 'performance'];
const unknown = suites.filter((suite) => !known.includes(suite));
if (unknown.length > 0) {
  say(`There is no suite ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  process.exit(2);
}
const remarks = [];

const missing = missingPackages(root);
if (missing !== null) {
  say(`Installing packages (${missing}) …`);
  if (!run(npm, ['ci'])) process.exit(1);
}
fs.mkdirSync(reports, { recursive: true });

let counts = noCounts;
let broken = false;
for (const suite of suites) {
  const result = suite === 'e2e' || suite === 'performance' ? inBrowser(suite) : vitest(suite);
  counts = sum(counts, result.counts);
  broken ||= !result.ok;
}

for (const remark of remarks) say(remark);
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
process.exitCode = broken || counts.failed > 0 ? 1 : 0;

function vitest(project) {
  const folder = path.join(root, 'test', project);
  if (!hasTests(folder)) {
    remarks.push(`There are no ${project} tests.`);
    return { ok: true, counts: noCounts };
  }
  const report = path.join(reports, `${project}.json`);
  fs.rmSync(report, { force: true });
  const options = ['run', '--config', 'test/vitest.config.ts', '--project', project];
  const ok = run('vitest', [...options, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
  return settle(project, ok, countVitest(report));
}

function inBrowser(suite) {
  if (!hasTests(path.join(root, 'test', suite))) {
    remarks.push(`There are no ${suite} tests.`);
    return { ok: true, counts: noCounts };
  }
  const chromium = findChromium();
  if (chromium === null) {
    remarks.push(`Skipped the ${suite} suite: no Chromium was found. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.`);
    return { ok: true, counts: noCounts };
  }
  if (!run(process.execPath, ['main/build/build.mjs', '--if-needed'])) return settle('build', false, noCounts);
  const report = path.join(reports, `${suite}.json`);
  fs.rmSync(report, { force: true });
  const env = { CHROMIUM_PATH: chromium, PLAYWRIGHT_JSON_OUTPUT_FILE: report };
  const config = suite === 'e2e' ? 'test/playwright.config.ts' : `test/${suite}/playwright.config.ts`;
  const ok = run('playwright', ['test', '--config', config, '--reporter=list,json'], env);
  return settle(suite, ok, countPlaywright(report));
}

/** A runner that fails without naming a failed test (no report, an error outside any test) still counts as one failure. */
function settle(name, ok, counted) {
  if (ok) return { ok, counts: counted };
  say(`The ${name} suite failed.`);
  return { ok, counts: counted.failed > 0 ? counted : { ...counted, failed: 1 } };
}

function hasTests(folder) {
  return fs.existsSync(folder) && fs.readdirSync(folder, { recursive: true }).some((file) => /\.test\.tsx?$/.test(file));
}

function run(command, args, env = {}) {
  const bin = path.join(root, 'node_modules/.bin');
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}`, ...env },
    shell: process.platform === 'win32',
  });
  if (result.error) say(`${command}: ${result.error.message}`);
  return result.status === 0;
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
