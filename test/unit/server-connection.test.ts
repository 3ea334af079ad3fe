/** What a server connection makes of a server that says more, or less, than it was asked for. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ServerConnection } from '../../core/backend/server-connection.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { Server } from '../../core/wire/codes.ts';
import { MessageReader } from '../../core/wire/message-reader.ts';
import { frame, parameterStatus, query, readyForQuery } from '../../core/wire/messages.ts';

/** A socket that nothing is connected to; what the server says is emitted. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  write(): boolean {
    return true;
  }
  resume(): this {
    return this;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

function connect(rest: Buffer = Buffer.alloc(0)): {
  connection: ServerConnection;
  socket: FakeSocket;
  says: (...frames: Buffer[]) => void;
} {
  const socket = new FakeSocket();
  const connection = new ServerConnection(
    // It needs of a socket only what the fake has.
    { socket: socket as unknown as Socket, tls: null },
    {
      backend: { id: 'h:1', connect: { host: 'h', port: 1 } },
      tls: PREFER_TLS,
      database: 'd',
      role: 'r',
      startupKey: '[]',
      pid: 1,
      secret: Buffer.alloc(4),
      parameters: new Map(),
      rest,
    },
  );
  return { connection, socket, says: (...frames) => void socket.emit('data', Buffer.concat(frames)) };
}

/** Everything an owner hears, in words. */
function listen(connection: ServerConnection): string[] {
  const heard: string[] = [];
  const reader = new MessageReader();
  connection.setOwner({
    onServerData: (chunk) => {
      reader.push(chunk);
      for (let message = reader.next(); message !== null; message = reader.next()) heard.push(String.fromCharCode(message.type));
    },
    onServerDrain: () => undefined,
    onServerClosed: (reason) => heard.push(reason),
  });
  return heard;
}

const ask = (connection: ServerConnection): Promise<unknown> => connection.exchange(query('x'), 1, { deadlineMs: 5_000 }).answer;
const notice = frame(Server.NoticeResponse, Buffer.from('Mhello\0\0'));
const done = frame(Server.CommandComplete, Buffer.from('X\0'));

describe('what a server says unasked', () => {
  it('behind its login waits for the first owner', () => {
    const { connection, says } = connect(notice.subarray(0, 7));
    says(notice.subarray(7), parameterStatus('a', 'b'));
    expect(listen(connection)).toEqual(['N', 'S']);
  });

  it('behind an answer reaches the next owner whole, wherever it was cut', async () => {
    for (let cut = 1; cut < notice.length; cut++) {
      const { connection, says } = connect();
      const answer = ask(connection);
      says(done, readyForQuery(), notice.subarray(0, cut));
      expect(await answer).toHaveLength(2);
      says(notice.subarray(cut));
      expect(listen(connection)).toEqual(['N']);
    }
  });

  it('does not spoil the next question, if it is something that may come at any time', async () => {
    const { connection, says } = connect(notice);
    const answer = ask(connection);
    says(done, readyForQuery());
    expect(await answer).toHaveLength(2);
    expect(connection.isOpen).toBe(true);
  });

  it.each([
    ['behind an answer', [done, readyForQuery(), readyForQuery()]],
    ['of a length that cannot be', [done, readyForQuery(), Buffer.from('N\0\0\0\x01')]],
  ])('%s costs it the connection', async (_, frames) => {
    const { connection, socket, says } = connect();
    const answer = ask(connection);
    says(...frames);
    await expect(answer).rejects.toThrow('answers although nobody asked it');
    expect(socket.destroyed).toBe(true);
  });

  it('costs it the connection while nobody owns it', () => {
    const { connection, says } = connect();
    says(readyForQuery());
    expect(connection.isOpen).toBe(false);
  });
});

it.each([
  ['many messages', 1024 * 1024, 100],
  ['one message', 100 * 1024 * 1024, 1],
])('an answer too long to be kept, of %s, is swallowed to its end and costs nothing else', async (_, size, count) => {
  const { connection, says } = connect();
  const answer = ask(connection);
  const row = frame(Server.DataRow, Buffer.alloc(size));
  for (let sent = 0; sent < count; sent++) {
    for (let at = 0; at < row.length; at += 65_536) says(row.subarray(at, at + 65_536));
  }
  says(done, readyForQuery());
  await expect(answer).rejects.toThrow('longer than 67108864 bytes');
  expect(connection.isOpen).toBe(true);
  const next = ask(connection);
  says(done, readyForQuery());
  expect(await next).toHaveLength(2);
});

it('a message in many pieces is put together once', () => {
  const reader = new MessageReader();
  const whole = frame(Server.DataRow, Buffer.alloc(8 * 1024 * 1024, 'abc'));
  // Copied anew for each piece, this would be 70 GB.
  for (let at = 0; at < whole.length; at += 500) {
    expect(reader.next()).toBeNull();
    reader.push(whole.subarray(at, at + 500));
  }
  expect(reader.next()?.body.equals(whole.subarray(5))).toBe(true);
  expect(reader.takeRest()).toHaveLength(0);
});
