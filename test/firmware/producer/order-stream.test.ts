// What an order that is paid while it is delivered may deliver, and what of it is charged.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { begun, extended, type Order, remainingPulses } from "../../../firmware/producer/order.ts";
import {
  reservationDue,
  sessionLimit,
  stepsDelivered,
  streamEnded,
  unprovedPulses,
  withStream,
} from "../../../firmware/producer/order-stream.ts";
import { sessionEnd } from "../../../firmware/producer/session-end.ts";
import { grantPulses } from "../../../firmware/units.ts";
import { story } from "../../support/sale.ts";

const { id: _, consumer: __, expiresS: ___, ...terms } = story.offer;
const LINK = new Uint8Array(16);

/** Of so many units, 10 pulses each but for what is said otherwise. */
function streamed(units: number, change: Partial<Order> = {}, numerator = 10): Order {
  const ratio = { numerator, denominator: 1 };
  return {
    id: "0011223344556677",
    consumer: "00".repeat(32),
    terms: { ...terms, ...ratio, units, totalMinor: units * terms.priceMinor },
    outlet: "socket",
    meter: "energy",
    tokenLifeS: 60,
    offer: new Uint8Array(1),
    state: "paid",
    madeS: 1,
    takenMinor: units * terms.priceMinor,
    grantPulses: grantPulses(units, ratio),
    pulses: 0,
    sessions: 0,
    acknowledged: 0,
    way: "hold",
    stream: {
      commitment: new Uint8Array(1),
      proved: 0,
      link: LINK,
      step: 1,
      window: 0,
      unpaidPulses: 0,
    },
    ...change,
  };
}

const plain = (): Order => {
  const { stream, ...rest } = streamed(10);
  return rest;
};

describe("I8: the limit of a session", () => {
  test("is what is proved and the window, less what was delivered before, paid or not", () => {
    expect(sessionLimit(plain())).toBe(Number.POSITIVE_INFINITY);
    expect(sessionLimit(streamed(10))).toBe(0);
    expect(sessionLimit(withStream(streamed(10), { window: 2 }))).toBe(20);
    expect(sessionLimit(withStream(streamed(10), { window: 2, proved: 3 }))).toBe(50);
    const later = withStream(streamed(10, { pulses: 30 }), {
      proved: 3,
      window: 2,
      unpaidPulses: 15,
    });
    expect(sessionLimit(later)).toBe(5);
    expect(remainingPulses(later)).toBe(55);
  });

  test("is never beyond the order", () => {
    expect(sessionLimit(withStream(streamed(10), { window: 1024, proved: 9 }))).toBe(100);
  });
});

describe("a reservation", () => {
  const started = (order: Order, quantum: number): Order =>
    begun(order, remainingPulses(order), Math.min(quantum, sessionLimit(order)), 0);

  test("of a plain order is due at half a quantum, as ever", () => {
    const order = begun(plain(), 100, 40, 0);
    expect(reservationDue(order, 19, 40)).toBeUndefined();
    expect(reservationDue(order, 20, 40)).toBe(40);
  });

  test("never reaches beyond the limit, and waits until it brings as much as is left", () => {
    const order = started(withStream(streamed(10), { window: 4 }), 1000);
    expect(order.running?.reserved).toBe(40);
    expect(reservationDue(order, 40, 1000)).toBeUndefined();
    const proved = (units: number) => withStream(order, { proved: units });
    // 10 more, while 30 are left: it can wait. 20 more for the 20 that are left cannot.
    expect(reservationDue(proved(1), 10, 1000)).toBeUndefined();
    expect(reservationDue(proved(2), 20, 1000)).toBe(40);
    expect(extended(proved(2), 20, 40).running).toMatchObject({ reserved: 60, recorded: 20 });
    expect(reservationDue(proved(1), 40, 1000)).toBe(10);
  });

  test("comes early enough for the last of a session", () => {
    const order = started(withStream(streamed(10), { window: 10 }), 90);
    expect(order.running?.reserved).toBe(90);
    expect(reservationDue(order, 40, 90)).toBeUndefined();
    expect(reservationDue(order, 45, 90)).toBe(55);
  });
});

