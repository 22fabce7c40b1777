// What is known of how each outlet runs on, kept over restarts: the metering loop learns it from its own stops and is
// given it with each grant. One record for each outlet, written in the commit that ends a session anyway.

import { RUN_ON_MS_MAX, type RunOn } from "../../hal/loop-host.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { field, int, map, uint } from "../protocol/schema.ts";

/** Times in microseconds. */
const runOnRecord = map({
  delayUs: field(1, uint(RUN_ON_MS_MAX * 1000)),
  spreadUs: field(2, uint(RUN_ON_MS_MAX * 1000)),
  // The loop takes no grant with what was learnt from nothing.
  stops: field(3, int(1, 0xffff_ffff)),
});

export interface RunOns {
  of(outlet: string): RunOn | undefined;
  /** To be committed; `note` it then. */
  plan(outlet: string, learnt: RunOn | undefined): { writes: readonly StoreWrite[]; note(): void };
}

/** Throws HalError, `corrupt` for a record that is not ours. */
export async function readRunOns(store: Store): Promise<RunOns> {
  const known = new Map<string, RunOn>();
  for (const { id, body } of await store.list("run-on")) {
    const { delayUs, spreadUs, stops } = readRecord(runOnRecord, "run-on", id, body);
    known.set(id, { delayMs: delayUs / 1000, spreadMs: spreadUs / 1000, stops });
  }
  return {
    of: (outlet) => known.get(outlet),
    plan: (outlet, learnt) => {
      if (learnt === undefined || learnt.stops === known.get(outlet)?.stops) {
        return { writes: [], note: () => {} };
      }
      const { delayMs, spreadMs, stops } = learnt;
      const record = {
        delayUs: Math.round(delayMs * 1000),
        spreadUs: Math.round(spreadMs * 1000),
        stops: Math.min(stops, 0xffff_ffff),
      };
      const writes = [writeRecord(runOnRecord, "run-on", outlet, record)];
      return { writes, note: () => void known.set(outlet, learnt) };
    },
  };
}
