// Payers who wait for their answer while a payment is being decided: answered by the order's next change, or,
// when that takes long, told to ask again.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Caller, Connections } from "./connections.ts";
import { payAnswer } from "./dispatch.ts";
import type { Order } from "./order.ts";

/** A payment that is decided within this time is answered straight away, else with `payment-pending`. */
const PAY_ANSWER_MS = 3_000;

export interface Payers {
  /** The last one who asks about an order waits; who asked before is told to ask again. */
  wait(caller: Caller, order: string): void;
  answer(order: Order): void;
  close(): void;
}

export function openPayers(connections: Connections, clock: Clock): Payers {
  const waiting = new Map<string, { caller: Caller; timer: Timer }>();
  const putOff = (caller: Caller): void => {
    const message = "not decided yet: ask again";
    connections.refuse(caller, { kind: "payment-pending", message });
  };
  return {
    wait: (caller, order) => {
      const before = waiting.get(order);
      before?.timer.cancel();
      if (before !== undefined) putOff(before.caller);
      const timer = after(clock, PAY_ANSWER_MS, () => {
        waiting.delete(order);
        putOff(caller);
      });
      waiting.set(order, { caller, timer });
    },
    answer: (order) => {
      const payer = waiting.get(order.id);
      const answer = payAnswer(order);
      if (payer === undefined || answer === "later") return;
      payer.timer.cancel();
      waiting.delete(order.id);
      if (answer.ok) connections.reply(payer.caller, answer.value);
      else connections.refuse(payer.caller, answer.fault);
    },
    close: () => {
      for (const { timer } of waiting.values()) timer.cancel();
    },
  };
}
