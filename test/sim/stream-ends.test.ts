// The end of a session that is paid while it goes on, and what comes at that very moment: the next begin, and proofs that
// nobody waits for any more.

import { expect, test } from "vitest";
import { durableOrders, SOCKET_1, violations } from "../../bench/invariants.ts";
import { Site } from "../../bench/site.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import { sleep } from "../../hal/clock.ts";
import { smallCharger } from "./power-cuts.ts";
import { RawPayer, STREAMED } from "./stream-payer-stand.ts";
import { streamViolations } from "./stream-sale.ts";

const PER_UNIT = 60;
const EXPECTED = { ...SOCKET_1, quantumPulses: 40, runOnPulsesMax: 3 };

test("I3: one proof more than the last one ends no session but its own", async () => {
  const site = new Site({
    seed: 1,
    board: smallCharger(true),
    services: [{ ...STREAMED, undelivered: "credit-refund" }],
    policy: { quantumPulses: 40, loss: "seller" },
    // What is written takes long enough for more to come meanwhile.
    storeLatencyMs: 60,
  });
  const payer = await site.run(async () => {
    await site.powerOn();
    const opened = await new RawPayer(site, "a").open();
    await sleep(site.world.clock, 1_000);
    return opened;
  });
  if (payer === undefined) throw new Error("the device did not start");
  const running = () => durableOrders(site)[0]?.running?.session;
  await site.run(async () => {
    await payer.buy(6);
    payer.habits.byHand = true;
    let isOver = false;
    payer.habits.onMetering = ({ session, ended }) => {
      if (session !== 1 || ended !== true || isOver) return;
      isOver = true;
      payer.release(2);
      void payer.ask(payer.begin(2, 1, 2));
      payer.release(3);
      payer.habits.byHand = false;
    };
    await payer.get(payer.begin(1, 1, 2, 2), "begun");
    await payer.until(() => payer.sessions().length > 0);
    await sleep(site.world.clock, 1_000);
    expect([payer.sessions().length, running()]).toEqual([1, 2]);
    await payer.until(() => payer.settlement() !== undefined);
  });
  expect(payer.sessions()).toMatchObject([{ pulses: 2 * PER_UNIT }, { pulses: 4 * PER_UNIT }]);
  expect(await violations(site, EXPECTED)).toEqual([]);
  expect(streamViolations(site, payer.sessions() as SessionReceipt[])).toEqual([]);
});
