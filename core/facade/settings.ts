/** The settings at work: applied to clients that come from now on, edited by calls, kept by the host. */
import { makeVerifier } from '../auth/verifier.ts';
import {
  CallError,
  isLoopback,
  settings as settingsSchema,
  type CallParsed,
  type Handlers,
  type Settings,
  type SettingsInput,
  type SettingsView,
} from '../contract/index.ts';
import type { LocalAuthorityFiles } from '../tls/local-authority.ts';

/** Where settings are kept; `save` rejects with `CallError` when they cannot be. */
export interface SettingsFile {
  readonly path: string;
  save(settings: Settings): Promise<void>;
  /** Reads it again; what stands in it counts from then on. Rejects with `CallError` (`unusable_settings`). */
  load(): Promise<Settings>;
}

/** What settings work on. */
export interface SettingsContext {
  /** The address clients come to. */
  readonly host: string;
  /** Null: only in memory. */
  readonly file: SettingsFile | null;
  /** Makes the local authority in the host's folder, or gives the one that is there; null: there is no such folder. */
  readonly makeLocalAuthority: (() => Promise<LocalAuthorityFiles>) | null;
  isEndpoint(id: string): boolean;
  /** The ports that endpoints' own listeners have. */
  listeners(): SettingsView['listeners'];
  /** Puts settings to work; answers what could not be, in words. `authority` is there when the certificate is the local one. */
  apply(settings: Settings, authority: LocalAuthorityFiles | null): Promise<string[]>;
}

/** The calls about settings. */
export type SettingsHandlers = Pick<
  Handlers,
  'settings.get' | 'settings.save' | 'users.save' | 'users.remove' | 'tls.makeLocal' | 'endpoints.pooling'
>;

/** See the head of this file. */
export class ServedSettings {
  readonly handlers: SettingsHandlers;
  readonly #context: SettingsContext;
  #current: Settings;
  #authority: LocalAuthorityFiles | null = null;
  #problems: string[] = [];
  /** Changes are put to work one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Throws `CallError` for settings that must not be served. */
  constructor(input: SettingsInput, context: SettingsContext) {
    this.#context = context;
    this.#current = settingsSchema.parse(input);
    refuseOpenDoor(this.#current, context.host);
    this.handlers = {
      'settings.get': () => this.view(),
      'settings.save': (request) => this.#change((now) => withUsers(request, now)),
      'users.save': async ({ name, password }) => {
        const verifier = await makeVerifier(password);
        return await this.#change((now) => withUserList(now, [...others(now, name), { name, verifier }]));
      },
      'users.remove': ({ name }) =>
        this.#change((now) => {
          const left = others(now, name);
          if (left.length === now.authentication.users.length) throw new CallError('unknown_user', `There is no user "${name}".`);
          return withUserList(now, left);
        }),
      'endpoints.pooling': async ({ id, mode, profile }) => {
        if (!this.#context.isEndpoint(id)) throw new CallError('unknown_endpoint', `There is no endpoint ${id}.`);
        await this.setPooling([{ endpoint: id, mode, profile }]);
        return {};
      },
      'tls.makeLocal': () => this.#change((now) => ({ ...now, tls: withLocalCertificate(now.tls) })),
    };
  }

  get current(): Settings {
    return this.#current;
  }

