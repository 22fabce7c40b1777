// The Switch contract; and what a switch with a contact that tells must do beside it, on one whose contact the
// test can hold back.

import { describe, expect, test } from "vitest";
import type { Switch } from "../../hal/switch.ts";

export interface SwitchUnderTest {
  switch: Switch;
  /** Whether power can flow, or the machine is signalled. */
  conducts(): boolean;
  /** Lets the contact move as long as it may take, and a little longer. */
  settle(): Promise<void>;
}

export interface ContactUnderTest extends SwitchUnderTest {
  /** Keeps the contact from moving, or lets it go. */
  jam(jammed: boolean): void;
}

export function describeSwitch(name: string, open: () => SwitchUnderTest): void {
  describe(`Switch contract: ${name}`, () => {
    test("is open when it is opened", async () => {
      const bench = open();
      await bench.settle();
      expect(bench.switch.state()).toMatchObject({ closed: false });
      expect(bench.conducts()).toBe(false);
    });

    test("I7: conducts when it is told to, and not once it is told to open", async () => {
      const bench = open();
      bench.switch.set(true);
      await bench.settle();
      expect(bench.switch.state()).toMatchObject({ closed: true });
      expect(bench.conducts()).toBe(true);
      bench.switch.set(false);
      await bench.settle();
      expect(bench.switch.state()).toMatchObject({ closed: false });
      expect(bench.conducts()).toBe(false);
    });

    test("close opens it, and nothing closes it after that", async () => {
      const bench = open();
      bench.switch.set(true);
      await bench.settle();
      bench.switch.close();
      bench.switch.close();
      bench.switch.set(true);
      await bench.settle();
      expect(bench.conducts()).toBe(false);
      expect(bench.switch.state().closed).toBe(false);
    });
  });
}

export function describeContact(name: string, open: () => ContactUnderTest): void {
  describe(`Switch contract, with a contact that tells: ${name}`, () => {
    test("opens in the open state", async () => {
      const bench = open();
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: false, contact: "open" });
      expect(bench.conducts()).toBe(false);
    });

    test("a contact that moves is unknown, then what it is", async () => {
      const bench = open();
      await bench.settle();
      bench.switch.set(true);
      expect(bench.switch.state()).toEqual({ closed: true, contact: "unknown" });
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: true, contact: "closed" });
      expect(bench.conducts()).toBe(true);
      bench.switch.set(false);
      expect(bench.switch.state()).toEqual({ closed: false, contact: "unknown" });
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: false, contact: "open" });
    });

    test("a contact that stays closed is a weld until it opens", async () => {
      const bench = open();
      bench.switch.set(true);
      await bench.settle();
      bench.switch.state();
      bench.jam(true);
      bench.switch.set(false);
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: false, contact: "closed", fault: "weld" });
      bench.jam(false);
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: false, contact: "open" });
    });

    test("a contact that stays open has not closed", async () => {
      const bench = open();
      await bench.settle();
      bench.switch.state();
      bench.jam(true);
      bench.switch.set(true);
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: true, contact: "open", fault: "not-closed" });
      bench.switch.set(false);
      await bench.settle();
      expect(bench.switch.state()).toEqual({ closed: false, contact: "open" });
    });

    test("telling it again does not give the contact more time", async () => {
      const bench = open();
      await bench.settle();
      bench.switch.state();
      bench.jam(true);
      bench.switch.set(true);
      await bench.settle();
      bench.switch.set(true);
      expect(bench.switch.state().fault).toBe("not-closed");
    });
  });
}
