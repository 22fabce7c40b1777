// The operator's commands to a running device: signed, each carried out once, in the order of their numbers, and
// on record. What a command changes, its number and its record are one commit; what it was answered stays with
// it, so that a command whose answer was lost is asked again without being done again.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes } from "../bytes.ts";
import { FAULT_CODES, faultKind } from "../fault.ts";
import type { Log } from "../log.ts";
import { type MessageOf, pulses } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { bytes, field, map, type Of, optional, text, uint } from "../protocol/schema.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import { shortDigest } from "../token/signed.ts";
import { ANSWER_BYTES_MAX, outcomeOf, type Plan } from "./actions.ts";
import { auditWrites } from "./audit.ts";
import { type ActionName, verifyCommand } from "./command.ts";

const KIND = "operation";
const QUESTIONS: ReadonlySet<ActionName> = new Set([
  ...(["status", "audit", "services"] as const),
  ...(["flows", "flow-list", "history", "flow-audit", "payment"] as const),
  "order-log",
]);

const lastRecord = map({
  number: field(1, pulses),
  /** Of the signed command. */
  digest: field(2, bytes(16)),
  answer: optional(3, text(ANSWER_BYTES_MAX)),
  fault: optional(
    4,
    map({ code: field(1, uint(65_535)), message: field(2, text(512)), at: optional(3, text(96)) }),
  ),
});
type Last = Of<typeof lastRecord>;

export interface Operation {
  /** The number of the next command. */
  next(): number;
  /**
   * Errors: `not-operator`, `operation-number`, and what the action itself is refused with: its number is used
   * up then, too. Throws HalError; then nothing changed.
   */
  operate(command: Uint8Array): Promise<Result<MessageOf<"operated">>>;
}

export interface OperationPorts {
  store: Store;
  crypto: Crypto;
  clock: Clock;
  log: Log;
  device: string;
  operatorKey: Uint8Array;
  plan: Plan;
}

/** Number of the last command that was carried out, and its answer. Throws HalError, `corrupt`. */
export async function readLastOperation(store: Store): Promise<Last | undefined> {
  const body = await store.get(KIND, "last");
  return body === undefined ? undefined : readRecord(lastRecord, KIND, "last", body);
}

export function openOperation(ports: OperationPorts, last: Last | undefined): Operation {
  return new NumberedOperation(ports, last);
}

class NumberedOperation implements Operation {
  readonly #ports: OperationPorts;
  #last: Last | undefined;

  constructor(ports: OperationPorts, last: Last | undefined) {
    this.#ports = ports;
    this.#last = last;
  }

  next(): number {
    return (this.#last?.number ?? 0) + 1;
  }

  async operate(command: Uint8Array): Promise<Result<MessageOf<"operated">>> {
    const { store, crypto, clock, log, device, operatorKey, plan } = this.#ports;
    const read = verifyCommand(command, device, operatorKey, crypto);
    if (!read.ok) return read;
    const { number, action } = read.value;
    const digest = shortDigest(crypto, command);
    const last = this.#last;
    if (last?.number === number && equalBytes(last.digest, digest)) return answerOf(last);
    if (number !== this.next()) {
      const message = `the next command has number ${this.next()}: sign it anew`;
      return fail("operation-number", message, "command.number");
    }
    const planned = await plan(action, number);
    // A question changes nothing: it uses up no number and leaves no record, so that a monitor neither wears the
    // disk nor pushes what was changed out of the audit.
    if (QUESTIONS.has(action.do)) {
      if (!planned.ok) return planned;
      const { answer = "" } = planned.value;
      return ok({ is: "operated", number, answer });
    }
    const next: Last = { number, digest };
    if (!planned.ok) next.fault = toKept(planned.fault);
    else if (planned.value.answer !== undefined) next.answer = planned.value.answer;
    const outcome = outcomeOf(planned);
    await store.commit([
      ...(planned.ok ? planned.value.writes : []),
      ...auditWrites(clock, number, action, outcome),
      writeRecord(lastRecord, KIND, "last", next),
    ]);
    this.#last = next;
    if (planned.ok) planned.value.apply();
    log("info", "commanded", { number, action: action.do, outcome });
    return answerOf(next);
  }
}

/** Words may quote what was sent: kept as a record can hold them, whole characters. */
function toKept({ kind, message, at }: Fault): NonNullable<Last["fault"]> {
  const words = [...message.replace(/\p{Cc}|\p{Surrogate}/gu, " ")].slice(0, 120).join("");
  const kept = { code: FAULT_CODES[kind], message: words };
  return at === undefined ? kept : { ...kept, at: at.slice(0, 32) };
}

function answerOf({ number, answer, fault }: Last): Result<MessageOf<"operated">> {
  if (fault !== undefined) return fail(faultKind(fault.code), fault.message, fault.at);
  return ok(answer === undefined ? { is: "operated", number } : { is: "operated", number, answer });
}
