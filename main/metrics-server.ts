/** Prometheus' page over HTTP: on a port of its own, on 127.0.0.1, and for a shell that serves other things too. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { prometheusContentType } from '../core/metrics/prometheus.ts';
import { refuseRequest } from './headless/request-guard.ts';
import { answerWithText, securityHeaders } from './headless/window-files.ts';

/** Where the page is. */
export const metricsPath = '/metrics';

const address = '127.0.0.1';

/**
 * Answers GET and HEAD of `/metrics` with the page. It needs no token, which a scraper could not have: it is read only, without secrets,
 * and a foreign page in a browser cannot read it, since the Host header is checked.
 */
export function answerWithMetrics(
  text: () => string,
  request: IncomingMessage,
  response: ServerResponse,
  log: (error: unknown) => void,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return answerWithText(response, 405, 'Only GET and HEAD.');
  }
  let page: Buffer;
  try {
    page = Buffer.from(text());
  } catch (error) {
    log(error);
    return answerWithText(response, 500, 'The metrics could not be put together.');
  }
  response.writeHead(200, { ...securityHeaders, 'content-type': prometheusContentType, 'content-length': page.length });
  response.end(request.method === 'HEAD' ? undefined : page);
}

/** Whether a request is for the page. */
export function asksForMetrics(request: IncomingMessage): boolean {
  return (request.url ?? '').split('?', 1)[0] === metricsPath;
}

/** The port of its own, which comes, moves and goes with the settings. */
export class MetricsServer {
  readonly #text: () => string;
  readonly #log: (error: unknown) => void;
  #wanted: number | null = null;
  #server: Server | null = null;

  /** `log` is told of errors that nobody else hears of. */
  constructor(text: () => string, log: (error: unknown) => void) {
    this.#text = text;
    this.#log = log;
  }

  /** Where the page is now; null: it has no port of its own. */
  get url(): string | null {
    return this.#server === null ? null : `http://${address}:${portOf(this.#server)}${metricsPath}`;
  }

  /** Listens there (0: on any free port), or nowhere; answers what went wrong, in words. Calls must wait for each other. */
  async apply(port: number | null): Promise<string[]> {
    if (port === this.#wanted && (port === null || this.#server !== null)) return [];
    await this.stop();
    this.#wanted = port;
    if (port === null) return [];
    const server = createServer((request, response) => this.#answer(server, request, response));
    try {
      server.listen(port, address);
      await once(server, 'listening');
    } catch (error) {
      return [`The metrics cannot be served on port ${port}: ${error instanceof Error ? error.message : String(error)}.`];
    }
    server.on('error', this.#log);
    this.#server = server;
    return [];
  }

  /** Ends every connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#wanted = null;
    if (server === null) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  #answer(server: Server, request: IncomingMessage, response: ServerResponse): void {
    const port = portOf(server);
    const named = request.headers.host === `localhost:${port}` ? 'localhost' : address;
    const refusal = refuseRequest(request.headers, `${named}:${port}`);
    if (refusal !== null) return answerWithText(response, refusal.status, refusal.reason);
    if (!asksForMetrics(request)) return answerWithText(response, 404, `The metrics are at ${metricsPath}.`);
    answerWithMetrics(this.#text, request, response, this.#log);
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
