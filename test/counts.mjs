import fs from 'node:fs';

/** No tests at all. */
export const noCounts = { passed: 0, failed: 0, skipped: 0 };

/** Adds two counts. */
export function sum(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Counts from the report of Vitest's json reporter; a file that could not be loaded counts as one failure. */
export function countVitest(file) {
  const report = read(file);
  if (report === null) return noCounts;
  const unloadable = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloadable,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Counts from the report of Playwright's json reporter; a test that passed only on a retry counts as passed. */
export function countPlaywright(file) {
  const report = read(file);
  if (report === null) return noCounts;
  const { expected, unexpected, flaky, skipped } = report.stats;
  return { passed: expected + flaky, failed: unexpected, skipped };
}

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
