/** An error that the client is told of and lives on with. */
export class SqlError extends Error {
  readonly sqlState: string;
  constructor(sqlState: string, message: string) {
    super(message);
    this.name = 'SqlError';
    this.sqlState = sqlState;
  }
}

/** The connection is gone, or was ended by a knob: nothing more can be said on it. */
export class Gone extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'Gone';
  }
}
