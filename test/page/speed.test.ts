// How fast the page says that the world goes by.

import { expect, test } from "vitest";
import { Speed } from "../../page/speed.ts";

function seen(speed: Speed, rate: number, of: number, { fromMs = 0, paused = false } = {}): void {
  for (let atMs = fromMs; atMs <= fromMs + 2_000; atMs += 100) {
    speed.see({ nowMs: atMs * of, rate, paused }, atMs);
  }
}

test("it is known after a second, and is that of the world, not of the rate that is set", () => {
  const speed = new Speed();
  speed.see({ nowMs: 0, rate: 100, paused: false }, 0);
  speed.see({ nowMs: 40_000, rate: 100, paused: false }, 900);
  expect(speed.value).toBeUndefined();
  seen(speed, 100, 55, { fromMs: 1_000 });
  expect(speed.value).toBeCloseTo(55, 0);
});

test("another rate, a pause and another world begin anew", () => {
  const speed = new Speed();
  seen(speed, 100, 55);
  speed.see({ nowMs: 2_100 * 55, rate: 10, paused: false }, 2_100);
  expect(speed.value).toBeUndefined();
  seen(speed, 10, 10, { fromMs: 20_000 });
  expect(speed.value).toBeCloseTo(10, 1);
  speed.see({ nowMs: 220_000, rate: 10, paused: true }, 22_100);
  expect(speed.value).toBeUndefined();
  seen(speed, 10, 10, { fromMs: 30_000 });
  speed.see({ nowMs: 5, rate: 10, paused: false }, 32_100);
  expect(speed.value).toBeUndefined();
});
