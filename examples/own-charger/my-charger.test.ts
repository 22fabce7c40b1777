// My device file and my flow service, tried in virtual time: minutes of charging take a moment.

import { fileURLToPath } from "node:url";
import { openTestBench } from "sluice/bench";
import { expect, test } from "vitest";
import { service } from "./my-discount.mjs";

const FILE = fileURLToPath(new URL("./my-charger.yaml", import.meta.url));

function openBench() {
  return openTestBench({
    seed: 7,
    // Faster than a car takes it, because a test looks at every pulse.
    devices: { charger: { file: FILE, flowServices: () => [service], pulsesPerSecond: 40 } },
  });
}

test("a small sale costs what the price list says", async () => {
  const bench = await openBench();
  const { done, receipts } = await bench.buy({ service: 1, price: 1, units: 2 });
  expect(done).toBe(true);
  expect(receipts.at(-1)).toMatchObject({ is: "settlement", amountMinor: 100 });
  expect(bench.device().money).toMatchObject([{ currency: "EUR", capturedMinor: 100 }]);
  expect(await bench.violations()).toEqual([]);
});

test("a large one costs the card a tenth less", async () => {
  const bench = await openBench();
  const { done } = await bench.buy({ service: 1, price: 1, units: 10 });
  expect(done).toBe(true);
  expect(bench.device().money).toMatchObject([{ currency: "EUR", capturedMinor: 450 }]);
});

test("a card that is declined sells nothing", async () => {
  const bench = await openBench();
  const { done, faults } = await bench.buy({
    service: 1,
    price: 1,
    units: 2,
    card: "insufficient",
  });
  expect([done, faults]).toEqual([false, ["pay: declined"]]);
  expect(bench.device().outlets[0]?.flowed).toBe(0);
});

test("the power fails in the middle of a sale: nothing is lost, and the rest is delivered afterwards", async () => {
  const bench = await openBench();
  bench.after(20_000, () => void bench.act("power-off", { forMs: 3_000 }));
  const { done, receipts } = await bench.buy({ service: 1, price: 1, units: 2 });
  expect(done).toBe(true);
  expect(receipts.length).toBeGreaterThan(2);
  expect(await bench.violations()).toEqual([]);
});
