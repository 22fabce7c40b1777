// Stock services in whole sales: what accounts, points, members and donors pay, with all, a part or nothing delivered;
// and the power failing at every place of sales that an account or points pay.

import { describe, expect, test } from "vitest";
import { buy } from "../../bench/buyer.ts";
import { durableOrders } from "../../bench/invariants.ts";
import { crypto, ENERGY, Site } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import { toHex } from "../../firmware/bytes.ts";
import type { FlowService } from "../../firmware/payment/engine/service.ts";
import { dataOf } from "../../firmware/payment/model/data-access.ts";
import { Ledger } from "../../firmware/payment/services/ledger.ts";
import {
  accountRecord,
  ENTRY_KIND,
  type Entry,
  entryRecord,
} from "../../firmware/payment/services/ledger-records.ts";
import { openStockService } from "../../firmware/payment/services/stock.ts";
import { readRecord } from "../../firmware/protocol/record.ts";
import { verifyReceipt } from "../../firmware/token/receipt.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import {
  charged,
  DELIVERED,
  type Delivered,
  HOLD,
  newAccount,
  SELECTION,
  settlementOf,
  storedValue,
  TOTAL,
  takeDelivery,
  VALUE,
} from "./money-services.ts";
import { smallCharger } from "./power-cuts.ts";
import { CARD, deal, type Met, value } from "./story.ts";

/** [use, id, options] */
type Use = readonly [string, string, object];
const ACCOUNT: Use = ["stored-value", "account", {}];
const POINTS: Use = [
  "points",
  "points",
  { currency: "EUR", earnPerMinor: 10, shareMaxPercent: 50 },
];
const ROUND_UP: Use = ["round-up", "charity", { charity: "Lifeboats" }];

/** A site whose stock services are opened anew at each start, on the store of the device. */
function siteWith(uses: readonly Use[], options: Partial<SiteOptions> = {}): Site {
  const flows = options.payment?.().flows;
  const open = (): FlowService[] =>
    uses.map(([use, id, given]) => {
      const ports = {
        store: site.store.store(),
        clock: site.world.clock,
        crypto,
        log: () => {},
        signedReceipt: async (order: string) =>
          site.store
            .durable("receipt")
            .map(({ body }) => JSON.parse(body) as { order: string; signed: string })
            .filter((one) => one.order === order)
            .map(({ signed }) => Uint8Array.from(Buffer.from(signed, "hex")))
            .at(-1),
      };
      return value(openStockService(use, id, given, ports));
    });
  const site: Site = new Site({
    seed: 5,
    ...options,
    payment: () => ({ services: open(), ...(flows && { flows }) }),
  });
  return site;
}

/** The customer id of the consumer of that name. */
function payerOf(site: Site, name = "a"): string {
  const secret = site.world.entropy(`consumer ${name}`).bytes(32);
  return toHex(thumbprint(crypto, crypto.boxPublicKey(secret)));
}

function load(site: Site, service: string, unit: string, units: number) {
  const ports = { store: site.store.store(), clock: site.world.clock, crypto };
  return new Ledger(service, ports).load(payerOf(site), unit, units, "seed", 100_000);
}

function balance(site: Site, service: string, unit: string): number {
  const records = site.store.durable("account").filter(({ id }) => id.startsWith(`${service}/`));
  return records
    .map(({ id, body }) => readRecord(accountRecord, "account", id, body).balances[unit] ?? 0)
    .reduce((sum, one) => sum + one, 0);
}

function entries(site: Site, service: string): Entry[] {
  return site.store
    .durable(ENTRY_KIND)
    .filter(({ id }) => id.startsWith(`${service}/`))
    .map(({ id, body }) => readRecord(entryRecord, ENTRY_KIND, id, body));
}

async function sale(site: Site, tell: (met: Met) => Promise<void>, seed: () => Promise<unknown>) {
  const done = await site.run(async () => {
    await seed();
    await site.powerOn();
    const consumer = await site.consumer("a");
    await tell({ site, consumer, dealer: await deal(site, consumer) });
    return true;
  });
  if (done !== true) throw new Error(`the sale does not end:\n${site.log.join("\n")}`);
}

async function bought(
  met: Met,
  how: Delivered,
  pay: object = {},
  card: typeof CARD | undefined = CARD,
) {
  const { purchase } = value(await met.dealer.select(SELECTION));
  const paid = value(await met.dealer.pay(purchase, card, pay));
  expect((await takeDelivery(met, paid, how)).state).toBe("closed");
  return paid;
}

