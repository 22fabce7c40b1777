// What one party of an order shows when the two do not agree: its papers as they were signed, the proofs that it let go
// of or was given, and what it counted. One JSON file; reading it trusts nothing.

import {
  amountMinor,
  CHAIN_UNITS_MAX,
  LINK_BYTES,
  pulses,
  STEP_UNITS_MAX,
  WINDOW_UNITS_MAX,
} from "../firmware/protocol/messages.ts";
import {
  bytes,
  field,
  flag,
  list,
  map,
  type Of,
  oneOf,
  optional,
  readJson,
  text,
  uint,
} from "../firmware/protocol/schema.ts";
import { fail, type Result } from "../firmware/result.ts";

export const LOG_TYPE = "sluice-log-1";
/** Only the last proof counts; those before it may stand there too. */
const PROOFS_MAX = 4096;
const COUNTS_MAX = 65_536;
const RECEIPTS_MAX = 256;
const signed = bytes(1, 1024);
const atMs = uint(Number.MAX_SAFE_INTEGER);

const proofLine = map({
  units: field(1, uint(CHAIN_UNITS_MAX)),
  link: field(2, bytes(LINK_BYTES)),
  atMs: optional(3, atMs),
});
const countLine = map({
  /** Delivered so far, of the whole order. */
  pulses: field(1, pulses),
  atMs: optional(2, atMs),
  /** By a meter of the consumer's own; else as the device said. True, or absent. */
  own: optional(3, flag),
});

const logFile = map({
  type: field(1, text(32)),
  role: field(2, oneOf({ consumer: 1, device: 2 })),
  operatorKey: field(3, bytes(32)),
  certificate: field(4, signed),
  offer: field(5, signed),
  commitment: optional(6, signed),
  /** As they were last agreed. */
  step: optional(7, uint(STEP_UNITS_MAX)),
  window: optional(8, uint(WINDOW_UNITS_MAX)),
  proofs: optional(9, list(proofLine, PROOFS_MAX)),
  counts: optional(10, list(countLine, COUNTS_MAX)),
  receipts: field(11, list(signed, RECEIPTS_MAX)),
  /** By the payment host's statement to this party. */
  capturedMinor: optional(12, amountMinor),
});

export type DisputeLog = Readonly<Of<typeof logFile>>;
export type Party = DisputeLog["role"];

/** JSON text, one line of it an item. */
export function logText(log: Omit<DisputeLog, "type">): string {
  return `${JSON.stringify(logFile.toJson({ type: LOG_TYPE, ...log }), null, 2)}\n`;
}

/** Errors: `malformed`, naming the field; `version`. */
export function readLog(json: string): Result<DisputeLog> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return fail("malformed", "it is no JSON: give a file that status --log or history --log wrote");
  }
  const log = readJson(logFile, value, "log");
  if (log.ok && log.value.type !== LOG_TYPE) {
    return fail(
      "version",
      `its type is not ${LOG_TYPE}: it is no log, or of a later version`,
      "log.type",
    );
  }
  return log;
}
