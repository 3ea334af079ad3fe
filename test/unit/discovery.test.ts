/** Against real sockets: what is no server is left alone, what says nothing does not hold the search up. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { candidates, listeners, listeningOnLoopback } from '../../main/discovery/candidates.ts';
import { discover } from '../../main/discovery/discover.ts';
import { DraftPasswords } from '../../main/endpoint-import/draft-passwords.ts';

async function listen(onSocket: (socket: Socket) => void, place: { port: 0; host: string } | { path: string }): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  }).listen(place);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Lets everybody in, and says its version. */
function friendly(socket: Socket): void {
  socket.on('data', (data: Buffer) => {
    // Terminate.
    if (data[0] === 0x58) return void socket.end();
    if (data.readUInt32BE(4) === 80_877_103) return void socket.write('N');
    const parameter = Buffer.from('server_version\x0018.4 (test)\0');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(parameter.length + 4);
    socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]));
    socket.write(Buffer.concat([Buffer.from('S'), length, parameter]));
    socket.write(Buffer.from([0x4b, 0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 0, 9, 0x5a, 0, 0, 0, 5, 0x49]));
  });
}

/** Wants a password. */
function guarded(socket: Socket): void {
  socket.on('data', (data: Buffer) => {
    if (data.readUInt32BE(4) === 80_877_103) socket.write('N');
    else socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
  });
}

it('offers what speaks the protocol, and nothing else', async () => {
  const loopback = { port: 0, host: '127.0.0.1' } as const;
  const open = await listen(friendly, loopback);
  const closed = await listen(guarded, loopback);
  const web = await listen((socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), loopback);
  const echo = await listen((socket) => socket.pipe(socket), loopback);
  const silent = await listen(() => undefined, loopback);
  const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-sockets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await listen(friendly, { path: path.join(folder, '.s.PGSQL.7001') });
  // A socket that its server has left behind.
  writeFileSync(path.join(folder, '.s.PGSQL.7002'), '');
  writeFileSync(path.join(folder, '.s.PGSQL.7001.lock'), '');

  const mapped = [{ id: 'local-7001', ...parseBackendUrl(`postgresql://me@localhost:${portOf(closed)}/app`) }];
  const found = await discover({
    mapped,
    without: [],
    passwordFile: null,
    passwords: new DraftPasswords(),
    where: {
      socketFolders: [folder, `${folder}/no-such`],
      ports: [open, web, echo, silent].map(portOf),
      listening: () => Promise.resolve([portOf(closed)]),
    },
  });
  const byPort = new Map(found.map((each) => [each.port, each]));
  expect(new Set(byPort.keys())).toEqual(new Set([portOf(open), portOf(closed), 7001]));
  expect(byPort.get(portOf(open))).toMatchObject({
    host: '127.0.0.1',
    via: 'port',
    answers: true,
    version: 'PostgreSQL 18.4',
    draft: { id: `local-${portOf(open)}`, url: `postgresql://postgres@127.0.0.1:${portOf(open)}/postgres`, mapped: null },
  });
  expect(byPort.get(portOf(closed))).toMatchObject({ answers: false, version: null, draft: { mapped: 'local-7001' } });
  expect(byPort.get(portOf(closed))?.message).toMatch(/password/);
  expect(byPort.get(7001)).toMatchObject({ host: folder, via: 'socket', answers: true, draft: { id: 'local-7001-2' } });
  // Those that let us in come first.
  expect(found.map(({ answers }) => answers)).toEqual([true, true, false]);
});

it('asks no port of our own, and a server only once by its port and its socket', async () => {
  const server = await listen(friendly, { port: 0, host: '127.0.0.1' });
  const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-sockets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await listen(friendly, { path: path.join(folder, `.s.PGSQL.${portOf(server)}`) });
  const search = { mapped: [], passwordFile: null, passwords: new DraftPasswords() };
  const where = { socketFolders: [folder], ports: [portOf(server)], listening: () => Promise.resolve([]) };
  expect(await discover({ ...search, where, without: [] })).toMatchObject([{ via: 'port', host: '127.0.0.1' }]);
  expect(await discover({ ...search, where, without: [portOf(server)] })).toMatchObject([{ via: 'socket', host: folder }]);
});

it("reads the system's table of listeners: loopback and every address, only those that listen", () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 11 1 0 100 0 0 10 0',
    '   1: 00000000:1539 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0',
    '   2: 0200A8C0:153A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0',
    '   3: 0100007F:153B 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0 100 0 0 10 0',
    '   4: 00000000000000000000000001000000:153C 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 15 1',
  ].join('\n');
  expect(listeners(table)).toEqual([
    { port: 5432, inode: '11' },
    { port: 5433, inode: '12' },
    { port: 5436, inode: '15' },
  ]);
});

it.runIf(process.platform === 'linux')('leaves out what this process listens on itself', async () => {
  const own = await listen(() => undefined, { port: 0, host: '127.0.0.1' });
  expect(await listeningOnLoopback()).not.toContain(portOf(own));
  expect((await candidates({ socketFolders: [], ports: [] })).map(({ port }) => port)).not.toContain(portOf(own));
});
