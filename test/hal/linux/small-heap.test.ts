// When the heap of a device's process is collected: when it has grown by much since it was smallest, and not before.

import { expect, test } from "vitest";
import { collectsGrowth } from "../../../hal/linux/small-heap.ts";

const MIB = 1024 * 1024;

test("a heap that has grown by three MiB is collected, and then by three more", () => {
  let usedBytes = 20 * MIB;
  const collectedAtMiB: number[] = [];
  const look = collectsGrowth(
    () => usedBytes,
    () => {
      collectedAtMiB.push(usedBytes / MIB);
      // Not all of it was garbage.
      usedBytes -= 2 * MIB;
    },
  );
  for (const usedMiB of [20, 22, 15, 17, 17.9, 18, 17, 18.9, 19, 19.9]) {
    usedBytes = usedMiB * MIB;
    look();
  }
  expect(collectedAtMiB).toEqual([18, 19]);
});
