/**
 * Message type bytes and request codes of the PostgreSQL frontend/backend protocol 3.0
 * (PostgreSQL manual, "Message Formats"). Names are the manual's.
 */

/** Types of messages that a client sends. */
export const Client = {
  Bind: 0x42,
  Close: 0x43,
  Describe: 0x44,
  Execute: 0x45,
  FunctionCall: 0x46,
  Flush: 0x48,
  Parse: 0x50,
  Query: 0x51,
  Sync: 0x53,
  Terminate: 0x58,
  CopyDone: 0x63,
  CopyData: 0x64,
  CopyFail: 0x66,
  Password: 0x70,
} as const;

/** Types of messages that a server sends. */
export const Server = {
  ParseComplete: 0x31,
  BindComplete: 0x32,
  CloseComplete: 0x33,
  NotificationResponse: 0x41,
  CommandComplete: 0x43,
  DataRow: 0x44,
  ErrorResponse: 0x45,
  CopyInResponse: 0x47,
  CopyOutResponse: 0x48,
  EmptyQueryResponse: 0x49,
  BackendKeyData: 0x4b,
  NoticeResponse: 0x4e,
  Authentication: 0x52,
  ParameterStatus: 0x53,
  RowDescription: 0x54,
  FunctionCallResponse: 0x56,
  CopyBothResponse: 0x57,
  ReadyForQuery: 0x5a,
  CopyDone: 0x63,
  CopyData: 0x64,
  NoData: 0x6e,
  PortalSuspended: 0x73,
  ParameterDescription: 0x74,
  NegotiateProtocolVersion: 0x76,
} as const;

/** Bytes of ReadyForQuery's transaction status. */
export const Status = { Idle: 0x49, InTransaction: 0x54, Failed: 0x45 } as const;

/** Codes in the place of the protocol version in a packet without a type byte. */
export const Request = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const;

/** Protocol 3.0 as it stands in a StartupMessage. */
export const PROTOCOL_3_0 = 196608;

/** Type byte and length. */
export const HEADER_BYTES = 5;

/** Longest legal value of a message's length field: PostgreSQL's own limit (1 GB - 1), its length included. */
export const MAX_MESSAGE_LENGTH = 0x3fffffff;

/** Longest startup packet, its own length included: PostgreSQL's MAX_STARTUP_PACKET_LENGTH counts the rest. */
export const MAX_STARTUP_LENGTH = 10_004;

const clientTypes = new Uint8Array(256);
for (const type of Object.values(Client)) clientTypes[type] = 1;
clientTypes[Client.Password] = 0;

/** True for the types that a client may send after the login. */
export function isClientType(type: number): boolean {
  return clientTypes[type] === 1;
}

/** True for what a server may send without having been asked: an ErrorResponse is then its goodbye. */
export function isUnasked(type: number): boolean {
  return (
    type === Server.NoticeResponse ||
    type === Server.NotificationResponse ||
    type === Server.ParameterStatus ||
    type === Server.ErrorResponse
  );
}
