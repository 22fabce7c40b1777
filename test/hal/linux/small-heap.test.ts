// When the heap of a device's process is collected: when it has grown by much since it was smallest, and not before.

import { expect, test } from "vitest";
import { collectsGrowth } from "../../../hal/linux/small-heap.ts";

const MIB = 1024 * 1024;

test("a heap that has grown by two MiB is collected, and then by two more", () => {
  let usedBytes = 20 * MIB;
  const collectedAtMiB: number[] = [];
  const look = collectsGrowth(
    () => usedBytes,
    () => {
      collectedAtMiB.push(usedBytes / MIB);
      // Not all of it was garbage.
      usedBytes -= MIB;
    },
  );
  for (const usedMiB of [20, 21.9, 15, 16, 16.9, 17, 16, 17.9, 18, 18.9]) {
    usedBytes = usedMiB * MIB;
    look();
  }
  expect(collectedAtMiB).toEqual([17, 18]);
});
