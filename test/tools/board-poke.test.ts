// Poking the lines of a board by hand, in virtual time: what is driven, for how long, what is said, and that an output
// is open in the end, however that comes.

import { expect, test } from "vitest";
import { piCharger } from "../../boards/pi-charger.ts";
import { piPump } from "../../boards/pi-pump.ts";
import { virtualPump } from "../../boards/virtual-pump.ts";
import type { Result } from "../../firmware/result.ts";
import type { Board } from "../../hal/board.ts";
import { sleep } from "../../hal/clock.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Lines } from "../../hal/pin.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { type PokeGround, pokeLine, watchLine } from "../../tools/board-poke.ts";

type Fact = Readonly<Record<string, unknown>>;

function bench(endsAfterMs: number) {
  const world = simWorld({ seed: 3 });
  const done: string[] = [];
  const facts: Fact[] = [];
  const wires = { level: false, edges: 0, beats: 0 };
  let broken = false;
  const say = (what: string): void => {
    done.push(`${Math.round(world.clock.monotonicMs())} ${what}`);
  };
  const lines: Lines = {
    output: (line) => {
      if (broken) throw new HalError("refused", `line ${line}: busy: held by gpioset`);
      say(`open ${line}`);
      return { set: (active) => say(`set ${active}`), close: () => say("close") };
    },
    input: (line) => {
      say(`open ${line}`);
      return { read: () => wires.level, close: () => say("close") };
    },
    edges: (line) => {
      say(`open ${line}`);
      const edges = () => {
        if (broken) throw new HalError("disconnected", `line ${line} is gone`);
        return { count: wires.edges, atMs: 0 };
      };
      return { edges, onEdge: () => {}, close: () => say("close") };
    },
  };
  const guard = {
    beat: () => void wires.beats++,
    close: () => say("guard let go"),
    abandon: () => say("guard opens it"),
  };
  const ground: PokeGround = {
    clock: world.clock,
    out: { json: true, say() {}, progress() {}, fault() {}, emit: (fact) => facts.push(fact) },
    ended: sleep(world.clock, endsAfterMs),
    lines: () => lines,
    guard: async () => {
      say("guard armed");
      return guard;
    },
    loops: () => [],
  };
  /** What it came to, after the world has run on. */
  const finish = async <T>(work: Promise<T>): Promise<T> => {
    await world.runFor(endsAfterMs + 1_000);
    return work;
  };
  const breakLines = (): void => {
    broken = true;
  };
  return { world, ground, done, facts, wires, finish, breakLines };
}

function kindOf(result: Result<void>): string | undefined {
  return result.ok ? undefined : result.fault.kind;
}

test("I7: an output that is poked is under the guard before it is driven, and open in the end", async () => {
  const { ground, done, facts, wires, finish } = bench(3_000);
  expect(await finish(pokeLine(piCharger, "contactor", "on", ground))).toMatchObject({ ok: true });
  expect(done).toEqual([
    ...["0 guard armed", "0 open contactor", "0 set true"],
    ...["3000 set false", "3000 close", "3000 guard let go"],
  ]);
  expect(facts.map(({ level }) => level)).toEqual(["on", "off"]);
  // A guard that hears nothing for a second takes us for stalled.
  expect(wires.beats).toBeGreaterThanOrEqual(3_000 / 250);
});

test("off drives it open and leaves it at once", async () => {
  const { ground, done, finish } = bench(3_000);
  await finish(pokeLine(piPump, "valve-wide", "off", ground));
  expect(done).toEqual([
    ...["0 guard armed", "0 open valve-wide", "0 set false", "0 close", "0 guard let go"],
  ]);
});

test("I7: where the output is not to be had, or its guard dies, nothing is left driven", async () => {
  const { ground, done, finish, breakLines } = bench(3_000);
  breakLines();
  const poked = pokeLine(piCharger, "contactor", "on", ground);
  poked.catch(() => {});
  await expect(finish(poked)).rejects.toThrow("held by gpioset");
  expect(done).toEqual(["0 guard armed", "0 guard let go"]);

  const other = bench(3_000);
  let beats = 0;
  const guard = async () => ({
    beat: () => {
      if (++beats > 5) throw new HalError("disconnected", "the guard has died");
    },
    close: () => {},
    abandon: () => {},
  });
  const failing = pokeLine(piCharger, "contactor", "on", { ...other.ground, guard });
  failing.catch(() => {});
  await expect(other.finish(failing)).rejects.toThrow("the guard has died");
  expect(other.done.slice(-1)).toEqual(["1000 close"]);
});

