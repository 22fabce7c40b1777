// What the operator may do to payments while the device runs: give an order's money back, and whatever the desk of
// the flow engine takes. Planned like every other action.

import { utf8 } from "../bytes.ts";
import { formatMinor } from "../money.ts";
import type { FlowDesk } from "../payment/flow-desk.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Planned } from "./actions.ts";
import type { ChangedCatalogue } from "./catalogue-store.ts";
import { type Action, EVERYWHERE } from "./command.ts";
import type { Journal } from "./journal.ts";
import { capturedMinor, type Order } from "./order.ts";
import {
  openRefund,
  REFUNDS_MAX,
  refundableMinor,
  refundedLaterMinor,
  refunding,
  reversing,
} from "./order-refunds.ts";

export interface PaymentActionPorts {
  services: Pick<ChangedCatalogue, "listed">;
  /** Absent where no flow engine stands behind the payments. */
  desk: FlowDesk | undefined;
  journal: Journal;
  /** Starts to move what a closing, or a closed, order still has to move. */
  settle(closing: Order): void;
  refund(closed: Order): void;
}

export type PaymentAction = Extract<
  Action,
  {
    do:
      | ("flow-set" | "flow-remove" | "flow-service-attach" | "flow-service-detach")
      | ("flow-steer" | "flow-request" | "flows" | "flow-list" | "history" | "flow-audit")
      | ("payment-refund" | "payment-reverse" | "payment");
  }
>;

/** `number` is of the command. Errors: those of the desk, `order-unknown` and others of the order's state. */
export function planPayment(
  ports: PaymentActionPorts,
  action: PaymentAction,
  number: number,
  bytesMax: number,
): Promise<Result<Planned>> | Result<Planned> {
  switch (action.do) {
    case "payment-refund":
      return refund(ports, action.order, action.amountMinor, number);
    case "payment-reverse":
      return reverse(ports, action.order, number);
    case "payment":
      return tellPayment(ports, action.order);
    default:
      return ports.desk === undefined
        ? fail("unsupported", "this device runs no flows", "command.action")
        : planFlow(ports.desk, ports, action, number, bytesMax);
  }
}

async function planFlow(
  desk: FlowDesk,
  { services }: Pick<PaymentActionPorts, "services">,
  action: Exclude<PaymentAction, { do: "payment-refund" | "payment-reverse" | "payment" }>,
  number: number,
  bytesMax: number,
): Promise<Result<Planned>> {
  switch (action.do) {
    case "flow-set":
      return changing(desk.setFlow(action.config));
    case "flow-remove":
      return changing(
        desk.removeFlow(
          action.flow,
          services.listed().map(({ service }) => service),
        ),
      );
    case "flow-service-attach": {
      const { grant, flow, stage, after } = action;
      return changing(
        desk.attach({
          grant,
          ...(flow !== "" && { flow }),
          ...(stage !== EVERYWHERE && { stage }),
          ...(after !== "" && { after }),
        }),
      );
    }
    case "flow-service-detach":
      return changing(desk.detach(action.attached));
    case "flow-steer": {
      const steered = desk.steer(action.flow, action.how);
      return steered.ok ? ok(answering(JSON.stringify(steered.value))) : steered;
    }
    case "flow-request":
      return changing(desk.request(`operator/${number}`, action.type, action.data, action.target));
    case "flows":
      return page(desk.flows(), action.from, bytesMax);
    case "flow-list":
      return page(desk.active(), action.from, bytesMax);
    case "history": {
      const { flow, type, sinceS, untilS, most, from } = action;
      const told = await desk.history({
        ...(flow !== "" && { flow }),
        ...(type !== "" && { type }),
        ...(sinceS > 0 && { fromMs: 1000 * sinceS }),
        ...(untilS > 0 && { toMs: 1000 * untilS }),
        most,
      });
      return page(told, from, bytesMax);
    }
    case "flow-audit":
      return page(await desk.audit(action.flow), action.from, bytesMax);
  }
}

function answering(answer: string): Planned {
  return { writes: [], apply: () => undefined, answer };
}

function changing(change: ReturnType<FlowDesk["setFlow"]>): Result<Planned> {
  if (!change.ok) return change;
  const { writes, apply, answer } = change.value;
  return ok({ writes, apply, ...(answer && { answer: JSON.stringify(answer) }) });
}

