// The simulated cable: timing by baud rate, and losses.

import { expect, test } from "vitest";
import { simSerial } from "../../../hal/sim/sim-serial.ts";
import { simWorld } from "../../../hal/sim/world.ts";

test("a byte takes ten bit times", async () => {
  const world = simWorld({ seed: 1 });
  const { a, b } = simSerial(world, { baud: 10_000 });
  const atMs: number[] = [];
  b.onData(() => atMs.push(world.nowMs()));
  const write = a.write(Uint8Array.of(1, 2, 3)).then(() => world.nowMs());
  await world.runFor(10);
  expect(atMs).toEqual([1, 2, 3]);
  expect(await write).toBe(3);
});

test("loses as many bytes as told, the same ones under the same seed", async () => {
  const run = async (): Promise<number[]> => {
    const world = simWorld({ seed: 9 });
    const cable = simSerial(world, { baud: 115_200 });
    const received: number[] = [];
    cable.b.onData((bytes) => received.push(...bytes));
    cable.setLoss(250_000);
    void cable.a.write(Uint8Array.from({ length: 200 }, (_, i) => i));
    await world.runFor(1_000);
    return received;
  };
  const received = await run();
  expect(received.length).toBeGreaterThan(110);
  expect(received.length).toBeLessThan(190);
  expect(await run()).toEqual(received);
});

test("a cable that is pulled in mid-write rejects the write", async () => {
  const world = simWorld({ seed: 1 });
  const cable = simSerial(world, { baud: 9_600 });
  const kind = cable.a.write(new Uint8Array(100)).catch((error: { kind: string }) => error.kind);
  await world.runFor(5);
  cable.unplug();
  expect(await kind).toBe("disconnected");
});

test("keeps 4096 bytes for an end that does not listen", async () => {
  const world = simWorld({ seed: 1 });
  const { a, b } = simSerial(world, { baud: 1_000_000 });
  void a.write(new Uint8Array(5_000));
  await world.runFor(100);
  let kept = 0;
  b.onData((bytes) => {
    kept += bytes.length;
  });
  expect(kept).toBe(4_096);
});
