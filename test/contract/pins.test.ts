// The pin contract on simulated wires.

import { expect, test } from "vitest";
import { simPins } from "../../hal/sim/sim-pins.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { describeLines } from "./pins.ts";

for (const wakeDelayMs of [undefined, [0, 3] as const]) {
  describeLines(wakeDelayMs === undefined ? "simulated" : "simulated, woken late", () => {
    const world = simWorld({ seed: 1 });
    const pins = simPins(world, wakeDelayMs === undefined ? {} : { wakeDelayMs });
    return {
      lines: pins.lines,
      names: { output: "coil", input: "contact", edges: "pulse" },
      level: () => pins.level("coil"),
      drive: (active) => pins.drive("contact", active),
      pulse: async (count) => {
        for (let i = 0; i < count; i++) {
          pins.drive("pulse", true);
          await world.runFor(5);
          pins.drive("pulse", false);
          await world.runFor(5);
        }
      },
      close: () => {},
    };
  });
}

test("a late wake-up does not come after the line was closed", () => {
  const world = simWorld({ seed: 1 });
  const pins = simPins(world, { wakeDelayMs: [5, 5] });
  const input = pins.lines.edges("pulse");
  let woken = 0;
  input.onEdge(() => woken++);
  pins.pulse("pulse", 1);
  world.advance(2);
  expect(woken).toBe(0);
  input.close();
  world.advance(10);
  expect(woken).toBe(0);
});
