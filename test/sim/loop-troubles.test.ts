// What the metering loop and its meters can do to a sale at a bad moment: the loop dies while a grant is on its way to
// it, or before a slow meter has answered the next one, and a meter shows a count that cannot be.

import { describe, expect, test } from "vitest";
import type { Site } from "../../bench/site.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import { MODBUS_CHARGER, modbusWire } from "./modbus-wire.ts";
import { kind, type Met, paid, story, value, wait } from "./story.ts";

const SOCKET = "socket-1";
/** More than a receipt, or the books, have room for. */
const TOO_MANY_PULSES = 5_000_000_000;

function meterOf({ board }: Site): { physical: number; register: number } {
  const { physical = -1, register = -1 } = board.metal.outlet(SOCKET).meters["energy"] ?? {};
  return { physical, register };
}

/** Begins a unit, does that to it, and gives the receipt of how it ended. */
async function disturbed(
  met: Met,
  afterMs: number,
  disturb: () => void,
): Promise<{ session: SessionReceipt; rest: () => ReturnType<Met["dealer"]["begin"]> }> {
  const purchase = await paid(met);
  const ended = met.dealer.begin(purchase, undefined, () => undefined);
  await wait(met.site, afterMs);
  disturb();
  const delivered = value(await ended);
  const session = delivered.receipts.find((one) => one.is === "session");
  if (session?.is !== "session") throw new Error("no session receipt");
  return {
    session,
    rest: () => met.dealer.begin(delivered.purchase, undefined, () => undefined),
  };
}

test("I7 I8: a grant for the loop that died, which reached the next one, is taken back", async () => {
  await story(async (met) => {
    const { site } = met;
    const purchase = await paid(met);
    // The grant waits for the disk; the loop is gone and back meanwhile.
    site.store.setLatencyMs(600);
    const ended = met.dealer.begin(purchase, undefined, () => undefined);
    await wait(site, 100);
    site.killLoop();
    const delivered = value(await ended);
    site.store.setLatencyMs(1);
    expect(delivered.receipts[0]).toMatchObject({ reason: "fault", pulses: 0 });
    await wait(site, 5_000);
    expect(site.board.metal.outlet(SOCKET).coil).toBe(false);
    expect(meterOf(site).physical).toBeLessThan(5);
    const rest = value(await met.dealer.begin(delivered.purchase, undefined, () => undefined));
    expect(rest.receipts[0]).toMatchObject({ reason: "exhausted", pulses: 1_000 });
  });
});

describe("a loop that dies in mid-delivery with a meter on a bus", () => {
  const options = (wire: ReturnType<typeof modbusWire>, loss: "seller" | "payer") => ({
    board: MODBUS_CHARGER,
    pulsesPerSecond: 10,
    openMeter: wire.openMeter,
    policy: { quantumPulses: 100, loss },
  });

  test.each(["seller", "payer"] as const)(
    "I10: what the meter went on counting is what is charged, as soon as it says it (%s)",
    async (loss) => {
      await story(
        async (met) => {
          const { session } = await disturbed(met, 21_030, () => met.site.killLoop());
          const { physical, register } = meterOf(met.site);
          expect(session.reason).toBe("fault");
          expect(session.endReading).toBe(register);
          expect(session.pulses + session.runOnPulses).toBe(physical);
        },
        options(modbusWire(), loss),
      );
    },
  );

  test("I6: one that never answers again is not waited for: policy decides", async () => {
    const wire = modbusWire();
    await story(
      async (met) => {
        const before = met.site.world.nowMs();
        const { session } = await disturbed(met, 21_030, () => {
          wire.unplug();
          met.site.killLoop();
        });
        const { physical } = meterOf(met.site);
        expect(session).toMatchObject({ reason: "fault", runOnPulses: 0 });
        expect(session.pulses).toBeLessThanOrEqual(physical);
        expect(session.pulses).toBeGreaterThan(physical - 10);
        expect(met.site.world.nowMs() - before).toBeLessThan(21_030 + 45_000);
      },
      options(wire, "seller"),
    );
  });
});

describe("a meter that shows more than there is room for", () => {
  test("I13: in mid-delivery it is not believed, and the device goes on", async () => {
    const site = await story(async (met) => {
      const { session } = await disturbed(met, 5_000, () =>
        met.site.board.metal.jumpMeter(SOCKET, "energy", TOO_MANY_PULSES),
      );
      expect(session.reason).toBe("meter-implausible");
      // One more may come while the contact opens, and nobody can tell.
      expect(meterOf(met.site).physical - session.pulses).toBeLessThanOrEqual(1);
      expect(session.endReading - session.startReading).toBe(session.pulses);
      expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe("not-ready");
    });
    expect(site.bugs).toEqual([]);
  });

  test("from the start on it sells nothing, and says why", async () => {
    const site = await story(async (met) => {
      met.site.board.metal.jumpMeter(SOCKET, "energy", TOO_MANY_PULSES);
      met.site.killLoop();
      await wait(met.site, 3_000);
      expect(kind(await met.dealer.select({ service: 1, price: 1, units: 1 }))).toBe("not-ready");
      const [outlet] = met.site.producer?.status().outlets ?? [];
      expect(outlet).toMatchObject({ ready: false, why: "meter-lost" });
    });
    expect(site.bugs).toEqual([]);
  });

  test("in a session that nobody watched, policy decides, and the device starts", async () => {
    const site = await story(async (met) => {
      const { session } = await disturbed(met, 5_000, () => {
        met.site.killLoop();
        met.site.board.metal.jumpMeter(SOCKET, "energy", TOO_MANY_PULSES);
      });
      expect(session.reason).toBe("fault");
      expect(session.pulses).toBeLessThanOrEqual(meterOf(met.site).physical);
    });
    expect(site.bugs).toEqual([]);
  });
});
