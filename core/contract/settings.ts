/**
 * The settings of the proxy: how clients may come in, and within which limits. One schema for the settings file, the command line
 * and the window; every value has a default, unknown keys are refused. Times are seconds here because people write them.
 */
import * as z from 'zod';
import { endpointId, poolMode, poolProfile } from './model.ts';

const seconds = (standard: number) => z.number().int().min(0).max(86_400).default(standard);
const limit = (standard: number) => z.number().int().min(0).max(1_000_000).default(standard);
const admins = z.array(z.string().min(1).max(63)).max(1_000).default([]);
const path = z.string().min(1).max(4096);

/** Where the certificate for clients comes from. `local`: a certificate authority of Switchyard's own, made on request. */
export const certificateSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('local') }),
  z.strictObject({ kind: z.literal('files'), certificate: path, key: path }),
]);

/** How clients prove who they are. `trust` only on loopback; `password` in clear only over TLS or on loopback. */
export const authenticationMethod = z.enum(['trust', 'scram-sha-256', 'md5', 'password']);

/**
 * What may be carried along in a move although it costs more than a look (postgres-session-state.md section 9); what may not refuses the
 * move.
 */
export const carryOptions = z.strictObject({
  advisoryLocks: z.boolean().default(false),
  heldCursors: z.boolean().default(false),
  temporaryTables: z.boolean().default(false),
  sequences: z.boolean().default(false),
});
export type CarryOptions = z.infer<typeof carryOptions>;

/** How sessions are moved. */
export const migrationSettings = z.strictObject({
  /** Where an operation does not say otherwise. */
  carry: carryOptions.prefault({}),
  /** Most transfers that prepare (ask, dial, log in) at the same time; those that wait for their session's safe point are not counted. */
  atOnce: z.number().int().min(1).max(1_000).default(8),
  /** Most of these at one target backend. */
  loginsPerBackend: z.number().int().min(1).max(1_000).default(8),
});
export type MigrationSettings = z.infer<typeof migrationSettings>;

/** Keeps the numbers of sessions on the backends of a group alike. Without a group it is off. */
export const balancingSettings = z.strictObject({
  /** Endpoints that stand for the same data, so that any of their sessions may be on any of them. */
  groups: z
    .array(z.strictObject({ name: z.string().min(1).max(63), endpoints: z.array(endpointId).min(2).max(100) }))
    .max(100)
    .default([]),
  everySeconds: z.number().int().min(15).max(86_400).default(30),
  /** Share of the overload that is moved in one round, rounded up. */
  rate: z.number().gt(0).max(1).default(0.5),
  /** How far from the average a backend may be, as a share of it. */
  threshold: z.number().min(0).max(1).default(0.15),
  /** How long a session stays where it is before it may be moved (again). */
  minStaySeconds: z.number().int().min(0).max(86_400).default(60),
});
export type BalancingSettings = z.infer<typeof balancingSettings>;

/** Sessions in session mode whose server goes away while they are at a safe point. */
export const resurrectionSettings = z.strictObject({
  enabled: z.boolean().default(true),
  /** A session is looked at once it has been idle for so long: what it has set can then be made anew. */
  afterIdleSeconds: z.number().int().min(0).max(3_600).default(1),
  /** How long sessions wait for their server before they are ended. */
  withinSeconds: z.number().int().min(1).max(86_400).default(60),
});
export type ResurrectionSettings = z.infer<typeof resurrectionSettings>;

