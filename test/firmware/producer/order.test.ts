// The ways in which an order may change, with money that comes on top of it and money that is only held.

import { describe, expect, test } from "vitest";
import {
  capturedMinor,
  closed,
  closing,
  newOrder,
  type Order,
  orderRecord,
  paid,
  wholeCharge,
} from "../../../firmware/producer/order.ts";
import { readJson } from "../../../firmware/protocol/schema.ts";
import { story } from "../../support/sale.ts";

const { offer, signed } = story;
const { id, consumer: _, expiresS: __, ...terms } = offer;
const TIP = { name: "tip", amountMinor: 20 };
const KEPT = { nonce: new Uint8Array(24), box: new Uint8Array(40), tokenised: false };

const taking = (change: Partial<Order> = {}): Order => ({
  ...newOrder({
    id,
    consumer: "00".repeat(32),
    terms,
    outlet: "socket",
    meter: "energy",
    tokenLifeS: 60,
    offer: signed.offer,
    madeS: 1,
    credential: KEPT,
    further: [KEPT],
    maximumMinor: terms.totalMinor + 20,
  }),
  ...change,
});
const taken = (takenMinor: number, extras: readonly (typeof TIP)[] = []) => ({
  reference: "sim-1",
  takenMinor,
  token: new Uint8Array([1]),
  expiresS: 9,
  clockUnset: false,
  extras,
});
const AT = { closedS: 5 };
const { totalMinor } = terms;

describe("I2 I4: an order is paid", () => {
  test("with what was offered and accepted, and lets go of every credential", () => {
    const order = paid(taking(), taken(totalMinor + 20, [TIP]));
    expect(order).toMatchObject({ state: "paid", takenMinor: totalMinor + 20, extras: [TIP] });
    expect(order.credential).toBeUndefined();
    expect(order.further).toBeUndefined();
  });

  test("never with more than that, nor with extras above what the payer signed", () => {
    expect(() => paid(taking(), taken(totalMinor + 1))).toThrow(/I2/);
    expect(() => paid(taking(), taken(totalMinor + 21, [TIP]))).toThrow(/I2/);
    const most = taking({ maximumMinor: totalMinor + 19 });
    expect(() => paid(most, taken(totalMinor + 20, [TIP]))).toThrow(/I4/);
  });

  test("and comes back from its record as it was", () => {
    const order = { ...taking(), way: "hold" as const, flow: "f", method: "card", extras: [TIP] };
    const json = JSON.parse(JSON.stringify(orderRecord.toJson(order)));
    expect(readJson(orderRecord, json, "order")).toEqual({ ok: true, value: order });
  });
});

describe("I1: an order closes", () => {
  const half = (order: Order): Order => ({ ...order, pulses: 5_000, sessions: 1 });
  const whole = paid(taking(), taken(totalMinor + 20, [TIP]));

  test("with its extras kept where anything was delivered, and back where nothing was", () => {
    const some = closing(half(whole), "consumer-end", false);
    expect(some.settlement).toMatchObject({ amountMinor: 195, refundMinor: totalMinor - 175 });
    expect(wholeCharge(some)).toMatchObject({ amountMinor: 195 });
    const none = closing(whole, "expired", false);
    expect(none.settlement).toMatchObject({ amountMinor: 0, refundMinor: totalMinor + 20 });
  });

  test("as a hold that is captured for what was delivered: nothing has to come back", () => {
    const order = closing({ ...half(whole), way: "hold" }, "consumer-end", false);
    const end = closed(order, { capturedMinor: 195 }, AT);
    expect(end.settlement).toMatchObject({ capturedMinor: 195, refundMinor: 0, owedMinor: 0 });
    expect(capturedMinor(end)).toBe(195);
    // A service that was paid at once keeps one more than is due.
    const kept = closed(order, { capturedMinor: 196 }, AT);
    expect(kept.settlement).toMatchObject({ capturedMinor: 196, refundMinor: 0, owedMinor: 1 });
    const over = { capturedMinor: order.takenMinor + 1 };
    expect(() => closed(order, over, AT)).toThrow(/I2/);
  });

  test("as a hold that is lost: nothing is forfeited that was never captured", () => {
    const order = closing({ ...half(whole), way: "hold" }, "expired", true);
    expect(order.settlement?.forfeitMinor).toBe(totalMinor - 175);
    const end = closed(order, { capturedMinor: 0 }, AT);
    expect(end.settlement).toMatchObject({ capturedMinor: 0, forfeitMinor: 0, refundMinor: 0 });
  });

  test("with what could not be given back owed", () => {
    const order = closing(half(whole), "consumer-end", false);
    const end = closed(order, { owedMinor: 100 }, AT);
    expect(end.settlement).toMatchObject({ owedMinor: 100, refundMinor: totalMinor - 275 });
    expect(capturedMinor(end)).toBe(totalMinor + 20);
  });
});
