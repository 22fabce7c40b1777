// Modbus meters and sensors on simulated ones in virtual time: the count of each model, shared buses, every fault of a
// meter, and what is said of it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ModbusMeterPart, ModbusSensorPart } from "../../../hal/board.ts";
import type { ModbusBus, ModbusOutcome } from "../../../hal/drivers/modbus-bus.ts";
import { openModbusBuses } from "../../../hal/drivers/modbus-buses.ts";
import { MODBUS_MODELS, type ModbusModel } from "../../../hal/drivers/modbus-maps.ts";
import { openModbusMeter, openModbusSensor } from "../../../hal/drivers/modbus-meter.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { Meter } from "../../../hal/meter.ts";
import { SIM_MODBUS_METERS } from "../../../hal/sim/sim-modbus-meters.ts";
import { describeMeter } from "../../contract/meter.ts";
import { modbusBench } from "../../support/modbus-bench.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/meters.md"), "utf8");

function part(more: Partial<ModbusMeterPart> = {}): ModbusMeterPart {
  return {
    ...{ kind: "modbus", id: "m1", bus: "bus", address: 1, model: "sdm120" },
    ...{ quantity: "importWh", unit: "Wh", pulsesPerUnit: { numerator: 1, denominator: 1 } },
    ...{ pulsesPerSecondMax: 100, stuckAfterMs: 60_000, pollMs: 500, staleAfterMs: 3_000 },
    ...more,
  };
}

function sensorPart(more: Partial<ModbusSensorPart> = {}): ModbusSensorPart {
  return {
    ...{ kind: "modbus", id: "s1", unit: "mV", bus: "bus", address: 1, model: "sdm120" },
    ...{ quantity: "voltage1Mv", pollMs: 500, staleAfterMs: 3_000 },
    ...more,
  };
}

/** One meter, whose total and rate the test sets. */
function oneMeter(more: Partial<ModbusMeterPart> = {}, seed = 1) {
  const flow = { total: 1_000, rate: 3_600 };
  const meterPart = part(more);
  const bench = modbusBench({
    seed,
    units: () => {
      const make = SIM_MODBUS_METERS[meterPart.model];
      if (make === undefined) throw new Error(meterPart.model);
      return [make(meterPart.address, { total: () => flow.total, rate: () => flow.rate })];
    },
  });
  const meter = openModbusMeter(bench.bus, meterPart, bench.world.clock);
  return { ...bench, flow, meter, meterPart };
}

const outcome = (meter: Pick<Meter, "read">): number | string => {
  try {
    return meter.read().count;
  } catch (error) {
    return error instanceof HalError ? error.kind : String(error);
  }
};

// A pulse of this meter takes 100 ms; its register is read every 50 ms.
describeMeter("modbus", async () => {
  let flowing = false;
  let total = 1_000;
  const bench = modbusBench({
    seed: 1,
    units: () => [
      SIM_MODBUS_METERS["abb-b21"]?.(1, { total: () => 10 * total, rate: () => 0 }) ?? {
        ...{ address: 1, input: [], holding: [] },
      },
    ],
  });
  const { world } = bench;
  const meter = openModbusMeter(
    bench.bus,
    part({ model: "abb-b21", pollMs: 100, staleAfterMs: 60_000 }),
    world.clock,
  );
  await world.runFor(2_000);
  return {
    meter: inTens(meter),
    flow: (next) => {
      flowing = next;
    },
    pulses: async (count) => {
      await world.runFor(100);
      const start = total;
      for (let i = 1; i <= 10 * count; i++) {
        await world.runFor(20);
        if (flowing) total = start + i / 10;
      }
      total = flowing ? start + count : start;
      await world.runFor(300);
    },
    nowMs: world.nowMs,
  };
});

/** The register counts in steps of ten. */
function inTens(meter: Meter): Meter {
  return {
    ...meter,
    read: () => {
      const { count, atMs } = meter.read();
      return { count: count / 10, atMs };
    },
  };
}

/** What the simulated meters count up; what runs the other way stands still on the bench. */
const COUNTED = Object.entries(MODBUS_MODELS).flatMap(([model, { quantities }]) =>
  Object.keys(quantities)
    .filter((name) => /^(import|total|net|forward)/.test(name))
    .map((name) => [model, name] as const),
);

