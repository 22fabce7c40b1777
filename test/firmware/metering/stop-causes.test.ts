// I13: every stop has one reason, and where a reading brought it about, that reading: of the closed list each reason is
// brought about here on simulated metal, or is in the list of those that no reading brings about.

import { describe, expect, test } from "vitest";
import { virtualWasher } from "../../../boards/virtual-washer.ts";
import {
  type LoopCommand,
  STOP_REASONS,
  type StopCause,
  type StopReason,
} from "../../../hal/loop-host.ts";
import { type LoopBench, loopBench } from "./bench.ts";
import { blindCharger, guardedCharger } from "./boards.ts";

const OUTLET = "socket-1";

function grant(pulses: number, outlet = OUTLET, meter = "energy", total = pulses): LoopCommand {
  return { do: "grant", session: "s1", outlet, meter, pulses, total };
}

function running(options: Parameters<typeof loopBench>[0] = {}): LoopBench {
  const bench = loopBench(options);
  bench.send(grant(1_000));
  bench.world.advance(3_000);
  return bench;
}

/** By a person, a program, the end of power, or the last pulse, of which the closing reading tells. */
const WITHOUT_READING: readonly StopReason[] = [
  "exhausted",
  "consumer-end",
  "customer-button",
  "operator-stop",
  "money-limit",
  "payment-lost",
  "consumer-lost",
  "power-loss",
  "restart",
  "update",
  "fault",
];

/** By the side that knows of proofs: test/firmware/producer/session-end.test.ts. */
const BY_THE_SELLER: readonly StopReason[] = ["proof-late"];

type Way = (bench?: LoopBench) => { bench: LoopBench; cause: StopCause };

const WAYS: Partial<Record<StopReason, Way>> = {
  "time-limit": () => {
    const bench = loopBench({ board: virtualWasher, cycleMs: [20_000, 20_000] });
    bench.metal.setMachineFaults("washer", { neverDone: true });
    bench.send(grant(3, "washer", "done"));
    return { bench, cause: { of: "done", value: 300_000, unit: "ms" } };
  },
  "meter-stuck": () => {
    const bench = running();
    bench.metal.setFaults(OUTLET, { stuckMeter: true });
    return { bench, cause: { of: "energy", value: 30_000, unit: "ms" } };
  },
  "meter-lost": () => {
    const bench = running();
    bench.pins.unplug(`${OUTLET}-pulse`);
    const value = bench.metal.outlet(OUTLET).meters["energy"]?.register ?? -1;
    return { bench, cause: { of: "energy", value, unit: "pulses" } };
  },
  "meter-implausible": () => {
    const bench = running();
    bench.metal.jumpMeter(OUTLET, "energy", 400);
    const value = bench.metal.outlet(OUTLET).meters["energy"]?.register ?? -1;
    return { bench, cause: { of: "energy", value, unit: "pulses" } };
  },
  leak: () => {
    const bench = loopBench();
    bench.send(grant(5, OUTLET, "energy", 500));
    bench.world.advance(5_000);
    bench.metal.setFaults(OUTLET, { leakPulsesPerSecond: 1 });
    return { bench, cause: { of: "energy", value: 2, unit: "pulses" } };
  },
  weld: () => {
    const bench = running();
    bench.metal.setFaults(OUTLET, { weld: true });
    bench.send({ do: "stop", session: "s1", reason: "consumer-end" });
    return { bench, cause: { of: OUTLET, value: 150, unit: "ms" } };
  },
  "not-closed": () => {
    const bench = loopBench();
    bench.metal.setFaults(OUTLET, { notClosed: true });
    bench.send(grant(12));
    return { bench, cause: { of: OUTLET, value: 0, unit: "state" } };
  },
  "emergency-stop": () => {
    const bench = running({ board: guardedCharger });
    bench.controls.setInterlock(OUTLET, "emergency-stop", true);
    // Both at once: a person's hand is the reason.
    bench.controls.setInterlock(OUTLET, "door", true);
    return { bench, cause: { of: "emergency-stop", value: 1, unit: "state" } };
  },
  interlock: () => {
    const bench = running({ board: guardedCharger });
    bench.controls.setInterlock(OUTLET, "door", true);
    return { bench, cause: { of: "door", value: 1, unit: "state" } };
  },
  "sensor-stale": () => {
    const bench = running({ board: guardedCharger });
    bench.sensors.setFaults("temperature", { frozen: true });
    return { bench, cause: { of: "temperature", value: 2_000, unit: "ms" } };
  },
};

