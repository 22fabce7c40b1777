// The part of the bench that starts: how long until outputs are safe, and until the device sells.

import { join } from "node:path";
import type { Part } from "./part.ts";
import { summarise } from "./sample.ts";
import { provisionData, startDevice } from "./site.ts";

export const startPart: Part = {
  name: "start",
  what: "from the command to safe outputs, and to sales",
  /** Each from an empty data folder but for its keys, with a broker of its own. */
  measure: async (counts, site, tell) => {
    tell(`${counts.starts} starts`);
    const safeMs: number[] = [];
    const readyMs: number[] = [];
    for (let i = 0; i < counts.starts; i++) {
      const data = join(site.folder, `start-${i}`);
      provisionData(data);
      const device = await startDevice(site, data);
      safeMs.push(device.safeMs);
      readyMs.push(device.readyMs);
      await device.stop();
    }
    return {
      figures: [
        {
          key: "startSafeMs",
          what: "start to outputs safe",
          unit: "ms",
          samples: summarise(safeMs),
          budget: 500,
        },
        {
          key: "startReadyMs",
          what: "start to ready to sell",
          unit: "ms",
          samples: summarise(readyMs),
          budget: 1500,
        },
      ],
      tables: [],
    };
  },
};
