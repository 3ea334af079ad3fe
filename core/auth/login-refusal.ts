/** A client's login cannot go on. */

/** Message and detail are for the client; `forOperator` (why, where the client must not learn it) is for the event log only. */
export class LoginRefusal extends Error {
  readonly sqlState: string;
  readonly detail: string | null;
  readonly forOperator: string | null;
  constructor(sqlState: string, message: string, detail: string | null = null, forOperator: string | null = null) {
    super(message);
    this.name = 'LoginRefusal';
    this.sqlState = sqlState;
    this.detail = detail;
    this.forOperator = forOperator;
  }
}

/** PostgreSQL's own words, the same for a wrong password and for a user that does not exist. */
export function wrongPassword(user: string, forOperator: string | null = null): LoginRefusal {
  return new LoginRefusal('28P01', `password authentication failed for user "${user}"`, null, forOperator);
}
