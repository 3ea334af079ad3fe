import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let house: string;

/** A small house with the same floors, so that the rules are tried on imports nobody would let into the real one. */
beforeAll(() => {
  house = mkdtempSync(path.join(os.tmpdir(), 'switchyard-boundaries-'));
  copyFileSync(path.join(root, 'tsconfig.json'), path.join(house, 'tsconfig.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(house, 'node_modules'));
  for (const [file, text] of Object.entries({
    'core/contract/model.ts': '',
    'core/wire/frames.ts': "import '../contract/model.ts';",
    'core/wire/up.ts': "import '../pool/pool.ts';",
    'core/pool/pool.ts': "import '../wire/frames.ts';",
    'core/pool/up.ts': "import '../session/session.ts';",
    'core/session/session.ts': "import '../pool/pool.ts'; import 'node:net';",
    'core/session/circle-a.ts': "import './circle-b.ts';",
    'core/session/circle-b.ts': "import './circle-a.ts';",
    'core/session/shell.ts': "import { app } from 'electron'; export type A = typeof app;",
    'core/session/type-only.ts': "import type { App } from 'electron'; export type A = App;",
    'core/attic/new.ts': "import '../wire/frames.ts';",
    'core/switchyard.ts': "import './session/session.ts';",
    'main/host.ts': "import '../core/switchyard.ts';",
    'main/headless.ts': "import './host.ts'; import { app } from 'electron'; export type A = typeof app;",
    'main/desktop/window.ts': "import { app } from 'electron'; export type A = typeof app;",
    'main/desktop.ts': "import './desktop/window.ts'; import './host.ts';",
    'main/reaches-up.ts': "import '../renderer/src/view.ts';",
    'renderer/src/view.ts': "import '../../core/contract/model.ts';",
    'renderer/src/greedy.ts': "import '../../core/wire/frames.ts';",
    'renderer/src/node.ts': "import 'node:fs';",
    'test/support.ts': "import '../core/switchyard.ts';",
    'main/tested.ts': "import '../test/support.ts';",
  })) {
    mkdirSync(path.join(house, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(house, file), `${text}\nexport {};\n`);
  }
});
afterAll(() => rmSync(house, { recursive: true }));

it('catches every import that goes up, out or round, and no other', { timeout: 60_000 }, () => {
  const cruise = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = path.join(root, 'test/boundaries.cjs');
  let output: string;
  try {
    output = execFileSync(process.execPath, [cruise, '--config', config, '--output-type', 'json', 'core', 'main', 'renderer', 'test'], {
      cwd: house,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    output = String((error as { stdout: unknown }).stdout);
  }
  const { summary } = JSON.parse(output) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  expect(summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort()).toEqual([
    'core/attic/new.ts: core-folders-are-known',
    'core/pool/up.ts: core-pool-state-imports-downward',
    'core/session/circle-a.ts: no-circles',
    'core/session/shell.ts: core-knows-no-shell',
    'core/session/shell.ts: electron-in-the-desktop-shell-only',
    'core/session/type-only.ts: core-knows-no-shell',
    'core/session/type-only.ts: electron-in-the-desktop-shell-only',
    'core/wire/up.ts: core-wire-sql-metrics-contract-imports-downward',
    'main/headless.ts: electron-in-the-desktop-shell-only',
    'main/reaches-up.ts: main-knows-no-window',
    'main/tested.ts: main-knows-no-window',
    'main/tested.ts: nothing-imports-tests',
    'renderer/src/greedy.ts: window-knows-the-contract-only',
    'renderer/src/node.ts: window-has-no-node',
  ]);
});
