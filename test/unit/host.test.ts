import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { dispatch, settings, snapshot as snapshotSchema } from '../../core/contract/index.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { createHost, type Host, type HostOptions } from '../../main/host.ts';

const log = vi.fn();

function make(options: Partial<HostOptions> = {}): Host {
  return createHost({
    version: '1.2.3',
    listen: { host: '127.0.0.1', port: 0 },
    endpoints: [],
    defaultEndpoint: null,
    settings: { settings: settings.parse({}), file: null },
    folder: path.join(tmpdir(), 'switchyard-host-test'),
    poolSize: null,
    allowOlderServer: false,
    demo: false,
    workload: false,
    log,
    ...options,
  });
}

const somewhere = { host: '127.0.0.1', port: 1, database: 'app', user: 'me', password: 'sesame', tls: PREFER_TLS };

describe('the host', () => {
  it('listens once started and no longer once stopped; a second stop is the same one', async () => {
    const host = make();
    expect(host.ready).toBeNull();
    await host.start();
    await host.demoStarted();
    const { port } = host.ready?.proxy ?? { port: 0 };
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    // Stopping ends connections that have not said anything yet, too.
    const closed = once(socket.on('error', () => undefined).resume(), 'close');
    expect(host.stop()).toBe(host.stop());
    await host.stop();
    await closed;
    const again = connect(port, '127.0.0.1');
    const [error] = (await once(again, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('may be stopped without having been started, and then does not start', async () => {
    const host = make();
    await host.stop();
    await expect(host.start()).rejects.toThrow('stopped before');
    expect(log).not.toHaveBeenCalled();
  });

  it('takes the next free port when the one it is to use is taken, and says so', async () => {
    const first = make();
    await first.start();
    const port = first.ready?.proxy.port ?? 0;
    const second = make({ listen: { host: '127.0.0.1', port } });
    await second.start();
    expect(second.ready?.proxy.port).not.toBe(port);
    expect((await second.handlers.snapshot({})).host.wantedPort).toBe(port);
    await Promise.all([first.stop(), second.stop()]);
  });

  it('shows its map with the chosen default, and never a password', async () => {
    const endpoints = [
      { id: 'ep-a', ...somewhere },
      { id: 'ep-b', ...somewhere, port: 2, password: null },
    ];
    const host = make({
      endpoints,
      defaultEndpoint: 'ep-b',
      settings: { settings: settings.parse({ unknownEndpoint: 'refuse' }), file: null },
      poolSize: 3,
    });
    await host.start();
    const snapshot = snapshotSchema.parse(await host.handlers.snapshot({}));
    expect(snapshot.host).toMatchObject({ version: '1.2.3', defaultEndpoint: 'ep-b', unknownEndpoint: 'refuse' });
    expect(snapshot.host.demo).toMatchObject({ state: 'off', workload: false });
    expect(snapshot.endpoints.map(({ id, passwordSet }) => [id, passwordSet])).toEqual([
      ['ep-a', true],
      ['ep-b', false],
    ]);
    expect(JSON.stringify(snapshot)).not.toContain('sesame');
    await host.stop();
  });

  it('refuses in words what the demo cannot do', async () => {
    const host = make({ endpoints: [{ id: 'ep-a', ...somewhere }] });
    await host.start();
    expect(await dispatch(host.handlers, 'demo.workload', { on: true }, log)).toMatchObject({
      ok: false,
      error: { code: 'demo_not_running' },
    });
    expect(await dispatch(host.handlers, 'demo.start', {}, log)).toMatchObject({ ok: false, error: { code: 'endpoint_exists' } });
    expect(await dispatch(host.handlers, 'demo.stop', {}, log)).toEqual({ ok: true, reply: {} });
    expect(log).not.toHaveBeenCalled();
    await host.stop();
  });
});