test("I7: where it cannot be told to open, the guard opens it", async () => {
  const { ground, done, finish } = bench(3_000);
  const lines = (board: Board): Lines => ({
    ...ground.lines(board),
    output: () => ({
      set: () => undefined,
      close: () => {
        throw new HalError("disconnected", "line contactor is gone");
      },
    }),
  });
  const poked = pokeLine(piCharger, "contactor", "on", { ...ground, lines });
  poked.catch(() => {});
  await expect(finish(poked)).rejects.toThrow("line contactor is gone");
  expect(done).toEqual(["0 guard armed", "3000 guard opens it"]);
});

test("a signal that starts a machine is never longer than the board says", async () => {
  const part = { kind: "start-signal", line: "start", pulseMs: 150 } as const;
  const outlets = [{ id: "slot", switch: part, meters: [], settleMs: 0 }];
  const board: Board = { name: "vendor", title: "Vendor", outlets };
  const { ground, done, finish } = bench(3_000);
  await finish(pokeLine(board, "start", "on", ground));
  expect(done.filter((one) => one.includes("set"))).toEqual(["0 set true", "150 set false"]);
});

test("an input is read, whatever it is used for, and given up", async () => {
  const { ground, done, facts, wires, finish } = bench(1);
  wires.level = true;
  await finish(pokeLine(piPump, "flow", "read", ground));
  expect(facts).toEqual([{ step: "poke", line: "flow", level: "on" }]);
  expect(done).toEqual(["0 open flow", "0 close"]);
});

test("watch tells each change of an input once", async () => {
  const { world, ground, done, facts, wires, finish } = bench(1_000);
  const watching = watchLine(piCharger, "stop-button", ground);
  await world.runFor(500);
  wires.level = true;
  await finish(watching);
  expect(facts.map(({ level, atMs }) => [level, atMs])).toEqual([
    ["off", 0],
    ["on", expect.any(Number)],
  ]);
  expect(Number(facts[1]?.["atMs"])).toBeLessThanOrEqual(530);
  expect(done.slice(-1)).toEqual(["1000 close"]);
});

test("watch counts the pulses of a meter's line, and ends with a line that is gone", async () => {
  const { world, ground, done, facts, wires, finish, breakLines } = bench(1_000);
  const watching = watchLine(piPump, "flow", ground);
  watching.catch(() => {});
  await world.runFor(100);
  wires.edges = 7;
  await world.runFor(100);
  breakLines();
  await expect(finish(watching)).rejects.toThrow("line flow is gone");
  expect(facts.map(({ edges }) => edges)).toEqual([0, 7]);
  expect(done.slice(-1)[0]).toMatch(/ close$/);
});

test.each([
  ["contactor", "read", "usage"],
  ["contactor", "maybe", "usage"],
  ["stop-button", "on", "usage"],
  ["contactr", "on", "not-found"],
])("poke %s %s is refused: %s", async (line, word, kind) => {
  const { ground, done, finish } = bench(10);
  expect(kindOf(await finish(pokeLine(piCharger, line, word, ground)))).toBe(kind);
  expect(done).toEqual([]);
});

test("nothing is touched on a virtual board, nor while a device runs here", async () => {
  const { ground, done, finish } = bench(10);
  const virtual = await finish(pokeLine(virtualPump, "valve-coil", "on", ground));
  expect(kindOf(virtual)).toBe("unsupported");
  const busy = { ...ground, loops: () => [4711] };
  const poked = await pokeLine(piCharger, "contactor", "on", busy);
  expect(poked).toMatchObject({ ok: false, fault: { message: expect.stringContaining("4711") } });
  const watched = await watchLine(piCharger, "stop-button", busy);
  expect(kindOf(watched)).toBe("environment");
  expect(done).toEqual([]);
});
