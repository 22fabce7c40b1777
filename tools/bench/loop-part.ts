// The parts of the bench about metal: how fast the loop cuts, how many pulses it counts, and by how much deliveries
// miss what was sold.

import { type Cutoff, measureCutoff } from "./cutoff.ts";
import { type Figure, table } from "./figure.ts";
import { measureGarbage } from "./loop-garbage.ts";
import { measureOverrun, overrunTable } from "./overrun.ts";
import type { Part } from "./part.ts";
import { measurePulseRate, type PulseRate, type Stalled } from "./pulse-rate.ts";
import { single } from "./sample.ts";

export const cutoffPart: Part = {
  name: "cutoff",
  what: "from a pulse in another process to the write that opens the switch",
  measure: async ({ cuts }, _site, tell) => {
    tell(`${cuts} cuts each: idle, one core busy, the other side stalled, both cores busy`);
    const { idle, busy, stalled, bothCores } = await measureCutoff(cuts);
    const us = (what: string, value: number, more: Partial<Figure>): Figure => {
      return {
        what,
        unit: "us",
        samples: { count: busy.cuts, median: value, p99: value },
        ...more,
      };
    };
    const row = (name: string, { cuts: count, p50, p99, p999, max, collections }: Cutoff) => [
      ...[name, String(count)],
      ...[p50, p99, p999, max].map((one) => one.toFixed(0)),
      String(collections),
    ];
    const head = ["cut-off, us", "cuts", "p50", "p99", "p99.9", "max", "collections"];
    const rows = [
      row("idle", idle),
      row("one core busy, 200 messages/s", busy),
      row("the same, the other side blocked for 2 s again and again", stalled),
      row("both cores busy, 200 messages/s", bothCores),
    ];
    return {
      figures: [
        us("pulse to switch write, one core busy: p50", busy.p50, {
          key: "cutoffUsP50",
          budget: 100,
        }),
        us("  p99", busy.p99, { key: "cutoffUsP99", budget: 500 }),
        us("  p99.9", busy.p999, { key: "cutoffUsP999", budget: 3000 }),
        us("  p99 with the other side stalled", stalled.p99, {
          key: "cutoffStalledUsP99",
          budget: 500,
        }),
      ],
      tables: [table([head, ...rows], [0])],
      more: { cutoff: { idle, busy, stalled, bothCores } },
    };
  },
};

const ONE_LINE_SECONDS = 10;
/** What a million pulses leave, and not what the minutes in which they come. */
const GARBAGE_PULSES_PER_SECOND = 250_000;

export const pulsesPart: Part = {
  name: "pulses",
  what: "pulses a second that are counted without loss",
  measure: async ({ pulseSeconds }, _site, tell) => {
    const runs: [string, PulseRate][] = [];
    const run = async (lines: number, seconds: number, stalled: Stalled): Promise<PulseRate> => {
      const stall = stalled === "none" ? "" : `, the ${stalled} stalled for 2 s`;
      const name = `${lines === 1 ? "1 line" : `${lines} lines`}${stall}`;
      tell(`pulses for ${seconds} s: ${name}`);
      const rate = await measurePulseRate(lines, seconds, stalled);
      runs.push([name, rate]);
      return rate;
    };
    const one = await run(1, Math.min(ONE_LINE_SECONDS, pulseSeconds), "none");
    const four = await run(4, pulseSeconds, "device");
    await run(4, pulseSeconds, "loop");
    tell("garbage of the loop");
    const garbage = measureGarbage(1_000_000, GARBAGE_PULSES_PER_SECOND);
    const lost = runs.reduce((sum, [, rate]) => sum + rate.lost, 0);
    const rows = runs.map(([name, rate]) => [
      name,
      rate.seconds.toFixed(1),
      ...[rate.generated, rate.counted, rate.lost, rate.perSecond].map(String),
    ]);
    const head = ["pulses", "s", "generated", "counted", "lost", "per s"];
    const perSecond = (what: string, value: number, more: Partial<Figure>): Figure => {
      return { what, unit: "per s", samples: single(value), ...more };
    };
    return {
      figures: [
        perSecond("pulses a second, 1 line", one.perSecond, {
          key: "pulsesPerSecond1",
          least: 9_900,
        }),
        perSecond("pulses a second, 4 lines together", four.perSecond, {
          key: "pulsesPerSecond4",
          least: 39_600,
        }),
        {
          key: "pulsesLost",
          what: "pulses lost, with stalls of 2 s of either side",
          unit: "pulses",
          samples: single(lost),
          budget: 0,
        },
        {
          what: `heap of the loop over 10^6 pulses, ${garbage.collections} collections`,
          unit: "B",
          samples: single(garbage.heapGrowthBytes),
          budget: 65_536,
        },
      ],
      tables: [table([head, ...rows], [0])],
    };
  },
};

export const overrunPart: Part = {
  name: "overrun",
  what: "by how many pulses deliveries miss what was sold",
  measure: async ({ stops }, _site, tell) => {
    tell(`${stops} stops in virtual time`);
    const overrun = measureOverrun(stops);
    const pulses = (what: string, value: number, more: Partial<Figure>): Figure => {
      const samples = { count: overrun.stops, median: value, p99: value };
      return { what, unit: "pulses", samples, ...more };
    };
    return {
      figures: [
        pulses("overrun, the worst", overrun.overrunPulsesMax, { key: "overrunPulsesMax" }),
        pulses("shortfall, the worst", overrun.shortPulsesMax, { key: "shortPulsesMax" }),
        {
          key: "overrunWithinOnePulse",
          what: "stops that missed by one pulse at the most",
          unit: "share",
          samples: { ...single(overrun.overrunWithinOnePulse), count: overrun.stops },
          least: 0.9999,
        },
        pulses("receipts that say it wrongly, or charge more than was sold", overrun.misstated, {
          budget: 0,
        }),
      ],
      tables: [overrunTable(overrun)],
    };
  },
};
