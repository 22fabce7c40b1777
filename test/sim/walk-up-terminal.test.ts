// Sales at a board whose payment terminal authorises by itself: the driver of the terminal, and the simulated one at the
// other end of its line. The button that selects begins the sale.

import { expect, test } from "vitest";
import { openTerminalHost } from "../../hal/drivers/terminal-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { openSimTerminal, type SimTerminal } from "../../hal/sim/sim-terminal.ts";
import type { TerminalHold } from "../../hal/sim/sim-terminal-books.ts";
import type { SimWorld } from "../../hal/sim/world.ts";
import { TerminalWire } from "../support/terminal-bench.ts";
import { AT_BOARD, flowed, orders, type Stand, stand, UNIT_MS } from "./walk-up-stand.ts";

const FIRST = { ...AT_BOARD, id: 2 };
const IDLE = "Bench charger | Energy | 0.45 EUR per kWh | Press the button";

class TerminalStand {
  at!: Stand;
  terminal!: SimTerminal;
  wire!: TerminalWire;
  #world!: SimWorld;

  async open(): Promise<Stand> {
    const open = async () => {
      if (this.wire === undefined) {
        const { clock } = this.#world;
        this.terminal = await openSimTerminal({ store: simStore().store(), clock });
        this.wire = new TerminalWire(this.#world, this.terminal);
      }
      return this.wire.open();
    };
    this.at = await stand(
      {
        services: [FIRST],
        wrapHost: ({ publicKey }, { process: { clock } }) =>
          openTerminalHost({ open, clock, publicKey, simulated: true }),
      },
      { readers: [], hostAsks: true },
      ({ world }) => {
        this.#world = world;
      },
    );
    await this.at.pass(10_000);
    return this.at;
  }

  press(): void {
    this.at.site.board.controls.press("second");
  }

  async holds(): Promise<readonly TerminalHold[]> {
    return [...(await this.terminal.holds()).values()];
  }
}

test("I1 I4: the button begins the sale, the terminal asks for the card, and what was delivered is booked", async () => {
  const bench = new TerminalStand();
  const at = await bench.open();
  expect(at.desk.page()).toBe(IDLE);
  bench.press();
  await at.pass(2_000);
  expect(flowed(at)).toBe(0);
  bench.terminal.present("visa-test");
  await at.pass(10_000);
  at.site.board.controls.press("stop");
  await at.pass(10_000);
  const [order] = orders(at);
  expect(order).toMatchObject({ state: "closed", settlement: { reason: "customer-button" } });
  const pulses = order?.pulses ?? 0;
  expect(pulses).toBeGreaterThan(100);
  const [hold] = await bench.holds();
  const capturedMinor = Math.floor((pulses * 45) / 1000);
  expect(hold).toMatchObject({ authorisedMinor: 45, capturedMinor });
  expect(order?.settlement?.capturedMinor).toBe(hold?.capturedMinor);
  expect(at.desk.papers()).toHaveLength(1);
});

test("I7: what the terminal declines, and what its red key ends, energises nothing", async () => {
  const bench = new TerminalStand();
  const at = await bench.open();
  bench.press();
  await at.pass(2_000);
  bench.terminal.present("declined-test");
  await at.pass(5_000);
  bench.terminal.takeAway();
  expect(at.desk.page()).toBe("Declined | Nothing is charged");
  bench.press();
  await at.pass(2_000);
  bench.terminal.pressCancel();
  await at.pass(5_000);
  expect(at.desk.page()).toContain("Nothing is charged");
  expect(orders(at).map(({ state }) => state)).toEqual(["failed", "failed"]);
  expect(flowed(at)).toBe(0);
  await at.pass(10_000);
  expect(at.desk.page()).toBe(IDLE);
  expect(await bench.holds()).toEqual([]);
});

test("I6 I7: the stop button ends the waiting at the terminal, and nothing stays held", async () => {
  const bench = new TerminalStand();
  const at = await bench.open();
  bench.press();
  await at.pass(3_000);
  at.site.board.controls.press("stop");
  await at.pass(3_000);
  bench.terminal.present("visa-test");
  await at.pass(UNIT_MS);
  expect(orders(at)).toMatchObject([{ state: "failed" }]);
  expect(flowed(at)).toBe(0);
  for (const { reversed } of await bench.holds()) expect(reversed).toBe(true);
});

test("I7: an unplugged terminal is no sale", async () => {
  const bench = new TerminalStand();
  const at = await bench.open();
  bench.wire.pull();
  bench.press();
  await at.pass(180_000);
  expect(flowed(at)).toBe(0);
  bench.wire.plugIn();
  await at.pass(60_000);
  expect(orders(at)).toMatchObject([{ state: "failed" }]);
});
