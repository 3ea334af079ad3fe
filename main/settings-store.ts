/** Keeps the settings in a file: JSON that people may edit, replaced as a whole, readable by its owner only. */
import * as z from 'zod';
import { CallError, settings as settingsSchema, type Settings } from '../core/contract/index.ts';
import { refuseOpenDoor, type SettingsFile } from '../core/facade/settings.ts';
import { KeptFile } from './kept-file.ts';

/** Settings that cannot be served; the message says where and why. Exit code 2. */
export class UnusableSettings extends Error {
  override readonly name = 'UnusableSettings';
}

/** What was read, and where to keep it from now on; null: in memory only. */
export interface OpenedSettings {
  readonly settings: Settings;
  readonly file: SettingsFile | null;
}

/** What the command line says about settings; null: nothing. */
export interface SettingsWords {
  readonly unknownEndpoint: Settings['unknownEndpoint'] | null;
  readonly tls: Settings['tls']['clients'] | null;
  readonly auth: Settings['authentication']['method'] | null;
  readonly poolMode?: Settings['pooling']['mode'] | null;
  readonly poolProfile?: Settings['pooling']['profile'] | null;
  readonly poolSize?: number | null;
  /** Where clients are to come. */
  readonly listen: { readonly host: string };
}

/**
 * The settings to start with: those of the file, where the command line says nothing else. `file` null: the defaults, in memory.
 * @throws UnusableSettings
 */
export function settingsToStartWith(file: string | null, words: SettingsWords): OpenedSettings {
  const opened = file === null ? null : openSettings(file);
  const settings = overruled(opened?.settings ?? settingsSchema.parse({}), words);
  try {
    refuseOpenDoor(settings, words.listen.host);
  } catch (error) {
    if (error instanceof CallError) throw new UnusableSettings(`${error.message} ${error.hint ?? ''}`.trim());
    throw error;
  }
  if (opened === null) return { file: null, settings };
  return { file: { ...opened.file, load: async () => overruled(await opened.file.load(), words) }, settings };
}

/** The settings, where the command line says nothing else. */
function overruled(kept: Settings, words: SettingsWords): Settings {
  const { tls, authentication, unknownEndpoint, pooling } = kept;
  const clients = words.tls ?? tls.clients;
  // Asked for without a certificate to do it with: the local one, so that it works.
  const certificate =
    words.tls !== null && words.tls !== 'off' && tls.certificate.kind === 'none' ? { kind: 'local' as const } : tls.certificate;
  return {
    ...kept,
    tls: { clients, certificate },
    authentication: { ...authentication, method: words.auth ?? authentication.method },
    unknownEndpoint: words.unknownEndpoint ?? unknownEndpoint,
    pooling: {
      ...pooling,
      mode: words.poolMode ?? pooling.mode,
      profile: words.poolProfile ?? pooling.profile,
      size: words.poolSize ?? pooling.size,
    },
  };
}

/**
 * Reads a settings file; one that is missing gives the defaults and is made by the first `save`.
 * @throws UnusableSettings
 */
export function openSettings(file: string): OpenedSettings & { readonly file: SettingsFile } {
  const kept = keptFile(file);
  return {
    settings: kept.text === null ? settingsSchema.parse({}) : parseSettings(kept.text, kept.path),
    file: {
      path: kept.path,
      save: (settings) => kept.replace(`${JSON.stringify(settings, null, 2)}\n`),
      load: async () => {
        const text = await kept.reread();
        try {
          return text === null ? settingsSchema.parse({}) : parseSettings(text, kept.path);
        } catch (error) {
          if (error instanceof UnusableSettings) throw new CallError('unusable_settings', error.message);
          throw error;
        }
      },
    },
  };
}

function keptFile(file: string): KeptFile {
  try {
    return new KeptFile(file);
  } catch (error) {
    throw new UnusableSettings(`The settings in ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Reads the text of a settings file. @throws UnusableSettings */
function parseSettings(text: string, place: string): Settings {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    // The parser's words quote the text, and verifiers are in it.
    throw new UnusableSettings(`The settings in ${place} are not JSON. Mend or remove the file.`);
  }
  const parsed = settingsSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new UnusableSettings(`The settings in ${place} cannot be used:\n${parsed.error.issues.map(describe).join('\n')}`);
}

/** One complaint, with the place it is about; never a value, which may be a secret. */
function describe(issue: z.core.$ZodIssue): string {
  const at = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    const words = issue.keys.map((key) => `"${[...issue.path.map(String), key].join('.')}"`).join(', ');
    return `  ${words}: there is no such setting${known === null ? '' : ` (known here: ${known.join(', ')})`}`;
  }
  return `  ${at === '' ? 'the whole file' : at}: ${issue.message}`;
}

/** The settings there are at a place; null where that is not an object of the schema. */
function knownKeys(place: readonly PropertyKey[]): string[] | null {
  let schema: unknown = settingsSchema;
  for (const key of place) {
    const shape = shapeOf(schema);
    if (shape === null) return null;
    schema = shape[String(key)];
  }
  const shape = shapeOf(schema);
  return shape === null ? null : Object.keys(shape);
}

function shapeOf(schema: unknown): Record<string, unknown> | null {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  return inner instanceof z.ZodObject ? inner.shape : null;
}