describe("I2 I4: the end of a session", () => {
  test("charges what is delivered or what is proved, whichever is less", () => {
    const order = begun(withStream(streamed(10), { proved: 2, window: 3 }), 100, 50, 0);
    expect(streamEnded(order, 15).streamed).toMatchObject({ unpaidPulses: 0, caughtUpPulses: 0 });
    expect(streamEnded(order, 15)).toMatchObject({
      charged: 15,
      next: { pulses: 15, sessions: 1 },
    });
    const more = streamEnded(order, 45);
    expect(more).toMatchObject({ charged: 20, streamed: { unpaidPulses: 25 } });
    expect(more.next).toMatchObject({ pulses: 20, stream: { unpaidPulses: 25 } });
    expect(unprovedPulses(order, 45)).toBe(25);
    expect(() => streamEnded(order, 51)).toThrow(/reserved/);
  });

  test("charges what an earlier session gave, when it is proved since", () => {
    const before = withStream(streamed(10, { pulses: 20, sessions: 1 }), {
      proved: 2,
      window: 3,
      unpaidPulses: 25,
    });
    const order = begun(withStream(before, { proved: 6 }), 55, 45, 0);
    expect(streamEnded(order, 10)).toMatchObject({
      charged: 35,
      streamed: { unpaidPulses: 0, caughtUpPulses: 25 },
      next: { pulses: 55, stream: { unpaidPulses: 0 } },
    });
  });

  test("says on the receipt what was given, and closes an order whose rest nobody may deliver", () => {
    const order = begun(withStream(streamed(2), { proved: 1, window: 1 }), 20, 20, 100);
    const facts = { startReading: 100, endReading: 121, pulses: 20, runOnPulses: 1 };
    const { next, draft } = sessionEnd(
      order,
      { ...facts, reason: "exhausted" },
      new Uint8Array(16),
    );
    expect(draft).toMatchObject({ pulses: 10, runOnPulses: 11, amountMinor: terms.priceMinor });
    expect(draft.breakdown?.streamed).toMatchObject({ unpaidPulses: 10, proof: { units: 1 } });
    expect(next).toMatchObject({ state: "closing", settlement: { amountMinor: terms.priceMinor } });
  });

  test("for want of a proof leaves the rest good, whatever the service says of undelivered units", () => {
    const order = begun(withStream(streamed(10), { proved: 1, window: 1 }), 100, 20, 0);
    const facts = { startReading: 0, endReading: 20, pulses: 20, runOnPulses: 0 };
    const late = sessionEnd(order, { ...facts, reason: "proof-late" }, new Uint8Array(16));
    expect(late.next.state).toBe("paid");
    const ended = sessionEnd(order, { ...facts, reason: "consumer-end" }, new Uint8Array(16));
    expect(ended.next.state).toBe("closing");
  });
});

test("I2: what was proved stays proved", () => {
  const order = withStream(streamed(10), { proved: 5 });
  expect(() => withStream(order, { proved: 4 })).toThrow(/I2/);
  expect(withStream(order, { proved: 5, step: 8 }).stream).toMatchObject({ proved: 5, step: 8 });
});

test("steps are counted over all sessions of the order", () => {
  const order = withStream(streamed(10, { pulses: 30 }), { proved: 3, step: 2, unpaidPulses: 5 });
  expect(stepsDelivered(order, 4)).toBe(1);
  expect(stepsDelivered(order, 5)).toBe(2);
});

test("I1 I2 I3: over any sessions, receipts add up to what flowed, and nothing is charged unproved", () => {
  const session = fc.record({
    proved: fc.nat(3),
    window: fc.nat(4),
    share: fc.nat(100),
    isTold: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(session, { maxLength: 12 }),
      fc.integer({ min: 1, max: 7 }),
      (all, per) => {
        let order = streamed(12, {}, per);
        let flowed = 0;
        let [charged, unpaid] = [0, 0];
        for (const { proved: more, window, share, isTold } of all) {
          const now = order.stream?.proved ?? 0;
          const proved = Math.min(12, now + more);
          const asked = withStream(order, { window, ...(isTold && { proved }) });
          const limit = sessionLimit(asked);
          if (limit < 1 || remainingPulses(asked) < 1) continue;
          const running = begun(asked, remainingPulses(asked), limit, 0);
          const pulses = Math.floor(((running.running?.reserved ?? 0) * share) / 100);
          const end = streamEnded(withStream(running, { proved }), pulses);
          flowed += pulses;
          charged += end.charged;
          unpaid += end.streamed.unpaidPulses - end.streamed.caughtUpPulses;
          order = end.next;
          expect(end.charged - end.streamed.caughtUpPulses + end.streamed.unpaidPulses).toBe(
            pulses,
          );
          expect(end.streamed.caughtUpPulses).toBeGreaterThanOrEqual(0);
          expect(end.streamed.unpaidPulses).toBeGreaterThanOrEqual(0);
          expect(order.pulses).toBeLessThanOrEqual(
            grantPulses(proved, { numerator: per, denominator: 1 }),
          );
        }
        expect(order.pulses).toBe(charged);
        expect(order.stream?.unpaidPulses).toBe(unpaid);
        expect(charged + unpaid).toBe(flowed);
      },
    ),
  );
});
