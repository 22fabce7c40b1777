// The contract of the LoopHost port, run on every implementation against a scripted loop that says `ready`
// at its start and answers every grant with one progress report.

import { describe, expect, test } from "vitest";
import type { LoopHost, LoopReport } from "../../hal/loop-host.ts";

export interface LoopUnderTest {
  host: LoopHost;
  /** Lets time pass until it holds; throws when it never does. */
  until(done: () => boolean): Promise<void>;
  /** The loop dies at once, as from kill -9. */
  kill(): void;
  /** Whether a loop was told to open its outputs and end. */
  opened(): boolean;
  dispose(): Promise<void>;
}

function grant(session: string, pulses: number): Parameters<LoopHost["send"]>[0] {
  return { do: "grant", session, outlet: "left", meter: "energy", pulses, total: 1_000_000 };
}

export function describeLoopHost(name: string, open: () => Promise<LoopUnderTest>): void {
  const check = (
    behaviour: string,
    body: (under: LoopUnderTest, reports: LoopReport[]) => Promise<void>,
  ): void => {
    test(behaviour, async () => {
      const under = await open();
      const reports: LoopReport[] = [];
      under.host.onReport((report) => reports.push(report));
      try {
        await body(under, reports);
      } finally {
        await under.dispose();
      }
    });
  };
  const kinds = (reports: readonly LoopReport[]): string[] => reports.map(({ on }) => on);

  describe(`LoopHost on ${name}`, () => {
    check("reports the loop ready first", async ({ until }, reports) => {
      await until(() => reports.length > 0);
      expect(kinds(reports)).toEqual(["ready"]);
    });

    check("carries commands and reports in order", async ({ host, until }, reports) => {
      await until(() => reports.length > 0);
      for (let i = 0; i < 500; i++) host.send(grant("s", i));
      await until(() => reports.length > 500);
      const pulses = reports.map((report) => (report.on === "progress" ? report.pulses : -1));
      expect(pulses).toEqual([-1, ...Array.from({ length: 500 }, (_, i) => i)]);
    });

    check(
      "I7: says that a dead loop is lost, then that the next one is ready",
      async (under, reports) => {
        const { host, until, kill } = under;
        await until(() => reports.length > 0);
        kill();
        await until(() => reports.length > 1);
        host.send(grant("nobody-there", 1));
        await until(() => reports.length > 2);
        host.send(grant("s", 7));
        await until(() => reports.length > 3);
        expect(kinds(reports)).toEqual(["ready", "lost", "ready", "progress"]);
        expect(reports[3]).toMatchObject({ session: "s", pulses: 7 });
      },
    );

    check("I7: closing tells the loop to open its outputs", async (under, reports) => {
      const { host, until, opened } = under;
      await until(() => reports.length > 0);
      expect(opened()).toBe(false);
      let closed = false;
      const closing = Promise.all([host.close(), host.close()]).then(() => {
        closed = true;
      });
      await until(() => closed);
      await closing;
      expect(opened()).toBe(true);
      host.send(grant("s", 1));
      expect(kinds(reports)).toEqual(["ready"]);
    });
  });
}
