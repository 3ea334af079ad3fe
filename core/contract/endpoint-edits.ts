/** Edits of the endpoint map as a window stages them, and what comes of them; drafts that were imported, servers that were found. */
import * as z from 'zod';
import { backendColor, endpointId, poolMode, poolProfile } from './model.ts';

const url = z.string().min(1).max(4096);
/** Names a password that the host keeps for a draft it has read; the password itself never crosses back. */
export const draftPassword = z.string().min(1).max(64);

/** One change of the map. `save` adds a line, changes it, renames it (`replaces`), makes it the default; see `endpoints.save`. */
export const endpointChange = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('save'),
    id: endpointId,
    url,
    password: z.string().max(1024).optional(),
    passwordFrom: draftPassword.optional(),
    replaces: endpointId.optional(),
    makeDefault: z.boolean().optional(),
    /** Left out: as it is. */
    pooling: z.strictObject({ mode: poolMode, profile: poolProfile }).optional(),
    /** The colour of the backend it points at; left out: as it is. */
    color: backendColor.optional(),
  }),
  z.strictObject({ kind: z.literal('remove'), id: endpointId }),
]);
export type EndpointChange = z.infer<typeof endpointChange>;

/** What one change does, with all those before it. */
export const changeEffect = z.object({
  endpoint: z.string(),
  /** Where the endpoint points then; null: it is gone. */
  backend: z.string().nullable(),
  /** In words, one sentence each. Empty: nothing would change. */
  does: z.array(z.string()),
  /** Sessions of this endpoint that stay on another backend until they are moved. */
  stranded: z.array(z.number().int().positive()),
  /** Why it cannot be done; null: it can. */
  problem: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  /** Sessions that stand in its way. */
  blockers: z.array(z.number().int().positive()),
});
export type ChangeEffect = z.infer<typeof changeEffect>;

/** Where drafts of endpoints are read from. */
export const importSource = z.enum(['url', 'pgpass', 'service']);
export type ImportSource = z.infer<typeof importSource>;

/** A line that could be added to the map. */
export const endpointDraft = z.object({
  /** Unlike every endpoint and every other draft. */
  id: endpointId,
  /** Without the password. */
  url,
  /** There is a password: the host has it under this name, for `endpoints.test` and `endpoints.apply`. */
  passwordFrom: draftPassword.nullable(),
  /** The endpoint that points there already, with the same database and role. */
  mapped: z.string().nullable(),
  /** What was left out or filled in, in words. */
  notes: z.array(z.string()),
});
export type EndpointDraft = z.infer<typeof endpointDraft>;

/** What could not be read. Never quotes the text: there may be a password in it. */
export const importProblem = z.object({ line: z.number().int().positive().nullable(), message: z.string(), hint: z.string().nullable() });
export type ImportProblem = z.infer<typeof importProblem>;

/** A server on this machine that speaks PostgreSQL's protocol. */
export const foundServer = z.object({
  /** An address, or the folder of a Unix socket. */
  host: z.string(),
  port: z.number().int(),
  via: z.enum(['socket', 'port']),
  /** It let us in without being told a password. */
  answers: z.boolean(),
  /** What it said, in words. */
  message: z.string(),
  hint: z.string().nullable(),
  /** For example `PostgreSQL 18.4`; null: it tells nobody who is not logged in. */
  version: z.string().nullable(),
  /** To be added as it stands, or to be completed. */
  draft: endpointDraft,
});
export type FoundServer = z.infer<typeof foundServer>;
