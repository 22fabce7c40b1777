// Orders of which a session runs, and the names of their sessions on the loop's side.

import { fail, ok, type Result } from "../result.ts";
import { milliUnits } from "../units.ts";
import type { Journal } from "./journal.ts";
import { type Order, ratioOf, SESSIONS_PER_ORDER_MAX } from "./order.ts";

export function loopSession({ id, running }: Order): string {
  return `${id}/${running?.session ?? 0}`;
}

export function runningOrders(journal: Journal): readonly Order[] {
  return [...journal.orders()].filter(({ running }) => running !== undefined);
}

export function runningOn(journal: Journal, outlet: string): Order | undefined {
  for (const one of journal.orders()) {
    if (one.outlet === outlet && one.running !== undefined) return one;
  }
  return undefined;
}

/** Undefined for a session that is over. */
export function orderOfSession(journal: Journal, session: string): Order | undefined {
  const one = journal.order(session.split("/")[0] ?? "");
  return one?.running !== undefined && loopSession(one) === session ? one : undefined;
}

/** For the log. */
export function amountOf(one: Order, pulses: number) {
  const { id, outlet, terms } = one;
  const amount = milliUnits(pulses, ratioOf(one));
  return { order: id, outlet, pulses, milliUnits: amount, unit: terms.unit };
}

/** Whether a session of that number may be the order's next one. Errors: `session-unknown`, `too-many`. */
export function nextSessionWrong(one: Order, session: number): Result<void> {
  const next = one.sessions + 1;
  if (session !== next) {
    const { fault } = fail("session-unknown", `the next session is ${next}`, "session");
    return { ok: false, fault: { ...fault, session: next } };
  }
  if (one.sessions < SESSIONS_PER_ORDER_MAX) return ok(undefined);
  return fail("too-many", `an order has at most ${SESSIONS_PER_ORDER_MAX} sessions: end it`);
}
