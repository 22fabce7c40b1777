// What the Stripe adapter keeps, and for how long: books that do not grow for ever, and forget nothing too early.

import { expect, test } from "vitest";
import { attemptWrite, chargeWrite, StripeBooks } from "../../../hal/linux/stripe-books.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { order } from "../../contract/payment-host-payer.ts";

const DAY_MS = 24 * 3_600_000;
const KINDS = ["stripe-attempt", "stripe-charge", "nonce", "token"];

function open() {
  const world = simWorld({ seed: 1 });
  const disk = simStore();
  const books = new StripeBooks(disk.store(), world.clock);
  const counts = () => KINDS.map((kind) => disk.durable(kind).length);
  /** A token made, a payment held and taken. */
  const sell = async (from: number, to: number, isKnown = true): Promise<void> => {
    for (let number = from; number <= to; number++) {
      const key = `${order(number)}/1`;
      const token = number.toString(16).padStart(32, "0");
      const intent = `pi_${number}`;
      const approved = (reference: string) => {
        return { kind: "approved", reference, amountMinor: 100 } as const;
      };
      const attempts = [`${key}/tokenise`, `${key}/authorise`];
      const charge = { order: order(number), currency: "EUR", authorisedMinor: 100 };
      await books.commit(
        attemptWrite(`${key}/tokenise`, { step: "other", answer: approved(token) }),
        { kind: "token", id: token, body: "{}" },
        { kind: "nonce", id: `n${number}`, body: JSON.stringify(attempts) },
      );
      const held = {
        step: "authorise",
        intent,
        ...(isKnown && { answer: approved(intent) }),
      } as const;
      await books.commit(
        attemptWrite(`${key}/authorise`, held),
        chargeWrite(intent, { ...charge, capturedMinor: 100, refundedMinor: 0, reversed: false }),
      );
    }
  };
  return { world, disk, books, counts, sell };
}

test("what is older than a hundred days goes with all that came of it; what is not known stays", async () => {
  const { world, counts, sell, disk } = open();
  await sell(1, 200);
  await sell(201, 205, false);
  world.setWall(world.clock.wallMs() + 101 * DAY_MS);
  await sell(1_001, 1_500);
  // Five of the old ones, of which only the authorisation is undecided.
  expect(counts()).toEqual([1_005, 505, 505, 500]);
  expect(disk.durable("nonce").filter(({ id }) => id === "n201")).toHaveLength(1);
});

test("I2: what was paid before the clock was set is not taken for old when it is", async () => {
  const { world, counts, sell, books } = open();
  const nowMs = world.clock.wallMs();
  world.setWall(60_000, "unset");
  await sell(1, 600);
  expect(counts()).toEqual([1_200, 600, 600, 600]);
  world.setWall(nowMs, "set");
  await sell(601, 601);
  expect(await books.attempt(`${order(1)}/1/authorise`)).toMatchObject({
    step: "authorise",
    atMs: nowMs,
  });
  world.setWall(nowMs + 101 * DAY_MS, "set");
  await sell(1_001, 1_500);
  expect(counts()).toEqual([1_000, 500, 500, 500]);
});
