// Whole sales by a Modbus meter: what is sold is what the meter counted, and whatever happens to the bus in
// mid-delivery stops it with a reason, the money going by what was delivered.

import { describe, expect, test } from "vitest";
import type { SessionReceipt, SettlementReceipt } from "../../firmware/token/receipt.ts";
import { MODBUS_CHARGER, type ModbusWire, modbusWire } from "./modbus-wire.ts";
import { type Met, paid, story, value, wait } from "./story.ts";

async function sale(
  met: Met,
  units: number,
  afterMs: number,
  during: () => unknown,
): Promise<{ session: SessionReceipt; settlement: SettlementReceipt | undefined }> {
  const purchase = await paid(met, units);
  const ended = met.dealer.begin(purchase, undefined, () => undefined);
  await wait(met.site, afterMs);
  during();
  const { receipts } = value(await ended);
  const session = receipts.find((one) => one.is === "session");
  const settlement = receipts.find((one) => one.is === "settlement");
  if (session === undefined) throw new Error("no session receipt");
  return { session, settlement };
}

const options = (wire: ModbusWire) => ({
  board: MODBUS_CHARGER,
  pulsesPerSecond: 10,
  openMeter: wire.openMeter,
});

/** Polls, an answer and the time of the contact: what may flow after the last paid pulse, or unseen. */
const LATE_PULSES = 6;

describe("a sale by a Modbus meter", () => {
  test("I1 I7: one unit is what the meter counted, and the run-on is that of its polls", async () => {
    const wire = modbusWire();
    await story(async (met) => {
      const { session, settlement } = await sale(met, 1, 1_000, () => {});
      expect(session.reason).toBe("exhausted");
      expect(session.pulses).toBe(1_000);
      const { physical = 0, register = 0 } =
        met.site.board.metal.outlet("socket-1").meters["energy"] ?? {};
      expect(session.endReading - session.startReading).toBe(register);
      expect(physical - 1_000).toBeLessThanOrEqual(LATE_PULSES);
      expect(session.runOnPulses).toBe(physical - 1_000);
      expect(settlement).toMatchObject({ amountMinor: 45, refundedMinor: 0 });
    }, options(wire));
  });

  test.each([
    ["goes silent", (wire: ModbusWire) => wire.setFault({ kind: "silent" })],
    [
      "answers with exceptions",
      (wire: ModbusWire) => wire.setFault({ kind: "exception", code: 4 }),
    ],
    ["answers damaged", (wire: ModbusWire) => wire.setFault({ kind: "flipped" })],
    ["answers in halves", (wire: ModbusWire) => wire.setFault({ kind: "cut" })],
    ["is unplugged", (wire: ModbusWire) => wire.unplug()],
  ])(
    "I6 I13: the meter %s: the delivery stops, and what it counted is what is charged",
    async (_, fault) => {
      const wire = modbusWire();
      await story(async (met) => {
        const { session, settlement } = await sale(met, 1, 20_000, () => fault(wire));
        expect(session.reason).toBe("meter-lost");
        const { physical = 0 } = met.site.board.metal.outlet("socket-1").meters["energy"] ?? {};
        expect(met.site.board.metal.outlet("socket-1").contact).toBe(false);
        // Never more than what flowed; at most the time until the reading was too old is given away.
        expect(session.pulses).toBeLessThanOrEqual(physical);
        expect(physical - session.pulses).toBeLessThan(10 * 4.5);
        const { amountMinor = 0 } = settlement ?? {};
        expect(settlement).toMatchObject({ refundedMinor: 45 - amountMinor, capturedMinor: 45 });
      }, options(wire));
    },
  );

  test("a bus that echoes delivers all the same", async () => {
    const wire = modbusWire();
    await story(async (met) => {
      const { session } = await sale(met, 1, 20_000, () => wire.setFault({ kind: "echo" }));
      expect([session.reason, session.pulses]).toEqual(["exhausted", 1_000]);
    }, options(wire));
  });
});
