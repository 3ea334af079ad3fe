import type { SessionRow } from '../../../../core/contract/index.ts';

/** Which endpoint the client asked for and how, whatever it has been moved to since. */
export function askedFor({ requestedEndpoint, routedBy }: Pick<SessionRow, 'requestedEndpoint' | 'routedBy'>): string {
  switch (routedBy) {
    case 'options':
      return `${requestedEndpoint}, in the startup options`;
    case 'database':
      return `${requestedEndpoint}, in the database name`;
    case 'sni':
      return `${requestedEndpoint}, in the server name of its TLS greeting`;
    case 'listener':
      return `${requestedEndpoint}, by the port it came to`;
    case 'fallback':
      return `${requestedEndpoint}, which is unknown: it got the default`;
    case 'default':
      return 'none: it got the default';
  }
}

/** What a mark on the row says of a session that did not get what it asked for; null when it did. */
export function fallThrough({ requestedEndpoint, routedBy }: Pick<SessionRow, 'requestedEndpoint' | 'routedBy'>): string | null {
  return routedBy === 'fallback' ? `asked for "${requestedEndpoint}", which is not in the map: it got the default` : null;
}
