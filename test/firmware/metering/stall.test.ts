// A loop that is held up for a while (a busy machine, a stopped process) and then sees a backlog of pulses one by
// one at the same instant: they are as old as they are, and no sign of a broken meter.

import { describe, expect, test } from "vitest";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import { startOutlet, stepOutlet } from "../../../firmware/metering/outlet.ts";
import {
  type OutletSample,
  outletRules,
  type Step,
} from "../../../firmware/metering/outlet-state.ts";

test("pulses that were dated while the loop was held up are plausible, however late they are seen", () => {
  const [part] = virtualCharger.outlets;
  if (part === undefined) throw new Error("no outlet");
  const sample = (nowMs: number, count: number, atMs: number): OutletSample => ({
    nowMs,
    switch: { closed: nowMs >= 1_000, contact: nowMs >= 1_000 ? "closed" : "open" },
    readings: [
      { count, atMs },
      { count: 0, atMs: nowMs },
    ],
    interlocks: [],
  });
  const rules = outletRules(part, () => true);
  let state = startOutlet(rules, sample(0, 0, 0));
  const grant = {
    do: "grant",
    session: "s",
    outlet: part.id,
    meter: "energy",
    pulses: 400,
    total: 400,
  } as const;
  state = stepOutlet(state, sample(900, 0, 0), grant).state;
  state = stepOutlet(state, sample(1_000, 0, 0)).state;
  // 40 pulses a second, all of them seen at 3,000.
  for (let pulse = 1; pulse <= 80; pulse++) {
    state = stepOutlet(state, sample(3_000, pulse, 1_000 + 25 * pulse)).state;
  }
  expect(state.fault).toBeUndefined();
  expect(state.phase).toMatchObject({ is: "delivering" });
  // As many in a tenth of the time cannot be true.
  for (let pulse = 81; pulse <= 120; pulse++) {
    state = stepOutlet(state, sample(3_200, pulse, 3_000 + 2.5 * (pulse - 80))).state;
  }
  expect(state.fault?.reason).toBe("meter-implausible");
});

test("a jump after a quiet minute is not plausible", () => {
  const [part] = virtualCharger.outlets;
  if (part === undefined) throw new Error("no outlet");
  const at = (nowMs: number, count: number): OutletSample => ({
    nowMs,
    switch: { closed: false, contact: "open" },
    readings: [
      { count, atMs: count === 0 ? 0 : nowMs },
      { count: 0, atMs: nowMs },
    ],
    interlocks: [],
  });
  let state = startOutlet(
    outletRules(part, () => true),
    at(0, 0),
  );
  for (let nowMs = 200; nowMs < 60_000; nowMs += 200) state = stepOutlet(state, at(nowMs, 0)).state;
  state = stepOutlet(state, at(60_000, 1_000)).state;
  expect(state.fault?.reason).toBe("meter-implausible");
});

describe("the loop was held up as soon as the switch was told to open", () => {
  const [part] = virtualCharger.outlets;
  if (part === undefined) throw new Error("no outlet");
  const rules = outletRules(part, () => true);
  const OPENED_MS = 2_000;
  const sample = (nowMs: number, count: number, atMs: number): OutletSample => ({
    nowMs,
    switch: {
      closed: nowMs < OPENED_MS,
      contact: nowMs >= 1_000 && nowMs <= OPENED_MS ? "closed" : "open",
    },
    readings: [
      { count, atMs },
      { count: 0, atMs: nowMs },
    ],
    interlocks: [],
  });
  /** Ten pulses are granted and come; the last of them is what the switch is opened for. */
  const opened = (total: number): Step => {
    let state = startOutlet(rules, {
      ...sample(0, 0, 0),
      switch: { closed: false, contact: "open" },
    });
    const grant = { do: "grant", session: "s", outlet: part.id, meter: "energy" } as const;
    const closed = { ...sample(900, 0, 0), switch: { closed: false, contact: "open" } as const };
    state = stepOutlet(state, closed, { ...grant, pulses: 10, total }).state;
    state = stepOutlet(state, sample(1_000, 0, 0)).state;
    for (let pulse = 1; pulse < 10; pulse++) {
      const atMs = 1_000 + 100 * pulse;
      state = stepOutlet(state, sample(atMs, pulse, atMs)).state;
    }
    return stepOutlet(state, sample(OPENED_MS, 10, OPENED_MS));
  };

  test("what ran on in time is delivered, and no leak, however late it is seen", () => {
    const { state, effects } = opened(10);
    expect(effects).toContainEqual({ do: "switch", closed: false });
    const late = stepOutlet(state, sample(60_000, 14, OPENED_MS + 40));
    expect(late.effects).toContainEqual({
      do: "report",
      report: expect.objectContaining({ on: "stopped", reason: "exhausted", runOnPulses: 4 }),
    });
    expect(late.state).toMatchObject({ fault: undefined, phase: { is: "idle" } });
  });

  test("what still flows is a leak", () => {
    const { state } = opened(10);
    const late = stepOutlet(state, sample(60_000, 600, 59_990));
    expect(late.effects).toContainEqual({
      do: "report",
      report: expect.objectContaining({ on: "stopped", reason: "leak", runOnPulses: 590 }),
    });
  });

  test("a session that holds goes on after it, unless it still flows", () => {
    const held = stepOutlet(opened(20).state, sample(60_000, 14, OPENED_MS + 40)).state;
    expect(held).toMatchObject({ fault: undefined, phase: { is: "held" } });
    const flows = stepOutlet(held, sample(60_200, 16, 60_190)).state;
    expect(flows).toMatchObject({ fault: { reason: "leak" } });
  });
});