describe("a Modbus meter", () => {
  test("there is something that each model counts", () => {
    const counting = new Set(COUNTED.map(([model]) => model));
    expect([...counting]).toEqual(Object.keys(MODBUS_MODELS));
  });

  test.each(COUNTED)("%s %s: what it counts is what went through", async (model, quantity) => {
    const { world, flow, meter } = oneMeter({ model, quantity });
    flow.total = 123_450;
    await world.runFor(2_000);
    expect(outcome(meter)).toBe(123_450);
    flow.total += 20;
    await world.runFor(1_000);
    expect(outcome(meter)).toBe(123_470);
    expect(meter.health?.()).toMatchObject({ state: "good", message: "", failures: 0 });
    expect(meter.retains).toBe(true);
  });

  test("nothing was read yet: no reading, and that is said", async () => {
    const { meter, world } = oneMeter();
    expect(outcome(meter)).toBe("disconnected");
    expect(meter.health?.()).toEqual({
      ...{ state: "waiting", answers: 0, failures: 0 },
      message: "m1 at address 1: it has not answered yet",
    });
    await world.runFor(1_000);
    expect(outcome(meter)).toBe(1_000);
  });

  test("a first answer is waited for no longer than one may be old, nor after one has failed", async () => {
    const { world, meterPart } = oneMeter();
    const tells: ((outcome: ModbusOutcome) => void)[] = [];
    const unasked: ModbusBus = {
      poll: (_read, _pollMs, tell) => {
        tells.push(tell);
        return { cancel: () => undefined };
      },
      close: async () => undefined,
    };
    const meter = openModbusMeter(unasked, meterPart, world.clock);
    const failing = openModbusMeter(unasked, meterPart, world.clock);
    const state = (of: Meter) => of.health?.().state;
    expect([state(meter), state(failing)]).toEqual(["waiting", "waiting"]);
    tells[1]?.({ kind: "silent", message: "it does not answer" });
    expect([state(meter), state(failing)]).toEqual(["waiting", "silent"]);
    const endsMs = world.nowMs() + meterPart.staleAfterMs;
    await world.runUntil(endsMs);
    expect(state(meter)).toBe("waiting");
    await world.runUntil(endsMs + 1);
    expect(state(meter)).toBe("silent");
  });

  test("a register that falls is passed on as it is", async () => {
    const { world, meter, flow } = oneMeter();
    await world.runFor(1_000);
    flow.total = 5;
    await world.runFor(1_000);
    expect(outcome(meter)).toBe(5);
  });

  test("a reading ages and is none when it is too old; the first answer after a silence is dated as what it may be", async () => {
    const { world, meter, setFault } = oneMeter();
    await world.runFor(1_600);
    const { atMs } = meter.read();
    expect(atMs).toBeGreaterThan(1_000);
    setFault({ kind: "silent" });
    await world.runUntil(atMs + 3_000);
    expect(outcome(meter)).toBe(1_000);
    expect(meter.health?.().state).toMatch(/good|late/);
    await world.runUntil(atMs + 3_001);
    expect(outcome(meter)).toBe("disconnected");
    await world.runFor(20_000);
    expect(meter.health?.()).toMatchObject({
      ...{ state: "silent", message: "m1 at address 1: it does not answer" },
    });
    setFault(undefined);
    await world.runFor(12_000);
    expect(outcome(meter)).toBe(1_000);
    expect(meter.health?.().state).toBe("good");
    expect(meter.read().atMs).toBeGreaterThan(world.nowMs() - 1_000);
  });

  test.each([
    [{ kind: "exception", code: 4 } as const, "corrupt", "it failed (Modbus exception 4)"],
    [{ kind: "wrong-address" } as const, "corrupt", "what it sends is no answer"],
    [{ kind: "cut" } as const, "corrupt", "what it sends is no answer"],
    [{ kind: "garbage" } as const, "corrupt", "what it sends is no answer"],
    [{ kind: "flipped" } as const, "corrupt", "what it sends is no answer"],
    [{ kind: "silent" } as const, "disconnected", "it does not answer"],
  ])("%o: no reading, and its own words", async (fault, kind, words) => {
    const { world, meter, setFault, flow } = oneMeter();
    setFault(fault);
    await world.runFor(20_000);
    expect(outcome(meter)).toBe(kind);
    const health = meter.health?.();
    expect(health?.message).toBe(`m1 at address 1: ${words}`);
    expect(health?.state).toBe(kind === "corrupt" ? "wrong" : "silent");
    expect([health?.answers, (health?.failures ?? 0) > 0]).toEqual([0, true]);
    setFault(undefined);
    flow.total = 1_010;
    await world.runFor(12_000);
    expect(outcome(meter)).toBe(1_010);
  });

  test.each([{ kind: "echo" } as const, { kind: "joined" } as const])(
    "%o does not disturb",
    async (fault) => {
      const { world, meter, setFault, flow } = oneMeter();
      setFault(fault);
      for (let i = 0; i < 20; i++) {
        flow.total += 10;
        await world.runFor(1_100);
        // The answer before, joined to this one, is one poll old.
        const { count, atMs } = meter.read();
        expect([flow.total, flow.total - 10]).toContain(count);
        expect(world.nowMs() - atMs).toBeLessThan(1_000);
      }
    },
  );

  test("the line is down: told at once, and good again when it is back", async () => {
    const { world, meter, unplug, plug } = oneMeter({ staleAfterMs: 1_000 });
    await world.runFor(2_000);
    unplug();
    await world.runFor(10);
    expect(meter.health?.()).toMatchObject({
      ...{ state: "late", message: "m1 at address 1: the line is down: the cable was pulled" },
    });
    await world.runFor(3_000);
    expect(outcome(meter)).toBe("disconnected");
    plug();
    await world.runFor(6_000);
    expect(outcome(meter)).toBe(1_000);
  });

  test("a count below zero is no count", async () => {
    const { world, meter, flow } = oneMeter({ model: "abb-b23", quantity: "netWh" });
    flow.total = -20;
    await world.runFor(2_000);
    expect(outcome(meter)).toBe("corrupt");
    expect(meter.health?.()).toMatchObject({
      ...{ state: "wrong", message: "m1 at address 1: it holds -20, which cannot be" },
    });
  });

  test("closed: no reading, no poll, no wake", async () => {
    const { world, meter, flow, requests } = oneMeter();
    await world.runFor(1_000);
    let woken = 0;
    meter.onChange(() => woken++);
    meter.close();
    meter.close();
    await world.runFor(100);
    const before = requests();
    flow.total += 10;
    await world.runFor(5_000);
    expect([outcome(meter), woken, requests() - before]).toEqual(["canceled", 0, 0]);
  });

  test("a part that no map, address or bus fits is refused when it is opened", () => {
    const { bus, world } = oneMeter();
    const open = (more: Partial<ModbusMeterPart>) => () =>
      openModbusMeter(bus, part(more), world.clock);
    expect(open({ model: "sdm1" })).toThrow(/m1: no map for model sdm1/);
    expect(open({ address: 0 })).toThrow(/address 0: on a serial line 1 to 247/);
    expect(open({ address: 248 })).toThrow(HalError);
    const buses = openModbusBuses((name) => {
      throw new HalError("refused", `no bus ${name}`);
    }, world.clock);
    expect(() => buses.meter(part())).toThrow("no bus bus");
  });
});

