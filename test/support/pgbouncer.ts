/** PgBouncer in front of a test's server, where this machine has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from '../../main/demo/server-programs.ts';

const places = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'];
const startMs = 20_000;

/** A PgBouncer that runs. */
export interface PgBouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Path of its program; null, and a line on the console, when this machine has none. */
export function findPgBouncer(): string | null {
  const found = places.find((program) => {
    try {
      accessSync(program, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) console.warn('Left out: this machine has no PgBouncer (Debian: apt-get install pgbouncer).');
  return found ?? null;
}

/** Starts one that lets the role `postgres` in to all databases of the server on `serverPort`. */
export async function startPgBouncer(program: string, serverPort: number, mode: 'session' | 'transaction'): Promise<PgBouncer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'switchyard-pgbouncer-'));
  const file = path.join(folder, 'pgbouncer.ini');
  const users = path.join(folder, 'users.txt');
  const port = await freePort();
  writeFileSync(users, '"postgres" ""\n');
  writeFileSync(
    file,
    `[databases]\n* = host=127.0.0.1 port=${serverPort}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =
auth_type = trust\nauth_file = ${users}\npool_mode = ${mode}\nignore_startup_parameters = options, extra_float_digits\n`,
  );
  // It refuses to run as root.
  const account = serverAccount();
  if (account.uid !== undefined && account.gid !== undefined)
    for (const each of [folder, file, users]) chownSync(each, account.uid, account.gid);
  const child = spawn(program, ['-q', file], { cwd: folder, stdio: 'ignore', ...account });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (const until = Date.now() + startMs; Date.now() < until; await sleep(20)) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
  }
  throw new Error(`PgBouncer does not listen on port ${port} after ${startMs} ms`);
}
