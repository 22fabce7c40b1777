// The metal of a virtual board: it moves, flows, counts and breaks as told.

import { describe, expect, test } from "vitest";
import { virtualCharger } from "../../../boards/virtual-charger.ts";
import type { OutputPin } from "../../../hal/pin.ts";
import { openSimBoard, type SimBoard } from "../../../hal/sim/open-board.ts";
import type { SimMetalOptions } from "../../../hal/sim/sim-metal.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

interface Bench extends SimBoard {
  world: SimWorld;
  coil: OutputPin;
}

function bench(options: SimMetalOptions & { seed?: number } = {}): Bench {
  const world = simWorld({ seed: options.seed ?? 1 });
  const board = openSimBoard(world, virtualCharger, { operateMs: [20, 20], ...options });
  return { world, ...board, coil: board.pins.lines.output("socket-1-coil") };
}

function meterOf({ metal }: Bench): { register: number; physical: number } {
  return metal.outlet("socket-1").meters["energy"] ?? { register: -1, physical: -1 };
}

describe("the metal", () => {
  test("moves the contact after the coil and lets flow while it is closed", () => {
    const each = bench({ pulsesPerSecond: 10 });
    each.coil.set(true);
    each.world.advance(10);
    expect(each.metal.outlet("socket-1")).toMatchObject({ coil: true, contact: false });
    each.world.advance(1_010);
    expect(meterOf(each).physical).toBe(10);
    expect(each.pins.level("socket-1-contact")).toBe(true);
    each.coil.set(false);
    each.world.advance(1_000);
    expect(meterOf(each).physical).toBe(10);
    expect(each.metal.history("socket-1").map((event) => [event.what, event.closed])).toEqual([
      ["coil", true],
      ["contact", true],
      ["coil", false],
      ["contact", false],
    ]);
  });

  test("runs on until the contact opens, and keeps the part of a pulse", () => {
    const each = bench({ pulsesPerSecond: 10, operateMs: [160, 160] });
    each.coil.set(true);
    each.world.advance(160 + 250);
    each.coil.set(false);
    each.world.advance(1_000);
    // 250 ms and 160 ms of flow: ten in a hundred of a pulse left over.
    expect(meterOf(each).physical).toBe(4);
    each.coil.set(true);
    each.world.advance(160 + 50);
    each.metal.setFlow("socket-1", 100);
    each.world.advance(3.9);
    expect(meterOf(each).physical).toBe(4);
    each.world.advance(0.2);
    expect(meterOf(each).physical).toBe(5);
  });

  test("a coil that is released before the contact moved moves nothing", () => {
    const each = bench();
    each.coil.set(true);
    each.world.advance(10);
    each.coil.set(false);
    each.world.advance(1_000);
    expect(each.metal.history("socket-1").every((event) => event.what === "coil")).toBe(true);
  });

  test("a register goes on from what it was given, and changes are told", () => {
    const each = bench({ pulsesPerSecond: 10, register: () => 1_000 });
    const told: number[] = [];
    each.metal.onChange(({ outlets }) => {
      told.push(outlets[0]?.meters["energy"]?.register ?? -1);
    });
    each.coil.set(true);
    each.world.advance(520);
    expect(each.metal.register("socket-1", "energy")).toBe(1_005);
    expect(each.metal.register("socket-1", "time")).toBeUndefined();
    expect(told).toEqual([1_000, 1_000, 1_001, 1_002, 1_003, 1_004, 1_005]);
  });

  test("a welded contact stays closed until it is mended", () => {
    const each = bench({ pulsesPerSecond: 10 });
    each.coil.set(true);
    each.world.advance(100);
    each.metal.setFaults("socket-1", { weld: true });
    each.coil.set(false);
    each.world.advance(1_000);
    expect(each.metal.outlet("socket-1").contact).toBe(true);
    each.metal.setFaults("socket-1", { weld: false });
    each.world.advance(20);
    expect(each.metal.outlet("socket-1").contact).toBe(false);
  });

  test("a stuck meter shows nothing of what flows, a leak flows through an open contact", () => {
    const each = bench({ pulsesPerSecond: 10 });
    each.metal.setFaults("socket-1", { stuckMeter: true, leakPulsesPerSecond: 5 });
    each.world.advance(1_000);
    expect(meterOf(each)).toEqual({ register: 0, physical: 5 });
  });

  test("a jump shows what never flowed", () => {
    const each = bench();
    const edges = each.pins.lines.edges("socket-1-pulse");
    each.metal.jumpMeter("socket-1", "energy", 400);
    expect(meterOf(each)).toEqual({ register: 400, physical: 0 });
    expect(edges.edges().count).toBe(400);
  });

  test("a contact bounces and comes to rest where it belongs", () => {
    const each = bench();
    each.metal.setFaults("socket-1", { bounces: 3 });
    const edges = each.pins.lines.edges("socket-1-contact");
    each.coil.set(true);
    each.world.advance(100);
    expect(edges.edges().count).toBe(4);
    expect(each.pins.level("socket-1-contact")).toBe(true);
  });

  test("outputs fall when their process dies, and its lines can be opened again", () => {
    const each = bench();
    each.coil.set(true);
    each.world.advance(100);
    each.pins.releaseAll();
    each.world.advance(100);
    expect(each.metal.outlet("socket-1").contact).toBe(false);
    const next = each.pins.lines.output("socket-1-coil");
    each.coil.set(true);
    expect(each.pins.level("socket-1-coil")).toBe(false);
    next.set(true);
    each.coil.close();
    expect(each.pins.level("socket-1-coil")).toBe(true);
  });

  test("I15: the same seed gives the same history, another seed another", () => {
    const run = (seed: number): unknown => {
      const each = bench({ seed, operateMs: [10, 30] });
      for (let i = 0; i < 10; i++) {
        each.coil.set(i % 2 === 0);
        each.world.advance(100);
      }
      return each.metal.history("socket-1");
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
  });
});
