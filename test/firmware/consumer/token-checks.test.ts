// Receipts of a prepaid token as its buyer checks them: whatever a device of bad faith might write is found out.

import { expect, test } from "vitest";
import { checkTokenReceipts } from "../../../firmware/consumer/token-checks.ts";
import type { PrepaidToken } from "../../../firmware/token/prepaid-token.ts";
import type {
  Receipt,
  SessionReceipt,
  SettlementReceipt,
} from "../../../firmware/token/receipt.ts";
import { shortDigest } from "../../../firmware/token/signed.ts";
import { crypto } from "../../support/sale.ts";

const signed = Uint8Array.of(1, 2, 3);
const bearer: PrepaidToken = {
  ...{ order: "a1b2c3d4e5f60718", device: "CwgMb0GsGAI", service: 1, units: 2 },
  expiresS: 2_000_000_000,
};
const bound: PrepaidToken = { ...bearer, consumer: new Uint8Array(8).fill(7) };

const common = {
  ...{ order: bearer.order, atS: 1_900_000_000, previous: new Uint8Array(16), payment: "prepaid" },
  ...{ offer: shortDigest(crypto, signed), clock: "set" as const, amountMinor: 0 },
  breakdown: { lines: [], prepaid: "bearer" as const },
};

function session(change: Partial<SessionReceipt> = {}): SessionReceipt {
  return {
    ...{ is: "session", ...common, number: 1, session: 1, pulses: 1000, runOnPulses: 2 },
    ...{ startReading: 10, endReading: 1012, milliUnits: 1000, reason: "consumer-end", ...change },
  };
}

function settlement(change: Partial<SettlementReceipt> = {}): SettlementReceipt {
  return {
    ...{ is: "settlement", ...common, number: 3, sessions: 2, pulses: 2000, milliUnits: 2000 },
    ...{ capturedMinor: 0, refundedMinor: 0, forfeitedMinor: 0, owedMinor: 0 },
    ...{ reason: "exhausted", ...change },
  };
}

const second = (change: Partial<SessionReceipt> = {}) =>
  session({
    number: 2,
    session: 2,
    startReading: 1012,
    endReading: 2012,
    runOnPulses: 0,
    ...change,
  });

function check(receipts: readonly Receipt[], token: PrepaidToken = bearer): string {
  const sort = token.consumer === undefined ? "bearer" : "consumer";
  const marked = receipts.map((one) =>
    one.breakdown === common.breakdown ? { ...one, breakdown: { lines: [], prepaid: sort } } : one,
  );
  const checked = checkTokenReceipts(marked as Receipt[], { token, signed }, crypto);
  return checked.ok ? "right" : `${checked.fault.message} ${checked.fault.at}`;
}

test("those of a whole token are right, and of a bearer's also without those of others", () => {
  for (const token of [bearer, bound]) {
    expect(check([session(), second(), settlement()], token)).toBe("right");
    expect(check([session()], token)).toBe("right");
  }
  expect(check([second(), settlement()])).toBe("right");
  expect(check([second(), settlement()], bound)).toContain("a session is missing");
});

test.each<[string, readonly Receipt[]]>([
  ["of another order", [session({ order: "00000000000000aa" })]],
  ["another token", [session({ offer: new Uint8Array(16) })]],
  ["does not say so", [session({ breakdown: { lines: [] } })]],
  ["says consumer", [session({ breakdown: { lines: [], prepaid: "consumer" } })]],
  ["names money", [session({ amountMinor: 1 })]],
  ["names money", [session(), second(), settlement({ capturedMinor: 1 })]],
  ["names money", [session(), second(), settlement({ owedMinor: 1 })]],
  ["a session is missing", [session(), second({ session: 1 })]],
  ["follows", [second(), session()]],
  ["after the settlement", [settlement({ number: 1 }), second()]],
  ["another payment", [session(), second({ payment: "sim-1" })]],
  ["readings are 900 apart", [session({ endReading: 910 })]],
  ["does not add up", [session(), second(), settlement({ pulses: 1999 })]],
  ["does not add up", [session(), second(), settlement({ sessions: 1 })]],
  ["more was delivered", [session({ milliUnits: 2001 })]],
  ["more was delivered", [session(), settlement({ milliUnits: 2001 })]],
])("is found out: %s", (words, receipts) => {
  expect(check(receipts)).toContain(words);
});

test("a settlement counts all that the consumer of a bound token had, and no more", () => {
  const both = [session(), second()];
  expect(check([...both, settlement({ pulses: 2001 })])).toBe("right");
  expect(check([...both, settlement({ pulses: 2001 })], bound)).toContain("does not add up");
  expect(check([...both, settlement({ sessions: 3 })], bound)).toContain("does not add up");
});