  /** What a window may see: no verifiers. */
  view(): SettingsView {
    const { authentication, ...rest } = this.#current;
    return {
      settings: {
        ...rest,
        authentication: {
          method: authentication.method,
          verifiersFrom: authentication.verifiersFrom,
          users: authentication.users.map(({ name }) => ({ name })),
          admins: authentication.admins,
        },
      },
      authorityFile: this.#authority?.authorityFile ?? null,
      listeners: this.#context.listeners(),
      problems: [...this.#problems],
      file: this.#context.file?.path ?? null,
    };
  }

  /** Puts other settings to work without keeping them. Rejects with `CallError` for what must not be served. */
  apply(input: SettingsInput): Promise<void> {
    return this.#inTurn(() => this.#apply(settingsSchema.parse(input)));
  }

  /** Reads the settings file again and puts it to work. Rejects with `CallError`. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      const { file, host } = this.#context;
      if (file === null) throw new CallError('no_settings_file', 'There is no settings file: the settings are in memory only.');
      const next = await file.load();
      refuseOpenDoor(next, host);
      await this.#apply(next, await this.#authorityFor(next));
    });
  }

  /** Puts the settings it was made with to work. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#apply(this.#current));
  }

  /** Gives endpoints lines of their own in the pool settings, or (`mode` null) takes them; keeps them. Rejects with `CallError`. */
  async setPooling(lines: readonly (PoolingLine | { readonly endpoint: string; readonly mode: null })[]): Promise<void> {
    await this.#change((now) => withPooling(now, lines));
  }

  #change(edit: (now: Settings) => Settings): Promise<SettingsView> {
    return this.#inTurn(async () => {
      const next = edit(this.#current);
      refuseOpenDoor(next, this.#context.host);
      const authority = await this.#authorityFor(next);
      // Kept first: what is at work and what a restart brings must not differ.
      await this.#context.file?.save(next);
      await this.#apply(next, authority);
      return this.view();
    });
  }

  async #apply(next: Settings, made?: LocalAuthorityFiles | null): Promise<void> {
    refuseOpenDoor(next, this.#context.host);
    const problems: string[] = [];
    let authority = made ?? null;
    if (made === undefined) {
      try {
        authority = await this.#authorityFor(next);
      } catch (error) {
        problems.push(`The local certificate cannot be used: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#authority = authority;
    this.#current = next;
    this.#problems = [...problems, ...(await this.#context.apply(next, authority))];
  }

  async #authorityFor(next: Settings): Promise<LocalAuthorityFiles | null> {
    if (next.tls.certificate.kind !== 'local') return null;
    if (this.#context.makeLocalAuthority === null) {
      throw new CallError(
        'no_folder',
        'There is no folder to keep a local certificate authority in.',
        'Give a certificate and a key of your own.',
      );
    }
    return await this.#context.makeLocalAuthority();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Trust lets everybody in who can reach the port: only on loopback (DESIGN.md section 7). Throws `CallError`. */
export function refuseOpenDoor(next: Settings, host: string): void {
  if (next.authentication.method !== 'trust' || isLoopback(host)) return;
  throw new CallError(
    'trust_beyond_loopback',
    `Clients cannot be trusted on ${host}: everybody who can reach it would be let in.`,
    'Choose another authentication (--auth scram-sha-256), or listen on 127.0.0.1.',
  );
}

/** Encryption is offered with it; where it was required, it still is. */
function withLocalCertificate({ clients }: Settings['tls']): Settings['tls'] {
  return { clients: clients === 'off' ? 'allow' : clients, certificate: { kind: 'local' } };
}

type PoolingLine = Settings['pooling']['endpoints'][number];

function withPooling(now: Settings, lines: readonly (PoolingLine | { readonly endpoint: string; readonly mode: null })[]): Settings {
  const { pooling } = now;
  const kept = pooling.endpoints.filter(({ endpoint }) => lines.every((line) => line.endpoint !== endpoint));
  const own = lines.flatMap((line) => (line.mode === null ? [] : [line]));
  return { ...now, pooling: { ...pooling, endpoints: [...kept, ...own] } };
}

function withUsers(request: CallParsed<'settings.save'>, now: Settings): Settings {
  const { users, admins } = now.authentication;
  const { migration = now.migration, resurrection = now.resurrection, balancing = now.balancing } = request;
  return {
    ...request,
    migration,
    resurrection,
    balancing,
    authentication: { ...request.authentication, users, admins: request.authentication.admins ?? admins },
  };
}

function withUserList(now: Settings, users: Settings['authentication']['users']): Settings {
  return { ...now, authentication: { ...now.authentication, users } };
}

function others(now: Settings, name: string): Settings['authentication']['users'] {
  return now.authentication.users.filter((user) => user.name !== name);
}
