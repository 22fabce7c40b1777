// Figures of a bench: what is told of many samples, and how a budget that is missed is said.

import { describe, expect, test } from "vitest";
import { type Figure, figureFile, figureTable } from "../../../tools/bench/figure.ts";
import { single, summarise } from "../../../tools/bench/sample.ts";

const hundred = summarise(Array.from({ length: 100 }, (_, i) => 100 - i));

describe("samples", () => {
  test("are told by figures that were measured: nearest rank", () => {
    expect(hundred).toEqual({ count: 100, median: 50, p99: 99 });
    expect(summarise([3])).toEqual({ count: 1, median: 3, p99: 3 });
  });
});

describe("figures", () => {
  const over: Figure = {
    key: "overMs",
    keyP99: "overMsP99",
    what: "too slow",
    unit: "ms",
    samples: hundred,
    budget: 49,
  };
  const within: Figure = {
    key: "smallMiB",
    what: "small",
    unit: "MiB",
    samples: single(7.04),
    budget: 8,
    aim: 7.1,
  };

  test("say by how much a budget is missed, and that an aim is met", () => {
    const [, first, second] = figureTable([over, within]).split("\n");
    expect(first).toContain("<= 49.00: MISSED by 1.00");
    expect(second).toContain("<= 8.0, aim 7.1: met, aim too");
  });

  test("are held against the least that they may be", () => {
    const slow: Figure = { what: "slow", unit: "per s", samples: single(900), least: 1000 };
    const [, first, second] = figureTable([slow, { ...slow, samples: single(1000) }]).split("\n");
    expect(first).toContain(">= 1,000: MISSED by 100");
    expect(second).toContain(">= 1,000: met");
  });

  test("go into the file under their own names, rounded, with the count of samples", () => {
    expect(
      figureFile([over, within, { what: "only printed", unit: "B", samples: single(1) }]),
    ).toEqual({
      numbers: { overMs: 50, overMsP99: 99, smallMiB: 7 },
      samples: { overMs: 100, overMsP99: 100, smallMiB: 1 },
    });
  });
});