const none = () => Promise.resolve();

describe.each(DELIVERED)("I1, I4: %s of a sale is delivered", (how) => {
  test("an account pays all without a card, and gets back what was not delivered", async () => {
    const site = siteWith([ACCOUNT], storedValue(newAccount()));
    await sale(
      site,
      async (met) => {
        await bought(met, how, {}, undefined);
      },
      () => load(site, "account", "EUR", 1000),
    );
    expect(balance(site, "account", "EUR")).toBe(1000 - VALUE[how]);
    expect((await site.host.charges()).size).toBe(0);
    expect(settlementOf(site)).toMatchObject({ amountMinor: VALUE[how], owedMinor: 0 });
  });

  test.each([
    ["prepaid", {}],
    ["held", { services: [HOLD] }],
  ])("an account that has a third and a card share it: %s", async (_way, options) => {
    const site = siteWith([ACCOUNT], options);
    await sale(
      site,
      async (met) => {
        await bought(met, how);
      },
      () => load(site, "account", "EUR", 30),
    );
    const third = VALUE[how] / 3;
    expect([30 - balance(site, "account", "EUR"), await charged(site)]).toEqual([third, 2 * third]);
  });

  test("points are redeemed, and earned for what the card has paid in the end", async () => {
    const site = siteWith([POINTS]);
    const earned = { all: 9, half: 4, nothing: 0 }[how];
    await sale(
      site,
      async (met) => {
        await bought(met, how);
        // By the card: nothing was there to redeem yet.
        expect([balance(site, "points", "points"), await charged(site)]).toEqual([
          earned,
          VALUE[how],
        ]);
        await bought(met, "all");
      },
      none,
    );
    expect(balance(site, "points", "points")).toBe(Math.floor((TOTAL - earned) / 10));
    expect(await charged(site)).toBe(VALUE[how] + TOTAL - earned);
  });

  test("a hold earns points for what was captured", async () => {
    const site = siteWith([POINTS], { services: [HOLD] });
    await sale(
      site,
      async (met) => {
        await bought(met, how);
      },
      none,
    );
    expect(await charged(site)).toBe(VALUE[how]);
    expect(balance(site, "points", "points")).toBe(Math.floor(VALUE[how] / 10));
  });

  test("a member's discount is his share of whatever was delivered", async () => {
    const uses: Use[] = [];
    const site = siteWith(uses);
    uses.push(["member-discount", "club", { members: [payerOf(site)], basisPoints: 2_000 }]);
    await sale(
      site,
      async (met) => {
        await bought(met, how);
      },
      none,
    );
    expect(await charged(site)).toBe(VALUE[how] * 0.8);
  });

  test("a donation is charged with what was delivered, if anything was", async () => {
    const site = siteWith([ROUND_UP]);
    const questions: string[] = [];
    const onQuestion = (question: { title?: string | undefined }) => {
      questions.push(question.title ?? "");
      return Promise.resolve(["approve"]);
    };
    await sale(
      site,
      async (met) => {
        const paid = await bought(met, how, { maximumMinor: 100, onQuestion });
        expect(paid.extras).toEqual([{ name: "charityDonation", amountMinor: 10 }]);
      },
      none,
    );
    expect(questions).toEqual(["Round up for Lifeboats?"]);
    expect(await charged(site)).toBe(how === "nothing" ? 0 : VALUE[how] + 10);
  });
});

test("the receipt of a sale is delivered again with the device's own signed receipt", async () => {
  const site = siteWith([["receipt-writer", "receipts", {}]]);
  await sale(
    site,
    async (met) => {
      const { id } = await bought(met, "all");
      const { engine } = site.payment ?? {};
      const known =
        (await engine?.history({ requestId: id, maxResults: 1, kind: "payment" }, "operator")) ??
        [];
      const response = known.find((one) => one.id === id);
      if (response === undefined || !("transactions" in response)) throw new Error("no flow");
      const [transaction] = response.transactions;
      if (transaction === undefined) throw new Error("no transaction");
      const receipt = dataOf(transaction.references, "customerReceipt", "receipt");
      expect(receipt?.text).toContain("TOTAL");
      const data = { transaction: { is: "transaction", value: transaction } } as const;
      const request = { id: "again", type: "receiptDelivery", data, background: false };
      const started = engine?.ask({ ...request, source: "operator" }, { id: "operator" });
      if (started?.ok !== true) throw new Error(started?.message);
      const said = await started.ended;
      expect(dataOf(said.data, "receiptQr", "texts")?.length).toBeGreaterThan(20);
      const signed = dataOf(said.data, "signedReceipt", "bytes") ?? new Uint8Array();
      const verified = value(verifyReceipt(signed, site.signKey, crypto));
      expect(verified).toMatchObject({ is: "settlement", order: id, amountMinor: TOTAL });
    },
    none,
  );
});

