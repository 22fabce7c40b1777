// Why a delivery stopped, in words, and beside the money on a receipt.

import { describe, expect, test } from "vitest";
import { checkReceipts } from "../../../firmware/consumer/checks.ts";
import { moneyPart, withDetails } from "../../../firmware/token/charge.ts";
import {
  type SessionReceipt,
  signReceipt,
  verifyReceipt,
} from "../../../firmware/token/receipt.ts";
import { stopWords } from "../../../firmware/token/stop-words.ts";
import { STOP_REASONS, type StopCause } from "../../../hal/loop-host.ts";
import { crypto, deviceKey, story, value } from "../../support/sale.ts";

const DOOR: StopCause = { of: "door", value: 1, unit: "state" };

test.each<[string, StopCause | undefined, string]>([
  ["exhausted", undefined, "exhausted"],
  ["expired", undefined, "expired"],
  ["interlock", DOOR, "interlock (door: raised)"],
  ["emergency-stop", { ...DOOR, of: "stop" }, "emergency-stop (stop: raised)"],
  ["interlock", { of: "tank", value: -85, unit: "value" }, "interlock (tank: read -85)"],
  [
    "meter-stuck",
    { of: "main", value: 31_000, unit: "ms" },
    "meter-stuck (main: no pulse for 31000 ms)",
  ],
  [
    "meter-lost",
    { of: "main", value: 7, unit: "pulses" },
    "meter-lost (main: last read at 7 pulses)",
  ],
  [
    "meter-implausible",
    { of: "main", value: 907, unit: "pulses" },
    "meter-implausible (main: counted 907 pulses)",
  ],
  [
    "leak",
    { of: "main", value: 2, unit: "pulses" },
    "leak (main: 2 pulses through the open switch)",
  ],
  ["weld", { of: "o", value: 150, unit: "ms" }, "weld (o: still closed after 150 ms)"],
  ["not-closed", { of: "o", value: 0, unit: "state" }, "not-closed (o: the contact is open)"],
  [
    "sensor-stale",
    { of: "t", value: 2_001, unit: "ms" },
    "sensor-stale (t: no reading for 2001 ms)",
  ],
  ["sensor-stale", { of: "t", value: 0, unit: "state" }, "sensor-stale (t: cannot be read)"],
  [
    "time-limit",
    { of: "done", value: 9, unit: "ms" },
    "time-limit (done: nothing came out for 9 ms)",
  ],
  [
    "proof-late",
    { of: "session", value: 12, unit: "units" },
    "proof-late (session: proof of 12 units)",
  ],
  [
    "proof-late",
    { of: "session", value: 1, unit: "units" },
    "proof-late (session: proof of 1 unit)",
  ],
])("%s %o is said as %s", (reason, cause, words) => {
  expect(stopWords({ reason, cause })).toBe(words);
});

describe("a receipt", () => {
  const [session] = story.receipts.filter((one): one is SessionReceipt => one.is === "session");
  if (session === undefined) throw new Error("the story has a session");
  const signer = story.keys.device;
  const check = (receipt: SessionReceipt) =>
    checkReceipts([receipt], story.offer, story.signed.offer, crypto);
  const caused = (cause: StopCause): SessionReceipt => ({
    ...session,
    ...withDetails({ amountMinor: session.amountMinor }, { cause }),
  });

  test("I13: holds the reading beside its reason, of every sort, and gives it back", () => {
    for (const reason of STOP_REASONS) {
      for (const unit of ["pulses", "ms", "state", "value", "units"] as const) {
        const receipt = { ...caused({ of: "x".repeat(32), value: -4_000_000_000, unit }), reason };
        expect(value(verifyReceipt(signReceipt(receipt, signer), deviceKey, crypto))).toEqual(
          receipt,
        );
      }
    }
  });

  test("is not larger where no reading brought it about, and checked as before", () => {
    expect(withDetails({ amountMinor: 1 }, {})).toEqual({ amountMinor: 1 });
    expect(withDetails({ amountMinor: 1 }, undefined)).toEqual({ amountMinor: 1 });
    expect(check(session).ok).toBe(true);
  });

  test("that names one is checked like one that does not; money in it is still looked at", () => {
    expect(check(caused(DOOR)).ok).toBe(true);
    const { breakdown } = caused(DOOR);
    const odd = { ...session, breakdown: { ...breakdown, lines: [], taxMinor: 1 } };
    expect(check(odd)).toMatchObject({ ok: false, fault: { kind: "offer-mismatch" } });
    // Nothing stands there for nothing.
    expect(check({ ...session, breakdown: { lines: [] } }).ok).toBe(false);
    expect(moneyPart({ lines: [], cause: DOOR })).toBeUndefined();
    expect(moneyPart({ lines: [], taxMinor: 0, cause: DOOR })).toEqual({ lines: [], taxMinor: 0 });
  });
});
