/** The same batches as in a move, on direct connections: what a pause is compared with. */
import { dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { postgresDialect } from '../../core/migration/postgres/dialect.ts';
import type { Source } from '../../core/migration/dialect.ts';
import { transferDeadlines } from '../../core/migration/transfer/deadlines.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { query } from '../../core/wire/messages.ts';

const deadlines = transferDeadlines({ captureMs: 30_000, restoreMs: 30_000, verifyMs: 30_000, checkMs: 30_000 });

/** Milliseconds. */
export interface DirectTimes {
  /** The batch of the first hold of two, and that of the second. */
  readonly first: number;
  readonly second: number;
  /** Capture, replay and verification, as in one hold. */
  readonly whole: number;
}

/** A session with such statements on one server, and whatever is opened on the other. */
export class DirectMoves {
  readonly #source: Source;
  readonly #target: string;

  private constructor(server: ServerConnection, target: string) {
    this.#target = target;
    const carry = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };
    this.#source = { server, journal: new SessionJournal([]), leavesUnnamed: true, carry, onNotification: () => undefined };
  }

  static async open(source: string, target: string, setUp: readonly string[]): Promise<DirectMoves> {
    const server = await connect(source);
    for (const sql of setUp) await server.exchange(query(sql), 1, { deadlineMs: 30_000 }).answer;
    return new DirectMoves(server, target);
  }

  async measure(): Promise<DirectTimes> {
    const connection = await connect(this.#target);
    const side = await postgresDialect.open(
      {
        login: loginOf(this.#target),
        journal: this.#source.journal,
        acquire: () => Promise.resolve(connection),
        release: (each) => each.end(),
        reserve: () => null,
        tells: () => undefined,
        signal: new AbortController().signal,
      },
      deadlines,
    );
    try {
      const start = performance.now();
      const ahead = await asked(postgresDialect.capture(this.#source, deadlines, true));
      const first = performance.now();
      if (postgresDialect.recheck === undefined) throw new Error('there is no second look');
      const found = await asked(postgresDialect.recheck(ahead, this.#source, side, deadlines));
      const second = performance.now();
      if (found !== 'same') throw new Error('a session that did nothing has changed');
      const again = performance.now();
      const state = await asked(postgresDialect.capture(this.#source, deadlines, false));
      const restored = await postgresDialect.restore(state, this.#source, side, null, deadlines);
      await postgresDialect.verify(state, this.#source, side, restored, deadlines);
      return { first: first - start, second: second - first, whole: performance.now() - again };
    } finally {
      connection.end();
    }
  }

  close(): void {
    this.#source.server.end();
  }
}

async function asked<T>({ answer, quiet }: { answer: Promise<T>; quiet: Promise<void> }): Promise<T> {
  const result = await answer;
  await quiet;
  return result;
}

function loginOf(url: string): ReturnType<typeof loginFor> {
  return loginFor({ id: 'direct', ...parseBackendUrl(url) }, 'postgres', 'postgres', new Map());
}

async function connect(url: string): Promise<ServerConnection> {
  return await dial(loginOf(url), { passwordFile: null });
}
