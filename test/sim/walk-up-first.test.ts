// What the customer himself does before anything is sold: plug in, or lift the nozzle. The display says so.

import { expect, test } from "vitest";
import type { Board } from "../../hal/board.ts";
import { guardedCharger } from "../firmware/metering/boards.ts";
import { allIsRight, card, flowed, orders, stand } from "./walk-up-stand.ts";

/** The first socket's door is what the cable hangs on. */
function awaiting(sort: "vehicle" | "nozzle" | "door"): Board {
  const outlets = guardedCharger.outlets.map((part) => ({
    ...part,
    interlocks: (part.interlocks ?? []).map((one) => (one.id === "door" ? { ...one, sort } : one)),
  }));
  return { ...guardedCharger, outlets };
}

test.each([
  ["vehicle", "Connect the vehicle"],
  ["nozzle", "Lift the nozzle"],
  ["door", "Out of order"],
] as const)(
  "with the %s not in its place: %s, and nothing is charged until it is",
  async (sort, words) => {
    const at = await stand({ board: awaiting(sort) });
    const { desk, site, pass } = at;
    site.board.controls.setInterlock("socket-1", "door", true);
    await pass(2_000);
    expect(desk.page()).toBe(`Bench charger | Energy | 0.45 EUR per kWh | ${words}`);
    desk.chip.present(card("visa-test"));
    await pass(1_000);
    expect(desk.page()).toBe(`${words} | Nothing is charged`);
    expect(orders(at)).toEqual([]);
    expect(flowed(at)).toBe(0);
    desk.chip.remove();
    site.board.controls.setInterlock("socket-1", "door", false);
    await pass(8_000);
    expect(desk.page()).toContain("Present your card");
    await allIsRight(at);
  },
);

test("an emergency stop besides is what counts", async () => {
  const at = await stand({ board: awaiting("vehicle") });
  at.site.board.controls.setInterlock("socket-1", "door", true);
  at.site.board.controls.setInterlock("socket-1", "emergency-stop", true);
  await at.pass(2_000);
  expect(at.desk.page()).toContain("Out of order");
});
