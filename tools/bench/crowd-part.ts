// The part of the bench in which many consumers buy at once.

import { crowdTable, measureCrowd } from "./crowd.ts";
import type { Part } from "./part.ts";

/** Consumers who buy at once. */
const CROWDS = [1, 10, 50];

export const crowdPart: Part = {
  name: "crowd",
  what: "many consumers at once",
  measure: async (counts, site, tell) => {
    tell(`${counts.crowdSales} sales each by ${CROWDS.join(", ")} consumers at once`);
    const crowd = await measureCrowd(site.folder, CROWDS, counts.crowdSales);
    const head = [
      "Consumers who buy at once from one device with sixteen outlets, at 10 ms a delivery; who finds one taken waits.",
      "Their books are in memory, in one process; the device has sixteen services.",
    ].join("\n");
    return { figures: [], tables: [`${head}\n${crowdTable(crowd)}`], more: { crowd } };
  },
};