type Buying = Partial<Parameters<typeof buy>[2]>;

async function cutAt(
  place: number,
  uses: readonly Use[],
  options: Partial<SiteOptions>,
  how: Buying,
) {
  let places = 0;
  let name = "";
  const site = siteWith(uses, {
    board: smallCharger(true),
    services: [ENERGY],
    policy: { quantumPulses: 40, loss: "seller" },
    ...options,
    cutAt: (where) => {
      places += 1;
      if (places === place) name = where;
      return places === place;
    },
  });
  const outcome = await site.run(async () => {
    await load(site, "account", "EUR", 500);
    void site.powerOn();
    const consumer = await site.consumer("a");
    return buy(site, consumer, { service: 1, price: 1, units: 2, ...how });
  });
  await site.world.runFor(120_000);
  const wrong: string[] = [];
  if (outcome?.done !== true) wrong.push("I6: the buyer never came to an end");
  const orders = durableOrders(site);
  if (orders.some(({ state }) => state !== "closed" && state !== "failed")) {
    wrong.push("I6: an order is left open");
  }
  const due = orders.reduce((sum, { settlement }) => sum + (settlement?.amountMinor ?? 0), 0);
  const left = [...entries(site, "account"), ...entries(site, "points")];
  const paid = left.reduce((sum, { takenMinor, backMinor }) => sum + takenMinor - backMinor, 0);
  const net = (await charged(site)) + paid;
  if (net !== due) wrong.push(`I1: ${net} are gone, ${due} are due`);
  const spent = entries(site, "account").reduce(
    (so, one) => so + one.takenMinor - one.backMinor,
    0,
  );
  if (balance(site, "account", "EUR") + spent !== 500)
    wrong.push("I2: the account does not add up");
  const owed = orders.reduce((sum, { settlement }) => sum + (settlement?.owedMinor ?? 0), 0);
  if (owed > 0) wrong.push(`I1: ${owed} are owed`);
  const closed = orders.filter(({ state }) => state === "closed").map(({ id }) => `${id}/1`);
  const kept = left.filter((one) => one.takenMinor > one.backMinor && one.earning === undefined);
  if (kept.some(({ transaction }) => !closed.includes(transaction))) {
    wrong.push("I6: something is taken for an order that failed");
  }
  const points = balance(site, "points", "points");
  if (points > Math.floor(due / 10)) wrong.push("I2: points were earned for what nobody has paid");
  return { places, paid, due, points, wrong: wrong.map((text) => `${name} ${place}: ${text}`) };
}

const EARLY = { units: 12, endAfterPulses: 350 };

test.each<[string, readonly Use[], () => Partial<SiteOptions>, Buying]>([
  ["an account", [ACCOUNT], () => storedValue(newAccount()), { account: true, endAfterPulses: 50 }],
  ["an account, a card and points", [ACCOUNT, POINTS], () => ({}), EARLY],
  ["an account, a hold and points", [ACCOUNT, POINTS], () => ({ services: [HOLD] }), EARLY],
])(
  "I1, I2, I6: no power cut debits twice or loses money: %s",
  async (name, uses, options, how) => {
    const run = (place: number) => cutAt(place, uses, options(), how);
    const whole = await run(0);
    expect(whole.wrong).toEqual([]);
    expect(whole.paid).toBeGreaterThan(0);
    // At a hold the account's part is taken, not captured: only the card's earns.
    const earningMinor = name.includes("hold") ? whole.due - whole.paid : whole.due;
    expect(whole.points).toBe(name.includes("points") ? Math.floor(earningMinor / 10) : 0);
    const wrong: string[] = [];
    for (let place = 1; place <= whole.places; place++) wrong.push(...(await run(place)).wrong);
    expect(wrong).toEqual([]);
    expect(whole.places).toBeGreaterThan(30);
  },
  120_000,
);