test("I13: of every reason either its reading is known, or that it has none", () => {
  const told = [...Object.keys(WAYS), ...WITHOUT_READING, ...BY_THE_SELLER];
  expect(told.sort()).toEqual([...STOP_REASONS].sort());
});

describe("I13: the reading that brought it about is named", () => {
  test.each(Object.entries(WAYS))("%s", (reason, way) => {
    const { bench, cause } = way();
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe(reason);
    const { value = -1, ...named } = stopped.cause ?? { of: "nothing" };
    const { value: due, ...dueNamed } = cause;
    expect(named).toEqual(dueNamed);
    // Time is seen when it is looked at: a little later than it is up.
    expect(value).toBeGreaterThanOrEqual(due);
    expect(value).toBeLessThanOrEqual(cause.unit === "ms" ? due + 250 : due);
  });

  test.each(WITHOUT_READING)("%s has none", (reason) => {
    const bench = loopBench();
    bench.send(grant(12));
    bench.world.advance(500);
    if (reason !== "exhausted") bench.send({ do: "stop", session: "s1", reason });
    const stopped = bench.untilStopped("s1");
    expect(stopped.reason).toBe(reason);
    expect(stopped).not.toHaveProperty("cause");
  });

  test.each<[string, (bench: LoopBench) => void, StopCause]>([
    [
      "what a sensor said that is out of its bounds",
      ({ sensors }) => sensors.fill("temperature", 85_001),
      { of: "temperature", value: 85_001, unit: "value" },
    ],
    [
      "a sensor that cannot be read",
      ({ sensors }) => sensors.setFaults("temperature", { lost: true }),
      { of: "temperature", value: 0, unit: "state" },
    ],
    [
      "the first of two contacts",
      ({ controls, sensors }) => {
        controls.setInterlock(OUTLET, "door", true);
        sensors.fill("temperature", 85_001);
      },
      { of: "door", value: 1, unit: "state" },
    ],
  ])("by an interlock: %s", (_, raise, cause) => {
    const bench = running({ board: guardedCharger });
    raise(bench);
    expect(bench.untilStopped("s1").cause).toEqual(cause);
  });

  test("also of a session that could not begin", () => {
    const bench = loopBench({ board: guardedCharger });
    bench.controls.setInterlock(OUTLET, "door", true);
    bench.world.advance(1_000);
    bench.send(grant(12));
    const refused = bench.untilStopped("s1");
    expect(refused).toMatchObject({ reason: "interlock", pulses: 0 });
    expect(refused.cause).toEqual({ of: "door", value: 1, unit: "state" });
  });

  test("of a leak through a contact that nobody sees: what came after it was told to open", () => {
    const bench = running({ board: blindCharger });
    bench.metal.setFaults(OUTLET, { weld: true });
    const before = bench.metal.outlet(OUTLET).meters["energy"]?.physical ?? 0;
    bench.send({ do: "stop", session: "s1", reason: "consumer-end" });
    const stopped = bench.untilStopped("s1");
    const after = bench.metal.outlet(OUTLET).meters["energy"]?.physical ?? 0;
    expect(stopped.reason).toBe("leak");
    expect(stopped.cause).toMatchObject({ of: "energy", unit: "pulses" });
    expect(stopped.cause?.value).toBeGreaterThan(2);
    expect(stopped.cause?.value).toBeLessThanOrEqual(after - before);
  });

  test("of an interlock that let no further item begin, though it was cleared before that was done", () => {
    const bench = loopBench({
      board: {
        ...virtualWasher,
        outlets: virtualWasher.outlets.map((part) => ({
          ...part,
          interlocks: [{ kind: "input", id: "door", sort: "door", line: "washer-door-shut" }],
        })),
      },
      cycleMs: [20_000, 20_000],
    });
    bench.send(grant(3, "washer", "done"));
    bench.world.advance(5_000);
    bench.controls.setInterlock("washer", "door", true);
    bench.world.advance(500);
    bench.controls.setInterlock("washer", "door", false);
    const stopped = bench.untilStopped("s1");
    expect(stopped).toMatchObject({ reason: "interlock", pulses: 1 });
    expect(stopped.cause).toEqual({ of: "door", value: 1, unit: "state" });
  });
});
