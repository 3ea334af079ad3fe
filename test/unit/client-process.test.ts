/** The program behind a connection: found where the system tells, and a reason where it does not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClientProcesses, type ClientConnection } from '../../core/facade/session-detail-process.ts';
import { plainAddress } from '../../main/client-process/address.ts';
import { findClientProcess } from '../../main/client-process/find.ts';
import { readLsof } from '../../main/client-process/macos.ts';
import { readNetstat, readTasklist } from '../../main/client-process/windows.ts';

const connection: ClientConnection = { address: '127.0.0.1', port: 50_001, ownAddress: '127.0.0.1', ownPort: 6432 };

it('has one form for every address', () => {
  expect(['[::1]', '::ffff:127.0.0.1', 'fe80::1%lo0', '10.0.0.3'].map(plainAddress)).toEqual(['::1', '127.0.0.1', 'fe80::1', '10.0.0.3']);
});

describe.runIf(process.platform === 'linux')('on this system', () => {
  it.each(['127.0.0.1', '::1'])('finds the process that connected to %s', async (host) => {
    const server = net.createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const script = `require('node:net').connect(${port}, '${host}')`;
    const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    try {
      const [socket] = (await once(server, 'connection')) as [net.Socket];
      const { remoteAddress = '', remotePort = 0, localAddress = '' } = socket;
      const found = { address: remoteAddress, port: remotePort, ownAddress: localAddress, ownPort: port };
      expect(await findClientProcess(found, AbortSignal.timeout(20_000))).toEqual({
        process: { pid: child.pid, name: path.basename(process.execPath) },
        reason: null,
      });
      // The same port of another connection is not it.
      expect(await findClientProcess({ ...found, ownPort: 1 }, AbortSignal.timeout(20_000))).toMatchObject({ process: null });
      socket.destroy();
    } finally {
      child.kill('SIGKILL');
      server.close();
    }
  });
});

it('says why nobody is found', async () => {
  const signal = AbortSignal.timeout(20_000);
  expect(await findClientProcess({ ...connection, address: '192.0.2.7' }, signal)).toEqual({
    process: null,
    reason: 'The client is on another machine (192.0.2.7).',
  });
  expect(await findClientProcess({ ...connection, address: '' }, signal)).toMatchObject({ process: null });
});

it('reads what lsof prints on macOS', () => {
  const text = [
    'p812\ncSwitchyard\nf31\nn127.0.0.1:6432->127.0.0.1:50001',
    'p4711\ncCode\\x20Helper\nf20\nn127.0.0.1:50002->127.0.0.1:6432\nf21\nn127.0.0.1:50001->127.0.0.1:6432',
    'p4712\ncpython3\nf9\nn[::1]:50003->[::1]:6432\n',
  ].join('\n');
  expect(readLsof(text, connection)).toEqual({ process: { pid: 4711, name: 'Code Helper' }, reason: null });
  expect(readLsof(text, { address: '::1', port: 50_003, ownAddress: '::1', ownPort: 6432 })).toMatchObject({ process: { pid: 4712 } });
  expect(readLsof(text, { ...connection, port: 50_009 })).toMatchObject({ process: null });
  expect(readLsof('', connection)).toMatchObject({ process: null });
});

it('reads what netstat and tasklist print on Windows, in any language', () => {
  const text = [
    '',
    'Aktive Verbindungen',
    '  Proto  Lokale Adresse         Remoteadresse          Status           PID',
    '  TCP    127.0.0.1:6432         127.0.0.1:50001        HERGESTELLT      812',
    '  TCP    127.0.0.1:50001        127.0.0.1:6432         HERGESTELLT      4711',
    '  TCP    127.0.0.1:50002        127.0.0.1:6432         WARTEND          0',
    '  TCP    [::1]:50003            [::1]:6432             HERGESTELLT      4712',
  ].join('\r\n');
  expect(readNetstat(text, connection)).toBe(4711);
  expect(readNetstat(text, { ...connection, port: 50_002 })).toBeNull();
  expect(readNetstat(text, { address: '::1', port: 50_003, ownAddress: '::1', ownPort: 6432 })).toBe(4712);
  expect(readTasklist('"node.exe","4711","Console","1","45.678 K"\r\n', 4711)).toBe('node.exe');
  expect(readTasklist('INFORMATION: Es werden keine Aufgaben ausgeführt.\r\n', 4711)).toBeNull();
});

describe('whoever asks', () => {
  const owner = {};

  it('asks the system once, and not again for a while', async () => {
    let asked = 0;
    const processes = new ClientProcesses<object>(() => {
      asked++;
      return Promise.resolve({ process: { pid: 7, name: 'app' }, reason: null });
    });
    const answers = await Promise.all([processes.of(owner, connection), processes.of(owner, connection)]);
    expect(answers.map(({ process }) => process?.pid)).toEqual([7, 7]);
    expect((await processes.of(owner, null)).process).toEqual({ pid: 7, name: 'app' });
    expect(asked).toBe(1);
  });

  it('does not wait for a system that is slow, and hears of it later', async () => {
    let answer = (): void => {};
    const processes = new ClientProcesses<object>(
      () => new Promise((resolve) => (answer = () => resolve({ process: { pid: 7, name: 'app' }, reason: null }))),
    );
    expect(await processes.of(owner, connection)).toEqual({ process: null, reason: 'It is being looked for.' });
    answer();
    await expect.poll(async () => (await processes.of(owner, connection)).process, { timeout: 10_000 }).toEqual({ pid: 7, name: 'app' });
  });

  it('hears what went wrong, and that nobody looks', async () => {
    const broken = new ClientProcesses<object>(() => Promise.reject(new Error('this system has no lsof')));
    expect(await broken.of(owner, connection)).toEqual({ process: null, reason: 'It could not be found out: this system has no lsof.' });
    expect((await new ClientProcesses<object>(null).of(owner, connection)).reason).toContain('does not look');
    expect(await broken.of({}, null)).toEqual({ process: null, reason: 'The connection is closed.' });
  });
});