/** What the simulated meters show of 100 kWh (or m3) and 6.9 kW (or m3/h). A quantity of a new sort has its line here. */
function shown(model: string, quantity: string): number | string {
  const quantities: ModbusModel["quantities"] = MODBUS_MODELS[model]?.quantities ?? {};
  const phases = "voltage3Mv" in quantities ? 3 : 1;
  const perPhase = 6_906 / phases;
  const values: Record<string, number | string> = {
    ...{ importWh: 100_000, totalWh: 100_000, netWh: 100_000 },
    ...{ exportWh: quantities["exportWh"]?.absent ? "corrupt" : 0, powerMw: 6_906_000 },
    ...{ powerFactorMilli: 1_000, frequencyMilliHz: 49_980, signalQuality: 90 },
    ...{ forwardLitres: 100_000, netLitres: 100_000, reverseLitres: 0 },
    ...{ flowLitresPerHour: 6_906, inletMilliC: 36_625, outletMilliC: 36_625 },
  };
  for (const phase of [1, 2, 3]) {
    values[`power${phase}Mw`] = 1_000 * perPhase;
    values[`voltage${phase}Mv`] = 230_200;
    values[`current${phase}Ma`] = (1_000 * perPhase) / 230.2;
  }
  return values[quantity] ?? "nothing";
}

