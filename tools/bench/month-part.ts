// The part of the bench that lives through a month in virtual time, in a process of its own (test/sim/month.ts).

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { table } from "./figure.ts";
import type { Part } from "./part.ts";
import { single } from "./sample.ts";

const ENTRY = fileURLToPath(new URL("../../test/sim/month.js", import.meta.url));
const SEED = 1;
/** What dies young is not collected with what lives. */
const MONTH_NODE_ARGS = ["--expose-gc", "--max-semi-space-size=32"];

interface Books {
  orders: number;
  keptMinor: number;
  receiptedMinor: number;
  flowedPulses: number;
  receiptedPulses: number;
  cuts: number;
}

/** What the last line of the process says. */
interface Month {
  days: number;
  sales: number;
  refused: number;
  faults: number;
  books: Books;
  violations: readonly string[];
  events: number;
  cpuSeconds: number;
  heapMiB: readonly number[];
}

export const monthPart: Part = {
  name: "month",
  what: "a month of mixed sales with faults, in virtual time",
  measure: async ({ days }, _site, tell) => {
    tell(`${days} days in virtual time`);
    const args = [...MONTH_NODE_ARGS, ENTRY, String(days), String(SEED)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const month = JSON.parse(stdout) as Month;
    const { sales, refused, faults, books, violations, events, cpuSeconds, heapMiB } = month;
    const sample = (value: number) => ({ ...single(Math.abs(value)), count: sales });
    const { orders, cuts, keptMinor, receiptedMinor, flowedPulses, receiptedPulses } = books;
    const head = ["", "kept by the host, metered", "on receipts"];
    const rows = [
      ["money, minor units", String(keptMinor), String(receiptedMinor)],
      ["pulses", String(flowedPulses), String(receiptedPulses)],
    ];
    return {
      figures: [
        {
          key: "virtualEventsPerSecond",
          what: "events a second of one core, in virtual time",
          unit: "per s",
          samples: single(events / cpuSeconds),
          least: 200_000,
        },
        {
          what: `money that the books of ${days} days are off by`,
          unit: "minor",
          samples: sample(keptMinor - receiptedMinor),
          budget: 0,
        },
        {
          what: `pulses that ${cuts} cuts of the power have lost or doubled`,
          unit: "pulses",
          samples: sample(flowedPulses - receiptedPulses),
          budget: 0,
        },
      ],
      tables: [
        [
          `${days} days in virtual time: ${orders} orders settled, ${sales} sales, ${refused} refused, ${faults} faults, ${events} events in ${cpuSeconds.toFixed(0)} s of one core.`,
          `Heap after each tenth, MiB: ${heapMiB.join(" ")}. Violations: ${violations.join("; ") || "none"}.`,
          table([head, ...rows], [0]),
        ].join("\n"),
      ],
      more: { month },
    };
  },
};
