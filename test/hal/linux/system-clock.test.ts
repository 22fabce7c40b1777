// What the system clock promises beyond the port: deadlines beyond setTimeout's reach, and an honest word
// on how good the wall clock is.

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";

describe("system clock", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "sluice-clock-"));
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true });
  });
  const none = () => ({
    flagFile: join(directory, "flag"),
    driftFiles: [join(directory, "drift")],
  });

  test("wakes at a deadline sixty days away, and not before", () => {
    vi.useFakeTimers({
      toFake: [
        "setTimeout",
        "clearTimeout",
        "setImmediate",
        "clearImmediate",
        "performance",
        "hrtime",
      ],
    });
    const clock = openSystemClock();
    const days = 24 * 3_600_000;
    let woken = 0;
    clock.at(clock.monotonicMs() + 60 * days, () => woken++);
    vi.advanceTimersByTime(60 * days - 1);
    expect(woken).toBe(0);
    vi.advanceTimersByTime(2);
    expect(woken).toBe(1);
  });

  test("says set when nothing tells of a time daemon", () => {
    expect(openSystemClock(none()).wallQuality()).toBe("set");
  });

  test("says synchronised while a daemon's flag stands, or when its drift file is of this start", () => {
    const files = none();
    writeFileSync(files.flagFile, "");
    expect(openSystemClock(files).wallQuality()).toBe("synchronised");
    rmSync(files.flagFile);
    const drift = join(directory, "drift");
    writeFileSync(drift, "");
    expect(openSystemClock(files).wallQuality()).toBe("synchronised");
    utimesSync(drift, 1_000_000_000, 1_000_000_000);
    expect(openSystemClock(files).wallQuality()).toBe("set");
  });

  test.each([
    ["before this program was written", 0],
    ["beyond what receipts can hold", Date.UTC(2150, 0, 1)],
  ])("says unset when the wall clock stands %s", (_, now) => {
    vi.useFakeTimers({ toFake: ["Date"], now });
    expect(openSystemClock(none()).wallQuality()).toBe("unset");
  });
});
