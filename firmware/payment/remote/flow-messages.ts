// What a device and a flow service elsewhere say to each other, inside the sealed frames: a CBOR array of kind, call
// and a map with integer keys. The acknowledgement of a message is no message: the line says what came.

import { type CborValue, decodeCbor, encodeCbor } from "../../protocol/cbor.ts";
import { cut } from "../../protocol/fault-message.ts";
import {
  FLOW_DEPTH_MAX,
  FLOW_MESSAGE_BYTES_MAX,
  type FlowSide,
} from "../../protocol/flow-frames.ts";
import {
  field,
  flag,
  map,
  named,
  type Of,
  oneOf,
  optional,
  plain,
  readCbor,
  type Type,
  text,
} from "../../protocol/schema.ts";
import { fail, ok, type Result } from "../../result.ts";
import { SEVERITIES } from "../model/audit-entry.ts";
import { FLOW_ERRORS, REJECTIONS, SERVICE_ERRORS } from "../rules/rejection.ts";
import "../model/data-value.ts";
import { flowEvent } from "../model/flow-event.ts";
import { paymentResponse } from "../model/payment.ts";
import { response } from "../model/request.ts";
import { identifier, stageName } from "../model/transaction.ts";

const WORDS_BYTES_MAX = 160;
const words = text(WORDS_BYTES_MAX);

/** Whatever the stage takes or answers: checked against the stage's own shape by whoever reads it. */
const model: Type<CborValue> = {
  toCbor: (value) => value,
  fromCbor: (value) => value,
  toJson: () => null,
  fromJson: () => null,
  bytesMax: FLOW_MESSAGE_BYTES_MAX,
  cddl: plain("any"),
};

/** Numbers on the wire: only ever added to. */
const FLOW_MESSAGES = {
  // 1..15 from the device
  ready: { kind: 1, from: "device", body: map({}) }, // the session has begun
  request: {
    kind: 2,
    from: "device",
    body: map({
      id: field(1, identifier),
      stage: field(2, stageName),
      flowType: field(3, identifier),
      initiator: field(4, identifier),
      background: optional(5, flag),
      input: field(6, model),
    }),
  },
  tell: { kind: 3, from: "device", body: map({ event: field(1, flowEvent) }) },
  "get-info": { kind: 4, from: "device", body: map({}) },
  refused: {
    kind: 5,
    from: "device",
    body: map({
      code: field(1, named("service-error", oneOf(SERVICE_ERRORS))),
      why: field(2, words),
    }),
  },
  ended: {
    kind: 6,
    from: "device",
    body: map({ payment: optional(1, paymentResponse), response: optional(2, response) }),
  },
  ping: { kind: 7, from: "device", body: map({}) }, // are you there? the line answers
  // 16..31 from the service
  audit: {
    kind: 16,
    from: "service",
    body: map({ severity: field(1, oneOf(SEVERITIES)), says: field(2, text(256)) }),
  },
  event: { kind: 17, from: "service", body: map({ event: field(1, flowEvent) }) },
  response: {
    kind: 18,
    from: "service",
    // The request is named only where the service names another one than it was given.
    body: map({ requestId: optional(1, identifier), output: optional(2, model) }),
  },
  failure: {
    kind: 19,
    from: "service",
    body: map({ code: field(1, named("flow-error", oneOf(FLOW_ERRORS))), why: field(2, words) }),
  },
  unfit: {
    kind: 20,
    from: "service",
    // It answered, but with what cannot be sent.
    body: map({ code: field(1, named("rejection", oneOf(REJECTIONS))), why: field(2, words) }),
  },
  info: { kind: 21, from: "service", body: map({ info: field(1, model) }) },
  "info-changed": { kind: 22, from: "service", body: map({}) },
  "refused-answer": { kind: 23, from: "service", body: map({ handled: field(1, flag) }) },
} as const;

export type FlowMessageName = keyof typeof FLOW_MESSAGES;
export type FlowMessage = {
  [K in FlowMessageName]: { is: K; call: number } & Of<(typeof FLOW_MESSAGES)[K]["body"]>;
}[FlowMessageName];

const NAMES = new Map<number, FlowMessageName>(
  Object.entries(FLOW_MESSAGES).map(([name, { kind }]) => [kind, name as FlowMessageName]),
);
const CALL_MAX = 0xffff_ffff;

/** Error: `too-large`. `call` is 0 where a message belongs to none. */
export function encodeFlowMessage(message: FlowMessage): Result<Uint8Array> {
  const { kind, body } = FLOW_MESSAGES[message.is];
  const toCbor = body.toCbor as (value: FlowMessage) => CborValue;
  const encoded = encodeCbor([kind, message.call, toCbor(message)], FLOW_DEPTH_MAX);
  if (encoded.length <= FLOW_MESSAGE_BYTES_MAX) return ok(encoded);
  return fail(
    "too-large",
    `${message.is} is ${encoded.length} bytes, at most ${FLOW_MESSAGE_BYTES_MAX} are sent`,
    message.is,
  );
}

/** Errors: `malformed`, `too-large`, `unsupported` for a kind that is not known here or not `from` that side. */
export function decodeFlowMessage(bytes: Uint8Array, from: FlowSide): Result<FlowMessage> {
  const decoded = decodeCbor(bytes, FLOW_MESSAGE_BYTES_MAX, FLOW_DEPTH_MAX);
  if (!decoded.ok) return decoded;
  const items = Array.isArray(decoded.value) ? (decoded.value as CborValue[]) : [];
  const [kind, call, given] = items;
  const isCall = typeof call === "number" && call >= 0 && call <= CALL_MAX;
  if (!isCall || given === undefined)
    return fail("malformed", "a message is kind, call, body", "message");
  const name = typeof kind === "number" ? NAMES.get(kind) : undefined;
  if (name === undefined || FLOW_MESSAGES[name].from !== from) {
    return fail("unsupported", `message kind ${String(kind)} is not known here`, "message.0");
  }
  const body = readCbor<object>(FLOW_MESSAGES[name].body as never, given, name);
  return body.ok ? ok({ is: name, call, ...body.value } as FlowMessage) : body;
}

/** Words of whatever origin, made fit to send. */
export function fitWords(given: string): string {
  return cut(given, WORDS_BYTES_MAX);
}