test.each(Object.keys(MODBUS_MODELS))("%s: every quantity of its map", async (model) => {
  const make = SIM_MODBUS_METERS[model];
  if (make === undefined) throw new Error(`${model} has no simulation`);
  const flow = { total: () => 100_000, rate: () => 6_906 };
  const { world, bus } = modbusBench({ seed: 4, units: () => [make(1, flow)] });
  const quantities = Object.keys(MODBUS_MODELS[model]?.quantities ?? {});
  const sensors = quantities.map((quantity) =>
    openModbusSensor(bus, sensorPart({ model, quantity, staleAfterMs: 60_000 }), world.clock),
  );
  await world.runFor(30_000);
  expect(quantities.length).toBeGreaterThan(0);
  for (const [i, sensor] of sensors.entries()) {
    const quantity = quantities[i] ?? "";
    const value = outcome({ read: () => ({ count: sensor.read().value, atMs: 0 }) });
    expect([quantity, value]).toEqual([quantity, shown(model, quantity)]);
  }
});

test.each(Object.entries(MODBUS_MODELS))("docs/meters.md tells of %s", (model, { quantities }) => {
  const rows = PAGE.split("\n").filter((line) => line.startsWith("| `") || line.startsWith("`"));
  const told = rows.join("\n");
  // The second and third phase stand in the row of the first.
  const names = Object.keys(quantities).map((name) => name.replace(/[23](?=M[va]$)/, "1"));
  expect([model, ...names].filter((name) => !told.includes(`\`${name}\``))).toEqual([]);
});

describe("a shared bus", () => {
  const units = (flow: { total: number }) => () => {
    const { sdm120, "abb-b23": abb } = SIM_MODBUS_METERS;
    const physics = { total: () => flow.total, rate: () => 1_800 };
    if (sdm120 === undefined || abb === undefined) throw new Error("no such meters");
    return [sdm120(1, physics), abb(2, physics)];
  };

  test("two meters and sensors of two models, each with its own", async () => {
    const flow = { total: 50_000 };
    const { world, bus } = modbusBench({ seed: 2, units: units(flow) });
    const one = openModbusMeter(bus, part(), world.clock);
    const two = openModbusMeter(bus, part({ id: "m2", address: 2, model: "abb-b23" }), world.clock);
    const volts = openModbusSensor(bus, sensorPart(), world.clock);
    const power = openModbusSensor(bus, sensorPart({ quantity: "powerMw" }), world.clock);
    const share = openModbusSensor(
      bus,
      sensorPart({ address: 2, model: "abb-b23", quantity: "power2Mw" }),
      world.clock,
    );
    await world.runFor(3_000);
    expect([outcome(one), outcome(two)]).toEqual([50_000, 50_000]);
    expect(volts.unit).toBe("mV");
    expect([volts, power, share].map((each) => each.read().value)).toEqual([
      230_200, 1_800_000, 600_000,
    ]);
    volts.close();
    expect(() => volts.read()).toThrow(HalError);
  });

  test("silent meters do not starve the one that answers", async () => {
    const flow = { total: 50_000 };
    const { world, bus } = modbusBench({ seed: 2, units: units(flow) });
    for (let address = 10; address < 14; address++) {
      openModbusMeter(bus, part({ id: `m${address}`, address }), world.clock);
    }
    const good = openModbusMeter(bus, part(), world.clock);
    await world.runFor(20_000);
    let oldestMs = 0;
    for (let i = 0; i < 600; i++) {
      await world.runFor(100);
      oldestMs = Math.max(oldestMs, world.nowMs() - good.read().atMs);
    }
    expect(oldestMs).toBeLessThan(3_000);
  });

  test("a meter asked twenty times a second leaves the others their turn", async () => {
    const flow = { total: 50_000 };
    const { world, bus } = modbusBench({ seed: 2, units: units(flow) });
    const quick = openModbusMeter(bus, part({ pollMs: 10 }), world.clock);
    const slow = openModbusMeter(
      bus,
      part({ id: "m2", address: 2, model: "abb-b23" }),
      world.clock,
    );
    await world.runFor(2_000);
    for (let i = 0; i < 100; i++) {
      await world.runFor(100);
      expect(world.nowMs() - slow.read().atMs).toBeLessThan(900);
      expect(world.nowMs() - quick.read().atMs).toBeLessThan(400);
    }
  });
});
