// Modbus under faults drawn from a seed, in virtual time, RTU and TCP: no hang, no crash, no wrong reading, and it
// recovers. A failure prints the command that replays its seed.

import { describe, expect, test } from "vitest";
import type { ModbusMeterPart } from "../../../hal/board.ts";
import type { ModbusFraming } from "../../../hal/drivers/modbus-bus.ts";
import { openModbusMeter, openModbusSensor } from "../../../hal/drivers/modbus-meter.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { SIM_MODBUS_METERS, type SimFlow } from "../../../hal/sim/sim-modbus-meters.ts";
import { type ModbusBench, modbusBench } from "../../support/modbus-bench.ts";

const SEEDS = process.env["SEED"] === undefined ? 24 : 1;
const FIRST = Number(process.env["SEED"] ?? 1);

const RECOVERY_MS_MAX = 12_000;
const STALE_MS = 3_000;
/** Steps in which readings are looked at. */
const LOOK_MS = 20;

const METER = {
  ...{ kind: "modbus" as const, bus: "bus", unit: "Wh", quantity: "importWh", pollMs: 500 },
  ...{ pulsesPerUnit: { numerator: 1, denominator: 1 }, pulsesPerSecondMax: 100 },
  ...{ stuckAfterMs: 60_000, staleAfterMs: STALE_MS },
} satisfies Partial<ModbusMeterPart>;
const SENSOR = { ...METER, kind: "modbus" as const };

/** 10 Wh a second. */
const truth = (atMs: number): number => 1_000_000 + Math.floor(atMs / 100);

interface Reader {
  name: string;
  read(): { value: number; atMs: number };
  /** Whether it could have been read from `fromMs` to `toMs`. */
  isTrue(value: number, fromMs: number, toMs: number): boolean;
}

function site(seed: number, framing: ModbusFraming) {
  const bench = modbusBench({
    seed,
    framing,
    units: (world) => {
      const flow: SimFlow = { total: () => truth(world.nowMs()), rate: () => 36_000 };
      const { sdm120, "abb-b23": abb } = SIM_MODBUS_METERS;
      if (sdm120 === undefined || abb === undefined) throw new Error("no such meters");
      return [sdm120(1, flow), abb(2, flow)];
    },
  });
  const { bus, world } = bench;
  const meter = (address: number, model: string, step: number): Reader => {
    const part = { ...METER, id: `m${address}`, address, model };
    const opened = openModbusMeter(bus, part, world.clock);
    return {
      name: part.id,
      read: () => ({ value: opened.read().count, atMs: opened.read().atMs }),
      isTrue: (value, fromMs, toMs) => value >= truth(fromMs) - step && value <= truth(toMs) + step,
    };
  };
  const sensor = (quantity: string, fixed: number): Reader => {
    const part = { ...SENSOR, id: quantity, address: 1, model: "sdm120", quantity, unit: "x" };
    const opened = openModbusSensor(bus, part, world.clock);
    return { name: quantity, read: () => opened.read(), isTrue: (value) => value === fixed };
  };
  const readers = [
    meter(1, "sdm120", 1),
    meter(2, "abb-b23", 10),
    sensor("voltage1Mv", 230_200),
    sensor("powerMw", 36_000_000),
  ];
  return { ...bench, readers, wrong: [] as string[] };
}

type Site = ReturnType<typeof site>;

/** What each reader has, if anything; notes what cannot be true. */
function look({ readers, world, wrong }: Site): (number | undefined)[] {
  const nowMs = world.nowMs();
  return readers.map((reader) => {
    try {
      const { value, atMs } = reader.read();
      const isTrue = reader.isTrue(value, atMs, nowMs) && atMs <= nowMs;
      if (!isTrue) wrong.push(`${reader.name} says ${value} of ${atMs} at ${nowMs}`);
      if (nowMs - atMs > STALE_MS) wrong.push(`${reader.name} is stale at ${nowMs}`);
      return atMs;
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      return undefined;
    }
  });
}

async function watch(site: Site, durationMs: number): Promise<void> {
  for (let ms = 0; ms < durationMs; ms += LOOK_MS) {
    await site.world.runFor(LOOK_MS);
    look(site);
  }
}

