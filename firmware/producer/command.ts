// A command of the operator to one of its devices, signed by the key that vouches for the device. Its number is
// one more than that of the last command, so that none is carried out twice and none out of turn.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { STAGES } from "../payment/model/stages.ts";
import {
  amountMinor,
  COMMAND_BYTES_MAX,
  orderId,
  priceId,
  pulses,
  serviceId,
} from "../protocol/messages.ts";
import {
  bySort,
  bytes,
  field,
  map,
  named,
  type Of,
  oneOf,
  type Type,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { FLOW_GRANT_BYTES_MAX, SERVICE_ID_BYTES_MAX } from "../token/flow-grant.ts";
import { ISSUED_AT, OUR_CLAIMS, type SignedSort, sign, verify } from "../token/signed.ts";
import { priceRecord, serviceRecord } from "./service-record.ts";

/** Registered claim (RFC 8392 section 3.1.3): for which device it is. */
const AUDIENCE = 3;

/** What becomes of unpaid offers and unused tokens of a service that is removed. */
export const REMOVAL_POLICIES = { honour: 1, refund: 2 } as const;
export type RemovalPolicy = keyof typeof REMOVAL_POLICIES;

/** How a running flow is steered. */
export const STEERINGS = { cancel: 1, skip: 2, resume: 3 } as const;
export type Steering = keyof typeof STEERINGS;

/** Of a service that has no place of its own. */
export const EVERYWHERE = "everywhere";
const PLACES = { [EVERYWHERE]: 0, ...STAGES } as const;

const JSON_BYTES_MAX = 1_300;
const FLOW_NAME_BYTES_MAX = 48;
export const HISTORY_ROWS_MAX = 100;

const common = { sort: uint(99), number: pulses };
const flowName = text(FLOW_NAME_BYTES_MAX);
const seconds = uint(0xffff_ffff);
/** Of an answer that is longer than one message: so many characters are there already. */
const from = uint(10_000_000);

/** In the order of their sorts, from 0: only ever added to. */
const ACTIONS = {
  "service-add": named("service-add-command", tuple({ ...common, service: serviceRecord })),
  "service-remove": named(
    "service-remove-command",
    tuple({
      ...common,
      service: serviceId,
      policy: named("removal-policy", oneOf(REMOVAL_POLICIES)),
    }),
  ),
  "price-set": named(
    "price-set-command",
    tuple({ ...common, service: serviceId, price: priceRecord }),
  ),
  "price-remove": named(
    "price-remove-command",
    tuple({ ...common, service: serviceId, price: priceId }),
  ),
  /** 0 is until it is stopped. */
  "broadcast-start": named(
    "broadcast-start-command",
    tuple({ ...common, durationMs: uint(0xffff_ffff) }),
  ),
  "broadcast-stop": named("broadcast-stop-command", tuple(common)),
  "outlet-open": named("outlet-open-command", tuple({ ...common, outlet: text(32) })),
  status: named("status-command", tuple(common)),
  /** Services with their prices and where each came from, from this number on. */
  services: named("services-command", tuple({ ...common, from: serviceId })),
  /** What was commanded, latest first, from this number down; 0 is from the last one. */
  audit: named("audit-command", tuple({ ...common, from: pulses })),
  /** JSON as in a device file. */
  "flow-set": named("flow-set-command", tuple({ ...common, config: text(JSON_BYTES_MAX) })),
  "flow-remove": named("flow-remove-command", tuple({ ...common, flow: flowName })),
  "flow-service-attach": named(
    "flow-service-attach-command",
    tuple({
      ...common,
      grant: bytes(1, FLOW_GRANT_BYTES_MAX),
      flow: flowName,
      stage: named("flow-place", oneOf(PLACES)),
      after: text(SERVICE_ID_BYTES_MAX),
    }),
  ),
  "flow-service-detach": named(
    "flow-service-detach-command",
    tuple({ ...common, attached: text(SERVICE_ID_BYTES_MAX) }),
  ),
  "flow-steer": named(
    "flow-steer-command",
    tuple({ ...common, flow: flowName, how: named("steering", oneOf(STEERINGS)) }),
  ),
  /** 0 is all that is left. */
  "payment-refund": named(
    "payment-refund-command",
    tuple({ ...common, order: orderId, amountMinor }),
  ),
  "payment-reverse": named("payment-reverse-command", tuple({ ...common, order: orderId })),
  "flow-request": named(
    "flow-request-command",
    tuple({
      ...common,
      type: flowName,
      data: text(JSON_BYTES_MAX),
      target: text(SERVICE_ID_BYTES_MAX),
    }),
  ),
  /** Flows, and services that take part or are refused. */
  flows: named("flows-command", tuple({ ...common, from })),
  /** Flows that run. */
  "flow-list": named("flow-list-command", tuple({ ...common, from })),
  /** Flows that have ended, latest first; with `flow` only that one. 0 and empty are any. */
  history: named(
    "history-command",
    tuple({
      ...common,
      flow: flowName,
      type: flowName,
      sinceS: seconds,
      untilS: seconds,
      most: uint(HISTORY_ROWS_MAX),
      from,
    }),
  ),
  "flow-audit": named("flow-audit-command", tuple({ ...common, flow: flowName, from })),
  /** What an order was paid, and what of it went back. */
  payment: named("payment-command", tuple({ ...common, order: orderId })),
  /** What the device can show of an order, in a dispute. */
  "order-log": named("order-log-command", tuple({ ...common, order: orderId, from })),
} as const;

export type ActionName = keyof typeof ACTIONS;
/** What a device is told to do: `do` says which. */
export type Action = {
  [K in ActionName]: { do: K } & Omit<Of<(typeof ACTIONS)[K]>, "sort" | "number">;
}[ActionName];

const NAMES = Object.keys(ACTIONS) as ActionName[];
const sorts = NAMES.map(
  (name) => ACTIONS[name] as unknown as Type<{ sort: number; number: number }>,
);

const claims = map({
  issuedAt: field(ISSUED_AT, uint(0xffff_ffff)),
  device: field(AUDIENCE, text(11)),
  action: field(OUR_CLAIMS, bySort(sorts)),
});

export const COMMAND: SignedSort<Of<typeof claims>> = {
  name: "command",
  claims,
  bytesMax: COMMAND_BYTES_MAX,
};

export interface Command {
  /** Id of the device that it is for. */
  device: string;
  number: number;
  atS: number;
  action: Action;
}

/** Error: `too-large` for a service with more to say than a command can hold. */
export function signCommand(command: Command, operator: Signer): Result<Uint8Array> {
  const { device, number, atS } = command;
  const { do: name, ...rest } = command.action;
  const action = { sort: NAMES.indexOf(name), number, ...rest };
  const signed = sign(COMMAND, { issuedAt: atS, device, action }, operator);
  if (signed.length <= COMMAND_BYTES_MAX) return ok(signed);
  return fail(
    "too-large",
    `a command holds at most ${COMMAND_BYTES_MAX} bytes: say it in several (a service with fewer prices, then the others)`,
  );
}

/** Errors: `not-operator` for another key or another device, and those of `verify`. */
export function verifyCommand(
  signed: Uint8Array,
  device: string,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<Command> {
  const read = verify(COMMAND, signed, operatorKey, crypto);
  if (!read.ok && read.fault.kind === "signature") {
    return fail("not-operator", "the command is not signed by this device's operator");
  }
  if (!read.ok) return read;
  if (read.value.device !== device) {
    return fail("not-operator", "the command is for another device", "command.device");
  }
  const { sort, number, ...rest } = read.value.action;
  const action = { do: NAMES[sort], ...rest } as Action;
  return ok({ device, number, atS: read.value.issuedAt, action });
}
