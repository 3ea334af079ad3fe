/** Who the operator keeps out: new clients of an endpoint (DISABLE) or of all; and everybody once the program is to end. */

/** See the head of this file. Clients that are in stay in. */
export class ClosedDoors {
  readonly #disabled = new Set<string>();
  #admitting = true;
  #allClosed = false;

  isDisabled(endpoint: string): boolean {
    return !this.#admitting || this.#disabled.has(endpoint);
  }

  setDisabled(endpoint: string, disabled: boolean): void {
    if (disabled) this.#disabled.add(endpoint);
    else this.#disabled.delete(endpoint);
  }

  /** False while the operator has all new clients refused. */
  get admitting(): boolean {
    return this.#admitting;
  }

  admit(admit: boolean): void {
    this.#admitting = admit;
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
    if (!this.#admitting) {
      const hint = 'The operator of Switchyard lets clients in again in its window, or with ENABLE.';
      return { message: 'new clients are refused at the moment', hint };
    }
    if (!this.#disabled.has(endpoint)) return null;
    return { message: `endpoint "${endpoint}" is disabled`, hint: 'The operator of Switchyard lets clients in again with ENABLE.' };
  }
}
