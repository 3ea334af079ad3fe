/**
 * A connection to a backend that is opened, and encrypted, ahead of its login: for a session's token, which is there only once the session
 * is held (cockroach-migration.md sections 3 and 11.5).
 */
import { openChannel, type Channel, type Encryption } from './channel.ts';
import { DialFailure } from './dial-failure.ts';
import { DialLimit, type LimitOptions } from './dial-limit.ts';
import { asFailure, logIn } from './log-in.ts';
import { LoginDialogue } from './login-dialogue.ts';
import type { Login } from './login.ts';
import type { ServerConnection } from './server-connection.ts';

/** See the head of this file. */
export class WaitingChannel {
  readonly openedAt = Date.now();
  readonly #channel: Channel;
  #onLost: ((reason: string) => void) | null = null;
  #lost: string | null = null;

  private constructor(channel: Channel) {
    this.#channel = channel;
    channel.socket.on('data', this.#onData).on('close', this.#onClose).on('end', this.#onClose);
    // A socket that is not read does not tell that its peer has left.
    channel.socket.resume();
  }

  /** Connects, encrypted as the login's `tls` says. Rejects with `DialFailure`; nothing is left open then. */
  static async open(login: Login, options: LimitOptions = {}): Promise<WaitingChannel> {
    const limit = new DialLimit(login.backend, options);
    try {
      let first: DialFailure | null = null;
      for (const encryption of encryptionsOf(login)) {
        try {
          const { signal } = limit;
          const channel = await openChannel(login.backend, { tls: login.tls, encryption, signal, onConnected: () => limit.connected() });
          return new WaitingChannel(channel);
        } catch (error) {
          const failure = asFailure(error);
          if ((failure.kind !== 'tls' && failure.kind !== 'certificate') || limit.signal.aborted) throw first ?? failure;
          first ??= failure;
        }
      }
      throw first ?? new DialFailure('protocol', 'there was nothing to try');
    } finally {
      limit.end();
    }
  }

  get isOpen(): boolean {
    return this.#lost === null;
  }

  /** `onLost` is called once if the connection is lost while it waits; null: nobody listens any more. */
  watch(onLost: ((reason: string) => void) | null): void {
    this.#onLost = onLost;
  }

  /** Closes it; nothing of it was used. */
  discard(): void {
    this.#leave();
    this.#lost ??= 'closed by the proxy';
    this.#channel.socket.destroy();
  }

  /**
   * Logs in with the session's token, which is overwritten as soon as it is sent. Rejects with `DialFailure`, whose words never hold the
   * token; nothing is left open then.
   */
  async logIn(login: Login, token: Buffer, options: LimitOptions & { remoteAddress?: string | undefined } = {}): Promise<ServerConnection> {
    const limit = new DialLimit(login.backend, options);
    limit.connected();
    this.#leave();
    try {
      if (this.#lost !== null)
        throw new DialFailure('protocol', `${login.backend.id} closed the connection before the login: ${this.#lost}`);
      const dialogue = new LoginDialogue(login, this.#channel, { passwordFile: null, token, remoteAddress: options.remoteAddress });
      return await logIn(login, this.#channel, dialogue, limit.signal);
    } catch (error) {
      this.#channel.socket.destroy();
      throw asFailure(error);
    } finally {
      token.fill(0);
      limit.end();
    }
  }

  #leave(): void {
    this.#onLost = null;
    this.#channel.socket.off('data', this.#onData).off('close', this.#onClose).off('end', this.#onClose).pause();
  }

  #close(reason: string): void {
    if (this.#lost !== null) return;
    const onLost = this.#onLost;
    this.#lost = reason;
    this.#leave();
    this.#channel.socket.destroy();
    onLost?.(reason);
  }

  readonly #onData = (): void => this.#close('it spoke although nobody had asked it');
  readonly #onClose = (): void => this.#close('it closed the connection');
}

/** As a login with a password, but encrypted first wherever the server may choose: a token is worth as much. */
function encryptionsOf({ backend, tls }: Login): readonly Encryption[] {
  if ('path' in backend.connect || tls.mode === 'disable') return ['none'];
  return tls.mode === 'allow' || tls.mode === 'prefer' ? ['if-offered', 'none'] : ['required'];
}