/** Until every reader has a reading of later than now. */
async function recover(site: Site): Promise<number> {
  const { world } = site;
  const endMs = world.nowMs();
  while (world.nowMs() - endMs < RECOVERY_MS_MAX) {
    await world.runFor(LOOK_MS);
    if (look(site).every((atMs) => atMs !== undefined && atMs > endMs)) {
      return world.nowMs() - endMs;
    }
  }
  site.wrong.push(`no recovery ${RECOVERY_MS_MAX} ms after ${endMs}`);
  return RECOVERY_MS_MAX;
}

type Fault = (site: Site, bench: ModbusBench) => Promise<void>;

const told =
  (fault: Parameters<ModbusBench["setFault"]>[0]): Fault =>
  async (site, { setFault }) => {
    setFault(fault);
    await watch(site, 10_000);
    setFault(undefined);
  };

const FAULTS: Readonly<Record<string, Fault>> = {
  "bit flips": async (site, bench) => {
    bench.setFlips(2_000 + bench.world.random.below(30_000));
    await watch(site, 10_000);
    bench.setFlips(0);
  },
  "flipped answers": told({ kind: "flipped" }),
  "cut frames": told({ kind: "cut" }),
  "joined frames": told({ kind: "joined" }),
  echoes: told({ kind: "echo" }),
  "10 s silence": told({ kind: "silent" }),
  "wrong address": told({ kind: "wrong-address" }),
  exceptions: told({ kind: "exception", code: 6 }),
  "late answers": (site, bench) => {
    const lateMs = 300 + bench.world.random.below(3_000);
    return told({ kind: "late", lateMs })(site, bench);
  },
  "a minute of garbage": async (site, { world, shout }) => {
    const { random } = world;
    for (let ms = 0; ms < 60_000; ) {
      shout(Uint8Array.from({ length: 1 + random.below(24) }, () => random.below(256)));
      const pauseMs = LOOK_MS * (1 + random.below(5));
      await watch(site, pauseMs);
      ms += pauseMs;
    }
  },
  unplugged: async (site, { world, unplug, plug }) => {
    await world.runFor(world.random.betweenMs(0, 600));
    unplug();
    await watch(site, 1_000 + world.random.below(9_000));
    plug();
  },
};

/** TCP guards its content by itself: no bit is turned round on its way. */
const NOT_OVER_TCP = ["bit flips"];

const recoveries = new Map<string, number[]>();

async function runSeed(seed: number, framing: ModbusFraming): Promise<string[]> {
  const here = site(seed, framing);
  await recover(here);
  const names = Object.keys(FAULTS).filter(
    (name) => framing === "rtu" || !NOT_OVER_TCP.includes(name),
  );
  for (let i = 0; i < 4; i++) {
    const name = names[(4 * seed + i) % names.length] ?? "";
    await FAULTS[name]?.(here, here);
    const tookMs = await recover(here);
    const key = `${framing}: ${name}`;
    recoveries.set(key, [...(recoveries.get(key) ?? []), tookMs]);
    await watch(here, here.world.random.below(2_000));
  }
  await here.bus.close();
  return here.wrong;
}

function table(framing: ModbusFraming): string {
  const rows = [...recoveries].flatMap(([key, all]) => {
    const [of, name] = key.split(": ");
    const sorted = all.map(Math.round).toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    return of === framing ? [`  ${name}: ${median} median, ${sorted.at(-1)} worst`] : [];
  });
  return `Modbus ${framing}, recovery after faults in ms\n${rows.toSorted().join("\n")}`;
}

describe.each(["rtu", "tcp"] as const)("faults over %s", (framing) => {
  test(`${SEEDS} seeds: no wrong reading, and each fault is survived`, async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const replay = `replay: SEED=${seed} npx vitest run test/hal/drivers/modbus-faults.test.ts`;
      expect(await runSeed(seed, framing), `${framing}, ${replay}`).toEqual([]);
    }
    console.log(table(framing));
  });

  test("unplugged at every moment of a conversation", async () => {
    for (let offsetMs = 0; offsetMs < 700; offsetMs += 7) {
      const here = site(offsetMs, framing);
      await here.world.runFor(500 + offsetMs);
      here.unplug();
      await watch(here, 300);
      here.plug();
      await recover(here);
      await here.bus.close();
      expect(here.wrong, `unplugged ${offsetMs} ms after the start`).toEqual([]);
    }
  });
});