/** So much of a long answer as fits: `part` of its JSON, and where the next part begins. */
export function page(told: object, from: number, bytesMax: number): Result<Planned> {
  const whole = JSON.stringify(told);
  const length = whole.length;
  let until = Math.min(length, from + bytesMax);
  for (;;) {
    const rest = until < length ? { next: until } : {};
    const answer = JSON.stringify({ length, part: whole.slice(from, until), ...rest });
    const over = utf8(answer).length - bytesMax;
    if (over <= 0) return ok(answering(answer));
    // A character is at most six bytes of an answer.
    until -= Math.max(1, Math.floor(over / 6));
  }
}

async function find({ journal }: PaymentActionPorts, id: string): Promise<Result<Order>> {
  const order = await journal.find(id);
  if (order === undefined) return fail("order-unknown", "this device has no such order", "order");
  if (order.state === "taking") return fail("payment-pending", "its payment is not decided yet");
  return order.state === "failed" ? fail("order-unpaid", "its payment was not taken") : ok(order);
}

async function refund(
  ports: PaymentActionPorts,
  id: string,
  wantedMinor: number,
  number: number,
): Promise<Result<Planned>> {
  const found = await find(ports, id);
  if (!found.ok) return found;
  const order = found.value;
  if (order.state !== "closed") {
    return fail(
      "out-of-order",
      "it is not closed: what is not delivered comes back then, or reverse it",
    );
  }
  const room = refundRoom(order);
  if (!room.ok) return room;
  const leftMinor = room.value;
  const amountMinor = wantedMinor === 0 ? leftMinor : wantedMinor;
  if (amountMinor > leftMinor) {
    return fail(
      "out-of-range",
      `at most ${formatMinor(leftMinor, order.terms.currency)} is left of what was captured`,
      "amountMinor",
    );
  }
  return moving(ports, refunding(order, number, amountMinor), amountMinor);
}

async function reverse(
  ports: PaymentActionPorts,
  id: string,
  number: number,
): Promise<Result<Planned>> {
  const found = await find(ports, id);
  if (!found.ok) return found;
  const order = found.value;
  if (order.state === "closed") return refund(ports, id, 0, number);
  if (order.state === "closing") return fail("busy", "it is being settled: try again");
  if (order.running !== undefined) {
    return fail("busy", `its delivery runs: end it first, at the outlet ${order.outlet}`);
  }
  const next = reversing(order, number);
  const { writes, note } = ports.journal.plan(next);
  const apply = (): void => {
    note();
    ports.settle(next);
  };
  return ok({ writes, apply, answer: JSON.stringify({ order: id, closing: true }) });
}

function refundRoom(order: Order): Result<number> {
  if (openRefund(order) !== undefined) return fail("busy", "an earlier refund of it is under way");
  if ((order.refunds ?? []).length >= REFUNDS_MAX) {
    return fail("too-many", `an order is refunded at most ${REFUNDS_MAX} times`);
  }
  const leftMinor = refundableMinor(order);
  return leftMinor > 0 ? ok(leftMinor) : fail("refused", "all that was captured went back already");
}

function moving(ports: PaymentActionPorts, next: Order, amountMinor: number): Result<Planned> {
  const { writes, note } = ports.journal.plan(next);
  const apply = (): void => {
    note();
    ports.refund(next);
  };
  return ok({ writes, apply, answer: JSON.stringify({ order: next.id, amountMinor }) });
}

async function tellPayment(ports: PaymentActionPorts, id: string): Promise<Result<Planned>> {
  const order = await ports.journal.find(id);
  if (order === undefined) return fail("order-unknown", "this device has no such order", "order");
  const { state, terms, takenMinor, settlement, way = "prepaid", reference, why } = order;
  const pending = openRefund(order);
  const told = {
    order: id,
    state,
    way,
    currency: terms.currency,
    takenMinor,
    capturedMinor: way === "hold" ? (settlement?.capturedMinor ?? 0) : takenMinor,
    refundedMinor: settlement?.refundMinor ?? 0,
    refundedLaterMinor: refundedLaterMinor(order),
    owedMinor: settlement?.owedMinor ?? 0,
    leftMinor: state === "closed" ? refundableMinor(order) : capturedMinor(order),
    refunds: (order.refunds ?? []).slice(-4),
    ...(pending && { pendingMinor: pending.amountMinor }),
    ...(reference !== undefined && { reference }),
    ...(why !== undefined && { why }),
  };
  return ok(answering(JSON.stringify(told)));
}
