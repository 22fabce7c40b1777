// The driver's view of a PN532: commands and answers of more than a frame, and lists that no chip gives.

import { expect, test } from "vitest";
import { openPn532Chip, type Pn532Chip } from "../../../hal/drivers/pn532-chip.ts";
import { openPn532Link } from "../../../hal/drivers/pn532-link.ts";
import { keepSerialLine } from "../../../hal/drivers/serial-line.ts";
import type { SerialPort } from "../../../hal/serial.ts";
import { type4Tag } from "../../../hal/sim/sim-tag.ts";
import type { SimWorld } from "../../../hal/sim/world.ts";
import { pn532Bench, puppet, settled, well } from "../../support/pn532-bench.ts";

async function chipAt(world: SimWorld, open: () => Promise<SerialPort>): Promise<Pn532Chip> {
  const line = keepSerialLine(open, world.clock);
  line.onState(() => {});
  const chip = openPn532Chip(openPn532Link(line, world.clock), world.entropy());
  await world.runFor(1);
  expect(await settled(world, chip.start(), 2_000)).toBeUndefined();
  return chip;
}

test("a command and an answer of more than a frame go in pieces", async () => {
  const { world, chip: sim, open } = pn532Bench();
  const chip = await chipAt(world, open);
  const heard: number[] = [];
  sim.present({
    ...type4Tag("long"),
    apdu: (command) => {
      heard.push(command.length);
      return Uint8Array.from(command, (byte) => byte ^ 0xff);
    },
  });
  const [target] = (await settled(world, chip.list(), 2_000)) as readonly never[];
  const command = Uint8Array.from({ length: 700 }, (_, i) => i & 0xff);
  const answer = await settled(world, chip.passOn(target as never, command), 5_000);
  expect(heard).toEqual([700]);
  expect(answer).toEqual({ kind: "data", data: command.map((byte) => byte ^ 0xff) });
});

test("an answer that never ends is given up", async () => {
  for (const piece of [[0x40], [0x40, 1], [0x40, ...new Array<number>(200).fill(1)]]) {
    const target = [1, 0x00, 0x04, 0x20, 4, 1, 2, 3, 4, 1];
    const { world, open, asked } = puppet((data) =>
      data[0] === 0x40 ? piece : well(data, [1, ...target]),
    );
    const chip = await chipAt(world, open);
    const [found] = (await settled(world, chip.list(), 2_000)) as readonly never[];
    const answer = await settled(world, chip.passOn(found as never, Uint8Array.of(1)), 20_000);
    expect(answer).toEqual({ kind: "failed" });
    expect(asked.length).toBeLessThan(40);
  }
});

test.each([
  ["three targets", [3]],
  ["a target that is cut off", [1, 1, 0, 0x44, 0, 7, 1, 2, 3]],
  ["one with another number", [1, 2, 0, 0x44, 0, 4, 1, 2, 3, 4]],
  ["one with a number of 5 bytes", [1, 1, 0, 0x44, 0, 5, 1, 2, 3, 4, 5]],
  ["an ATS that is cut off", [1, 1, 0, 0x04, 0x20, 4, 1, 2, 3, 4, 5, 0x78]],
  ["bytes behind the last one", [1, 1, 0, 0x44, 0, 4, 1, 2, 3, 4, 9]],
  ["nothing", []],
])("a list with %s is none", async (_, targets) => {
  const { world, open } = puppet((data) => well(data, targets));
  const chip = await chipAt(world, open);
  expect(await settled(world, chip.list(), 2_000)).toBe("lost");
});
