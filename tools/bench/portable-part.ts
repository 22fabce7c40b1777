// The part of the bench about the portable firmware inside QuickJS, in a process of its own (test/portable/measure.ts).

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Figure, table } from "./figure.ts";
import type { Part } from "./part.ts";

const ENTRY = fileURLToPath(new URL("../../test/portable/measure.js", import.meta.url));
const MIB = 1024 * 1024;

interface Used {
  peakBytes: number;
  loadedBytes: number;
  messages: number;
}

/** What the one line of the process says. */
interface Figures {
  bothFileBytes: number;
  consumerFileBytes: number;
  oneFile: Record<"consumer" | "producer", Used>;
  ownFile: Record<"consumer" | "producer", Used>;
}

export const portablePart: Part = {
  name: "portable",
  what: "memory of consumer and producer inside QuickJS",
  measure: async (_counts, _site, tell) => {
    tell("sales inside QuickJS");
    const { stdout } = await promisify(execFile)(process.execPath, [ENTRY]);
    const { oneFile, ownFile, ...bytes } = JSON.parse(stdout) as Figures;
    const mib = (what: string, { peakBytes, messages }: Used, more: Partial<Figure>): Figure => {
      const median = peakBytes / MIB;
      return { what, unit: "MiB", samples: { count: messages, median, p99: median }, ...more };
    };
    const row = (role: string, file: number, { peakBytes, loadedBytes }: Used) => [
      ...[role, String(file)],
      ...[peakBytes, loadedBytes].map((one) => (one / MIB).toFixed(2)),
    ];
    const head = ["QuickJS", "file, B", "memory used at most, MiB", "of which code"];
    const rows = [
      row("consumer, its own file", bytes.consumerFileBytes, ownFile.consumer),
      row("consumer, one file of both roles", bytes.bothFileBytes, oneFile.consumer),
      row("producer, one file of both roles", bytes.bothFileBytes, oneFile.producer),
    ];
    return {
      figures: [
        mib("consumer inside QuickJS, a streamed sale", ownFile.consumer, {
          key: "portableConsumerMiB",
          budget: 1,
        }),
        mib("  producer, its simulated hardware with it", oneFile.producer, {
          key: "portableProducerMiB",
        }),
      ],
      tables: [table([head, ...rows], [0])],
    };
  },
};
