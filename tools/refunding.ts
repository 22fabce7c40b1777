// Money of an order that goes back at the operator's command: the order is named, the command sent, and what moved
// is waited for and told.

import { formatMinor } from "../firmware/money.ts";
import type { Action } from "../firmware/producer/command.ts";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import type { Answer, Operator } from "./operator.ts";
import { resolveFlow } from "./operator-flows.ts";

const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 1_000;

export interface OrderPayment {
  state: string;
  way: string;
  currency: string;
  takenMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  refundedLaterMinor: number;
  owedMinor: number;
  leftMinor: number;
  pendingMinor?: number;
}

/** The id of an order. Errors: `usage`, `not-found`, `order-unknown`. */
export async function resolveOrder(
  operator: Operator,
  reference: string | undefined,
): Promise<Result<string>> {
  const id = await resolveFlow(operator, reference);
  if (!id.ok || /^[0-9a-f]{16}$/.test(id.value)) return id;
  return fail("usage", `${id.value} is no order: 16 hexadecimal digits, or last`, "ORDER");
}

export async function askPayment(operator: Operator, order: string): Promise<Result<OrderPayment>> {
  const answer = await operator.do({ do: "payment", order });
  return answer.ok ? ok(answer.value as unknown as OrderPayment) : answer;
}

/** Commands it, and tells what moved; the device goes on by itself where that takes longer than `waitS`. */
export async function giveBack(
  operator: Operator,
  order: string,
  action: Extract<Action, { do: "payment-refund" | "payment-reverse" }>,
  waitS: number,
): Promise<Result<void>> {
  const before = await askPayment(operator, order);
  if (!before.ok) return before;
  const done = await operator.do(action);
  if (!done.ok) return atMost(done.fault, before.value.leftMinor);
  const deadlineMs = performance.now() + 1000 * waitS;
  let now = await askPayment(operator, order);
  for (let lookMs = LOOK_MS_MIN; now.ok && isMoving(now.value); ) {
    if (performance.now() > deadlineMs) break;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    lookMs = Math.min(2 * lookMs, LOOK_MS_MAX);
    now = await askPayment(operator, order);
  }
  if (!now.ok) return now;
  return tell(operator, order, { done: done.value, before: before.value, now: now.value });
}

/** The most that may be given back, as it is typed. */
export function atMost({ kind, message, at }: Fault, leftMinor: number): Result<never> {
  if (at === "amountMinor") return fail(kind, `${message}: --amount ${leftMinor}`);
  return fail(kind, message, at);
}

function isMoving({ state, pendingMinor }: OrderPayment): boolean {
  return state === "closing" || pendingMinor !== undefined;
}

interface Moved {
  done: Answer;
  before: OrderPayment;
  now: OrderPayment;
}

function tell(
  { out, device }: Operator,
  order: string,
  { done, before, now }: Moved,
): Result<void> {
  const { currency, refundedMinor, refundedLaterMinor, way } = now;
  const text = (minor: number): string => formatMinor(minor, currency);
  const later = refundedLaterMinor - before.refundedLaterMinor;
  const atEnd = refundedMinor - before.refundedMinor;
  const releasedMinor =
    way === "hold" && before.state !== "closed" ? before.takenMinor - now.capturedMinor : 0;
  const movedMinor = later + atEnd;
  out.emit({
    step: "refund",
    device,
    order,
    movedMinor,
    releasedMinor,
    pending: isMoving(now),
    ...now,
  });
  if (isMoving(now)) {
    out.say("the payment host has not answered yet: the device goes on with it, over restarts too");
    out.say(`Next: sluice refund ${order} --show`);
    return ok(undefined);
  }
  out.say(`${text(movedMinor)} of order ${order} went back`);
  if (releasedMinor > 0) out.say(`${text(releasedMinor)} that was held is released`);
  const wantedMinor = Number(done["amountMinor"] ?? before.leftMinor) - releasedMinor;
  if (movedMinor < wantedMinor) {
    const owed = text(wantedMinor - movedMinor);
    return fail("declined", `the payment host does not give back ${owed}: it is owed to the payer`);
  }
  out.say(`${text(now.leftMinor)} of it stays with the seller`);
  return ok(undefined);
}
