// Stock services are opened from data: what is wrong in it is refused, naming the field.

import { describe, expect, test } from "vitest";
import { checkInfo } from "../../../../firmware/payment/registry/service-check.ts";
import {
  openStockService,
  STOCK_SERVICES,
  type StockPorts,
} from "../../../../firmware/payment/services/stock.ts";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../../hal/sim/world.ts";
import { crypto } from "./stock-bench.ts";

const { clock } = simWorld({ seed: 1 });
const PORTS: StockPorts = { store: simStore().store(), clock, crypto, log: () => {} };

const NEEDED: Readonly<Record<string, object>> = {
  points: { currency: "EUR" },
  "member-discount": { members: ["a"], basisPoints: 500 },
  "round-up": { charity: "Lifeboats" },
};

test.each(Object.keys(STOCK_SERVICES))(
  "%s opens, and what it says of itself is taken",
  async (use) => {
    const opened = openStockService(use, "one", NEEDED[use], PORTS);
    if (!opened.ok) throw new Error(opened.fault.message);
    expect(checkInfo(opened.value, await opened.value.info())).toMatchObject({ ok: true });
    expect(STOCK_SERVICES[use]?.meaning).not.toBe("");
  },
);

describe("I11: refused, naming the field", () => {
  test.each([
    ["nothing", "id", {}, "use"],
    ["__proto__", "id", {}, "use"],
    ["points", "", {}, "id"],
    ["points", "a/b", {}, "id"],
    ["points", "x".repeat(33), {}, "id"],
    ["points", "id", {}, "options.currency"],
    ["points", "id", { currency: "euro" }, "options.currency"],
    ["points", "id", { currency: "eur" }, "options.currency"],
    ["points", "id", { currency: "EUR", worthMinor: 0 }, "options.worthMinor"],
    ["points", "id", { currency: "EUR", earnPerMinor: 0 }, "options.earnPerMinor"],
    ["points", "id", { currency: "EUR", shareMaxPercent: 101 }, "options.shareMaxPercent"],
    ["stored-value", "id", { partial: "yes" }, "options.partial"],
    ["stored-value", "id", { method: "cash" }, "options.method"],
    ["stored-value", "id", { accountBy: "toString" }, "options.accountBy"],
    ["stored-value", "id", { balanceMaxMinor: 1.5 }, "options.balanceMaxMinor"],
    ["stored-value", "id", { currency: "EUR" }, "options.currency"],
    ["stored-value", "id", [], "options"],
    ["stored-value", "id", "all", "options"],
    ["member-discount", "id", { members: ["a", 1], basisPoints: 1 }, "options.members.1"],
    ["member-discount", "id", { members: [], basisPoints: 10_001 }, "options.basisPoints"],
    ["round-up", "id", {}, "options.charity"],
    ["round-up", "id", { charity: "a\u0000" }, "options.charity"],
    ["round-up", "id", { charity: "a", stepMinor: 1 }, "options.stepMinor"],
    ["receipt-writer", "id", { width: 23 }, "options.width"],
    ["receipt-writer", "id", { header: "\u001b[2J" }, "options.header"],
    ["customer-display", "id", { rows: 1 }, "options.rows"],
  ])("%s %j %j", (use, id, options, at) => {
    expect(openStockService(use, id, options, PORTS)).toMatchObject({
      ok: false,
      fault: { kind: "malformed", at },
    });
  });
});
