/** An error the console answers with; the connection goes on. */
export class ConsoleError extends Error {
  /** SQLSTATE, five characters. */
  readonly sqlState: string;
  readonly hint: string | undefined;
  readonly detail: string | undefined;
  constructor(sqlState: string, message: string, more: { hint?: string | undefined; detail?: string | undefined } = {}) {
    super(message);
    this.name = 'ConsoleError';
    this.sqlState = sqlState;
    this.hint = more.hint;
    this.detail = more.detail;
  }
}
