/** Endpoints whose new clients the operator keeps out (DISABLE), and all of them once the program is to end. */

/** See the head of this file. Clients that are in stay in. */
export class ClosedDoors {
  readonly #disabled = new Set<string>();
  #allClosed = false;

  isDisabled(endpoint: string): boolean {
    return this.#disabled.has(endpoint);
  }

  setDisabled(endpoint: string, disabled: boolean): void {
    if (disabled) this.#disabled.add(endpoint);
    else this.#disabled.delete(endpoint);
  }

  get areAllClosed(): boolean {
    return this.#allClosed;
  }

  closeAll(): void {
    this.#allClosed = true;
  }

  /** Why a new client of the endpoint is refused; null: it is not. */
  refusal(endpoint: string): { readonly message: string; readonly hint?: string } | null {
    if (this.#allClosed) return { message: 'Switchyard is shutting down' };
    if (!this.#disabled.has(endpoint)) return null;
    return { message: `endpoint "${endpoint}" is disabled`, hint: 'The operator of Switchyard lets clients in again with ENABLE.' };
  }
}
