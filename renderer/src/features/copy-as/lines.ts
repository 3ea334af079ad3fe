import { environmentLines, passLine, psqlLine, urlLine } from '../../../../core/contract/index.ts';
import type { ConnectTarget } from '../../../../core/contract/index.ts';

/** What an endpoint or a server can be copied as. */
export type TargetFormat = 'psql' | 'url' | 'environment' | 'pgpass';

/** How to connect, as a text to paste. */
export const targetAs: Record<TargetFormat, (target: ConnectTarget) => string> = {
  psql: psqlLine,
  url: urlLine,
  environment: environmentLines,
  pgpass: passLine,
};

/** What was copied, for the message. */
export const targetWords: Record<TargetFormat, string> = {
  psql: 'psql command',
  url: 'URL',
  environment: 'environment variables',
  pgpass: '.pgpass line',
};
