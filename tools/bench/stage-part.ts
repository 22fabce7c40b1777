// The part of the bench that calls a flow service, in the process and over a broker.

import type { Part } from "./part.ts";
import { measureRemoteStage } from "./remote-stage.ts";
import { single } from "./sample.ts";

export const stagePart: Part = {
  name: "stage",
  what: "calls of a flow service, here and elsewhere",
  measure: async (counts, site, tell) => {
    tell(`${counts.stageCalls} calls of a flow service, here and elsewhere`);
    const { inProcess, remote, wireBytes, packets, jsonBytes } = await measureRemoteStage(
      site.folder,
      counts.stageCalls,
      counts.countedSales,
    );
    return {
      figures: [
        {
          what: "stage call of a flow service in the process",
          unit: "us",
          samples: inProcess,
          key: "stageUsP50",
          keyP99: "stageUsP99",
        },
        {
          what: "the same over a broker, in another process",
          unit: "us",
          samples: remote,
          key: "remoteStageUsP50",
          keyP99: "remoteStageUsP99",
        },
        {
          what: `  on the wire: request, answer, acceptance (${packets.median} packets with topics)`,
          unit: "B",
          samples: wireBytes,
          key: "remoteStageBytes",
        },
        { what: "  as JSON in JSON, without transport", unit: "B", samples: single(jsonBytes) },
      ],
      tables: [],
    };
  },
};
