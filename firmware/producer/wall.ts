// The device's time: its books live by a clock that does not jump. When a clock that jumped has proved itself,
// every time in the books that is still to come moves with it, so that nobody's paid units expire early and
// none lives on for ever. What the clock said last is kept, to judge it by after a restart.

import type { Clock } from "../../hal/clock.ts";
import type { Store } from "../../hal/store.ts";
import type { Log } from "../log.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { field, map, uint } from "../protocol/schema.ts";
import { openSteadyClock, type SteadyClock } from "../steady-clock.ts";
import type { Journal } from "./journal.ts";

const clockRecord = map({
  /** Seconds since 1970. */
  seenS: field(1, uint(0xffff_ffff)),
});
/** So often it is kept what the clock says: memory cards wear out. */
const KEEP_S = 6 * 3600;

export interface Wall {
  readonly clock: SteadyClock;
  /** To be called now and then, before anything expires. Throws HalError; then nothing changed. */
  sweep(journal: Pick<Journal, "redate">): Promise<void>;
}

/** Throws HalError, `corrupt` when the record is not ours. */
export async function openWall(ports: { clock: Clock; store: Store; log: Log }): Promise<Wall> {
  const { clock, store, log } = ports;
  const kept = await store.get("clock", "self");
  let seenS = kept === undefined ? undefined : readRecord(clockRecord, "clock", "self", kept).seenS;
  const steady = openSteadyClock(clock, log, seenS === undefined ? undefined : 1000 * seenS);
  return {
    clock: steady,
    sweep: async (journal) => {
      const movedMs = steady.settle();
      if (movedMs === undefined && steady.wallQuality() === "unset") return;
      const nowS = Math.floor((movedMs === undefined ? steady : clock).wallMs() / 1000);
      const write = writeRecord(clockRecord, "clock", "self", { seenS: nowS });
      if (movedMs !== undefined) {
        await journal.redate(Math.round(movedMs / 1000), write);
        steady.believe();
      } else {
        if (seenS !== undefined && Math.abs(nowS - seenS) < KEEP_S) return;
        await store.commit([write]);
      }
      seenS = nowS;
    },
  };
}
