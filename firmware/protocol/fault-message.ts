// Faults as messages, and back: what a peer is told of expected trouble.

import { utf8 } from "../bytes.ts";
import { FAULT_CODES, faultKind } from "../fault.ts";
import type { Fault } from "../result.ts";
import { FAULT_AT_BYTES_MAX, FAULT_WORDS_BYTES_MAX, type MessageOf } from "./messages.ts";

export function faultMessage(fault: Fault): MessageOf<"fault"> {
  const told: MessageOf<"fault"> = { is: "fault", code: FAULT_CODES[fault.kind] };
  if (fault.message !== "") told.message = cut(fault.message, FAULT_WORDS_BYTES_MAX);
  if (fault.at !== undefined) told.at = cut(fault.at, FAULT_AT_BYTES_MAX);
  if (fault.supply !== undefined) told.supply = fault.supply;
  if (fault.session !== undefined) told.session = fault.session;
  return told;
}

/** Words may quote what a peer sent: made fit to send, whole characters up to so many bytes of UTF-8. */
export function cut(words: string, bytesMax: number): string {
  let fitting = "";
  let left = bytesMax;
  for (const character of words.replace(/\p{Cc}|\p{Surrogate}/gu, " ")) {
    left -= utf8(character).length;
    if (left < 0) break;
    fitting += character;
  }
  return fitting;
}

export function toFault(message: MessageOf<"fault">): Fault {
  const kind = faultKind(message.code);
  const words = message.message ?? kind;
  const fault: Fault = { kind, message: words };
  if (message.at !== undefined) fault.at = message.at;
  if (message.supply !== undefined) fault.supply = message.supply;
  if (message.session !== undefined) fault.session = message.session;
  return fault;
}
