/**
 * The headless host's server, on 127.0.0.1 only: the window's files and its WebSocket, for holders of this launch's token only, and the
 * metrics.
 */
import { once } from 'node:events';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Delta, Handlers, HostFrame } from '../../core/contract/index.ts';
import { answerWithMetrics, asksForMetrics } from '../metrics-server.ts';
import { newToken, refuseRequest, refuseUpgrade, subprotocol, type Refusal } from './request-guard.ts';
import { connectWindow, maxFrameBytes, type WindowConnection } from './window-connection.ts';
import { answerWithFile, answerWithText, securityHeaders } from './window-files.ts';

/** What is served and where. */
export interface WindowServerOptions {
  /** Port on 127.0.0.1; 0 is any free one. */
  port: number;
  /** Folder of the built window. */
  folder: string;
  handlers: Handlers;
  /** Calls the listener with every delta until the returned function is called. */
  subscribe: (listener: (delta: Delta) => void) => () => void;
  /** The page that Prometheus reads. */
  metrics: () => string;
  /** Told of errors that nobody else hears of. */
  log: (error: unknown) => void;
}

/** The server, listening. */
export interface WindowServer {
  readonly port: number;
  /** The address to open, with the token in its fragment; whoever has it controls the host. */
  readonly url: string;
  readonly token: string;
  /** Ends every connection; settles within about a second. */
  stop(): Promise<void>;
}

const address = '127.0.0.1';
/** Nobody opens more windows than this. */
const maxWindows = 32;

/**
 * Starts serving.
 * @throws Error when the port is taken, with the port named.
 */
export async function serveWindow(options: WindowServerOptions): Promise<WindowServer> {
  const { handlers, folder, log, metrics } = options;
  const token = newToken();
  const windows = new Set<WindowConnection>();
  let authority = '';

  const server = createServer((request, response) => {
    const refusal = refuseRequest(request.headers, authority);
    if (refusal !== null) return answerWithText(response, refusal.status, refusal.reason);
    if (asksForMetrics(request)) return answerWithMetrics(metrics, request, response, log);
    answerWithFile(folder, request, response).catch((error: unknown) => {
      log(error);
      response.destroy();
    });
  });
  server.on('clientError', (_error, socket) => refuse(socket, { status: 400, reason: 'This is no HTTP request.' }));

  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    // Until ws takes over, nobody else listens for the peer's sudden departure.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const refusal = refuseUpgrade(request.headers, authority, token) ?? refusePlace(request.url, windows.size);
    if (refusal !== null) return refuse(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      const window = connectWindow(webSocket, handlers, log);
      windows.add(window);
      webSocket.once('close', () => windows.delete(window));
    });
  });

  server.listen(options.port, address);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE'
      ? new Error(`Port ${options.port} on ${address} is taken; choose another for --ui, or 0 for any.`)
      : error;
  });
  server.on('error', log);
  const { port } = server.address() as AddressInfo;
  authority = `${address}:${port}`;

  const unsubscribe = options.subscribe((delta) => {
    if (windows.size === 0) return;
    const frame: HostFrame = { kind: 'delta', delta };
    const text = JSON.stringify(frame);
    for (const window of windows) window.push(text);
  });

  return {
    port,
    url: `http://${authority}/#token=${token}`,
    token,
    async stop() {
      unsubscribe();
      for (const window of windows) window.close();
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), 500);
      await closed;
      clearTimeout(late);
    },
  };
}

function refusePlace(url: string | undefined, open: number): Refusal | null {
  if (url !== '/ws') return { status: 404, reason: 'The WebSocket is at /ws.' };
  if (open >= maxWindows) return { status: 503, reason: `There are ${open} windows already.` };
  return null;
}

/** Answers on a bare socket and closes it. */
function refuse(socket: Duplex, { status, reason }: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const headers = Object.entries({ ...securityHeaders, 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  socket.end(`${head.join('\r\n')}\r\n\r\n${reason}\n`, () => socket.destroy());
}
