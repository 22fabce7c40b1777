// The digest of frames: anything about any of them that is another makes it another.

import { expect, test } from "vitest";
import { watchFrames } from "../../bench/scenario-frames.ts";
import type { SimPublish } from "../../hal/sim/sim-link.ts";
import { simWorld } from "../../hal/sim/world.ts";

const FRAME: SimPublish = {
  ...{ clientId: "a", topic: "s1/a/b", payload: Uint8Array.of(1, 2, 3), retain: false },
};

async function digestOf(frames: readonly SimPublish[], apartMs = 1): Promise<string> {
  const world = simWorld({ seed: 1 });
  let listener: (message: SimPublish) => void = () => undefined;
  const digest = watchFrames({
    world,
    onPublish: (given) => {
      listener = given;
      return () => true;
    },
  });
  for (const frame of frames) {
    await world.runFor(apartMs);
    listener(frame);
  }
  return digest();
}

test("I15: the same frames at the same times are the same digest", async () => {
  expect(await digestOf([FRAME, FRAME])).toBe(await digestOf([FRAME, { ...FRAME }]));
  expect(await digestOf([FRAME])).toMatch(/^[0-9a-f]{64}$/);
});

test.each<[string, readonly SimPublish[], number?]>([
  ["a byte", [{ ...FRAME, payload: Uint8Array.of(1, 2, 4) }]],
  ["a byte more", [{ ...FRAME, payload: Uint8Array.of(1, 2, 3, 0) }]],
  ["the topic", [{ ...FRAME, topic: "s1/a/c" }]],
  ["who it is from", [{ ...FRAME, clientId: "b" }]],
  ["that it is kept", [{ ...FRAME, retain: true }]],
  ["its time", [FRAME], 2],
  ["that it comes twice", [FRAME, FRAME]],
  ["that it does not come", []],
])("another: %s", async (_, frames, apartMs) => {
  expect(await digestOf(frames, apartMs)).not.toBe(await digestOf([FRAME]));
});

test("another: what came before what", async () => {
  const other = { ...FRAME, payload: Uint8Array.of(9) };
  expect(await digestOf([FRAME, other])).not.toBe(await digestOf([other, FRAME]));
});
