// The end of a session that no proof came for in time: its receipt says up to where there was one. And of one whose cut
// was advanced too far.

import { expect, test } from "vitest";
import {
  begun,
  extended,
  newOrder,
  type Order,
  paid,
  prepaidOrder,
  remainingPulses,
} from "../../../firmware/producer/order.ts";
import { sessionEnd } from "../../../firmware/producer/session-end.ts";
import type { StopCause, StopReason } from "../../../hal/loop-host.ts";

const LINK = new Uint8Array(16).fill(5);

function running(): Order {
  const made = newOrder({
    ...{ id: "00112233aabbccdd", consumer: "11".repeat(32), outlet: "o", meter: "m" },
    ...{ tokenLifeS: 60, offer: Uint8Array.of(1), madeS: 1, way: "hold" },
    terms: {
      ...{ service: 1, price: 1, units: 5, unit: "kWh", priceMinor: 45, currency: "EUR" },
      ...{ numerator: 10, denominator: 1, totalMinor: 225, undelivered: "refund" },
      lines: [{ kind: "units", amountMinor: 225 }],
    },
    stream: {
      ...{ commitment: Uint8Array.of(1), proved: 2, link: LINK },
      ...{ step: 1, window: 1, unpaidPulses: 0 },
    },
  });
  const token = Uint8Array.of(1);
  const held = { reference: "ref", takenMinor: 225, token, expiresS: 99, clockUnset: false };
  return extended(begun(paid(made, held), 50, 30, 100), 10, 30);
}

function ended(reason: StopReason, cause?: StopCause) {
  const facts = { startReading: 100, endReading: 130, pulses: 30, runOnPulses: 0, reason };
  const given = cause === undefined ? facts : { ...facts, cause };
  const { draft, end } = sessionEnd(running(), given, new Uint8Array(16));
  return { onReceipt: draft.breakdown?.cause, told: end.cause };
}

test("I13: a session that ended for want of a proof says how many units were proved", () => {
  const cause = { of: "session", value: 2, unit: "units" };
  expect(ended("proof-late")).toEqual({ onReceipt: cause, told: cause });
});

test("I13: what the loop read stands on the receipt and in the event; nothing where it read nothing", () => {
  const door: StopCause = { of: "door", value: 1, unit: "state" };
  expect(ended("interlock", door)).toEqual({ onReceipt: door, told: door });
  expect(ended("consumer-end")).toEqual({ onReceipt: undefined, told: undefined });
});

/** Of 50 pulses, all of them asked for in one session. */
function prepaidRunning(): Order {
  const made = prepaidOrder({
    ...{ id: "00112233aabbccdd", consumer: "11".repeat(32), outlet: "o", meter: "m" },
    ...{ tokenLifeS: 60, offer: Uint8Array.of(1), madeS: 1, expiresS: 99 },
    terms: {
      ...{ service: 1, price: 0, units: 5, unit: "kWh", priceMinor: 0, currency: "EUR" },
      ...{ numerator: 10, denominator: 1, totalMinor: 0, undelivered: "credit-forfeit" },
      lines: [{ kind: "units", amountMinor: 0 }],
    },
    prepaid: { expiresS: 99 },
  });
  return begun(made, 50, 50, 100);
}

test.each([
  [50, "closing"],
  [49, "closing"],
  [48, "paid"],
  [5, "paid"],
])(
  "I6: a prepaid order of 50 that ended exhausted after %i of them is %s: nothing can be paid back there",
  (pulses, state) => {
    const facts = { startReading: 100, endReading: 100 + pulses, pulses, runOnPulses: 0 };
    const reason = "exhausted" as const;
    const { next } = sessionEnd(prepaidRunning(), { ...facts, reason }, new Uint8Array(16));
    expect(next.state).toBe(state);
    expect(remainingPulses(next)).toBe(50 - pulses);
  },
);
