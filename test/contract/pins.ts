// The contract of the pin ports, on lines whose other end the test holds.

import { describe, expect, test } from "vitest";
import { HalError } from "../../hal/hal-error.ts";
import type { Lines } from "../../hal/pin.ts";

export interface LinesUnderTest {
  lines: Lines;
  /** Names of lines wired for this: one to drive, one to read, one to count. */
  names: { output: string; input: string; edges: string };
  /** The level on the output line, as seen from outside. */
  level(): boolean;
  /** Drives the input line from outside. */
  drive(active: boolean): void;
  /** Pulses on the edge line, each full. */
  pulse(count: number): Promise<void>;
  close(): void;
}

export function describeLines(name: string, open: () => LinesUnderTest): void {
  describe(`pin contract: ${name}`, () => {
    const using = async (use: (opened: LinesUnderTest) => Promise<void> | void): Promise<void> => {
      const opened = open();
      try {
        await use(opened);
      } finally {
        opened.close();
      }
    };

    test("an output opens inactive, follows what is set and falls at close", () =>
      using((bench) => {
        const pin = bench.lines.output(bench.names.output);
        expect(bench.level()).toBe(false);
        pin.set(true);
        expect(bench.level()).toBe(true);
        pin.set(false);
        expect(bench.level()).toBe(false);
        pin.set(true);
        pin.close();
        pin.close();
        expect(bench.level()).toBe(false);
      }));

    test("an input reads what the world drives", () =>
      using((bench) => {
        const pin = bench.lines.input(bench.names.input);
        expect(pin.read()).toBe(false);
        bench.drive(true);
        expect(pin.read()).toBe(true);
        bench.drive(false);
        expect(pin.read()).toBe(false);
      }));

    test("edges are counted from opening, dated, and none is lost for want of a listener", () =>
      using(async (bench) => {
        await bench.pulse(3);
        const input = bench.lines.edges(bench.names.edges);
        const opened = { ...input.edges() };
        expect(opened.count).toBe(0);
        await bench.pulse(5);
        const counted = input.edges();
        expect(counted.count).toBe(5);
        expect(counted.atMs).toBeGreaterThanOrEqual(opened.atMs);
      }));

    test("an edge wakes the last listener, and nobody after close", () =>
      using(async (bench) => {
        const input = bench.lines.edges(bench.names.edges);
        const woken = { first: 0, last: 0 };
        input.onEdge(() => woken.first++);
        input.onEdge(() => woken.last++);
        await bench.pulse(3);
        expect(woken.first).toBe(0);
        expect(woken.last).toBeGreaterThanOrEqual(1);
        expect(woken.last).toBeLessThanOrEqual(3);
        const before = woken.last;
        input.close();
        input.close();
        await bench.pulse(3);
        expect(woken.last).toBe(before);
      }));

    test("a line that is held is refused, and can be opened again after close", () =>
      using((bench) => {
        const pin = bench.lines.output(bench.names.output);
        expect(() => bench.lines.output(bench.names.output)).toThrow(HalError);
        pin.close();
        const again = bench.lines.output(bench.names.output);
        again.set(true);
        pin.close();
        expect(bench.level()).toBe(true);
      }));

    test("a closed line throws `canceled`", () =>
      using((bench) => {
        const pin = bench.lines.output(bench.names.output);
        const input = bench.lines.input(bench.names.input);
        pin.close();
        input.close();
        const kinds = [() => pin.set(true), () => input.read()].map((call) => {
          try {
            call();
            return "nothing";
          } catch (error) {
            return error instanceof HalError ? error.kind : "something else";
          }
        });
        expect(kinds).toEqual(["canceled", "canceled"]);
      }));
  });
}
