/** The private scheme and host of the window; nothing is ever loaded from a file or from the network. */
export const appScheme = 'app';
export const appHost = 'switchyard';
/** What the main window loads. */
export const appUrl = `${appScheme}://${appHost}/index.html`;

/** Whether an address belongs to this application. Parsed, not compared as text: `app://switchyard.example` is another host. */
export function isOwnUrl(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  return url.protocol === `${appScheme}:` && url.host === appHost && url.username === '' && url.password === '';
}
