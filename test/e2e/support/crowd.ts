/** Real clients of one test, and the keyboard as the only hand. */
import { expect, type Locator, type Page } from '@playwright/test';
import type { RunningHost } from './host.ts';
import { LiveClient } from './live-client.ts';

/** The clients of one test: `leave` ends them all. */
export class Crowd {
  readonly #clients: LiveClient[] = [];

  /** One client through the proxy, under this application name. */
  async join(host: RunningHost, application: string, endpoint = 'ep-a'): Promise<LiveClient> {
    const client = await LiveClient.connect({ port: host.proxy.port, endpoint, application });
    this.#clients.push(client);
    return client;
  }

  /** Several at once, in order. */
  async joinAll(host: RunningHost, applications: readonly string[], endpoint = 'ep-a'): Promise<LiveClient[]> {
    const clients: LiveClient[] = [];
    for (const application of applications) clients.push(await this.join(host, application, endpoint));
    return clients;
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }
}

/** The port of the server that answers this client now. */
export async function portOf(client: LiveClient): Promise<unknown> {
  return (await client.query('select inet_server_port() as port'))[0]?.['port'];
}

/** Presses Tab, or Shift and Tab, until the control has the focus. */
export async function tabTo(page: Page, control: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await expect(control).toBeVisible();
  for (let steps = 0; steps < 80; steps += 1) {
    if (await control.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  await expect(control, `reached by ${key}`).toBeFocused();
}