/** See the head of this file. 0 as a limit or a time means: none. */
export const settings = z.strictObject({
  tls: z
    .strictObject({
      /** `off`: encryption requests are answered no; `allow`: yes, and plain text still comes in; `require`: plain text is refused. */
      clients: z.enum(['off', 'allow', 'require']).default('off'),
      certificate: certificateSource.default({ kind: 'none' }),
    })
    .prefault({}),
  authentication: z
    .strictObject({
      method: authenticationMethod.default('trust'),
      /**
       * Whose verifiers are read from `pg_authid` of that endpoint's backend, with the endpoint's own role; null: only the users
       * below are known.
       */
      verifiersFrom: endpointId.nullable().default(null),
      /** Users known by a verifier of their own: `SCRAM-SHA-256$…` or `md5…`, never a password. */
      users: z.array(z.strictObject({ name: z.string().min(1).max(63), verifier: z.string().min(1).max(1024) })).default([]),
      /**
       * Who may run the console's commands; others may only look. Empty: everybody who can log in. With `trust` it means nothing, because
       * everybody may take any name.
       */
      admins,
    })
    .prefault({}),
  /** Most clients at the same time. */
  limits: z.strictObject({ clients: limit(2_000), clientsPerEndpoint: limit(0), clientsPerUser: limit(0) }).prefault({}),
  times: z
    .strictObject({
      /** From the connection to the end of the login. */
      login: seconds(60),
      /** A session without a query and without a transaction. */
      idleClient: seconds(0),
      /** A session in a transaction, since its last answer. */
      idleInTransaction: seconds(0),
      /** A statement that runs for longer is cancelled (57014); its session goes on. The wait for a server connection is not counted. */
      query: seconds(0),
      /** A session whose transaction, or whose single statement, takes longer is ended (25P04), and the transaction rolled back. */
      transaction: seconds(0),
      /** Between TCP keepalive probes, both sides. */
      keepalive: seconds(30),
    })
    .prefault({}),
  /** Ports of their own for endpoints, for clients that can set nothing. */
  listeners: z
    .array(z.strictObject({ endpoint: endpointId, port: z.number().int().min(0).max(65_535) }))
    .max(100)
    .default([]),
  unknownEndpoint: z.enum(['default', 'refuse']).default('default'),
  /** The pools of server connections (pooling.md 2.2). */
  pooling: z
    .strictObject({
      /** For endpoints that have no line of their own below. */
      mode: poolMode.default('session'),
      profile: poolProfile.default('strict'),
      endpoints: z
        .array(z.strictObject({ endpoint: endpointId, mode: poolMode, profile: poolProfile.default('strict') }))
        .max(1_000)
        .default([]),
      /** Server connections of one pool: the most, the least (while a client is there), and how many more in need. */
      size: z.number().int().min(1).max(10_000).default(200),
      min: limit(0),
      reserve: limit(0),
      /** How long somebody has to wait before the reserve is touched. */
      reserveAfter: seconds(5),
      /** Most server connections to one backend, all its pools together. */
      perBackend: limit(0),
      /** How long a session may wait for a server connection, and after what time it is told that it waits. */
      wait: seconds(120),
      waitNotice: seconds(5),
      /** Closed when unused for so long; closed, once it is given back, when it is so old. */
      idle: seconds(600),
      lifetime: seconds(3600),
      /** Asked whether it still answers before it is used, after so long without use. */
      check: seconds(30),
      /** Logins at the same time, per pool. */
      logins: z.number().int().min(1).max(100).default(4),
      /** After a failed login, and with no connection left: how long others are told its error at once. */
      retryAfter: seconds(1),
      /** An open transaction whose client is gone: rolled back and the connection kept, or the connection closed. */
      abandoned: z.enum(['rollback', 'close']).default('rollback'),
    })
    .prefault({}),
  /** Prometheus text at `/metrics`. The headless host has it on the port of its window; this is a port for the desktop app. */
  metrics: z.strictObject({ port: z.number().int().min(0).max(65_535).nullable().default(null) }).prefault({}),
  resurrection: resurrectionSettings.prefault({}),
  migration: migrationSettings.prefault({}),
  balancing: balancingSettings.prefault({}),
});
export type Settings = z.infer<typeof settings>;
/** As a person writes them: everything may be left out. */
export type SettingsInput = z.input<typeof settings>;

/**
 * What a window saves: everything but the users, who have calls of their own and stay as they are; so do the admins, and what is said of
 * moving sessions, if left out.
 */
export const savedSettings = settings.omit({ authentication: true }).extend({
  authentication: z
    .strictObject({
      method: authenticationMethod.default('trust'),
      verifiersFrom: endpointId.nullable().default(null),
      /** Left out: as they are. */
      admins: admins.unwrap().optional(),
    })
    .prefault({}),
  migration: migrationSettings.optional(),
  resurrection: resurrectionSettings.optional(),
  balancing: balancingSettings.optional(),
});

/** What a window sees of the settings: users by name only, and what became of the settings. */
export const settingsView = z.object({
  settings: settings.omit({ authentication: true }).extend({
    authentication: z.object({
      method: authenticationMethod,
      verifiersFrom: z.string().nullable(),
      users: z.array(z.object({ name: z.string() })),
      admins: z.array(z.string()),
    }),
  }),
  /** Path of the certificate that clients need to trust (`sslrootcert`); null without a local authority. */
  authorityFile: z.string().nullable(),
  /** The ports that endpoints' own listeners really have. */
  listeners: z.array(z.object({ endpoint: z.string(), port: z.number().int(), problem: z.string().nullable() })),
  /** Settings that could not be put to work, in words. */
  problems: z.array(z.string()),
  /** Where they are kept; null: only in memory. */
  file: z.string().nullable(),
});
export type SettingsView = z.infer<typeof settingsView>;
