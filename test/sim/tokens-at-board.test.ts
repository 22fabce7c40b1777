// Prepaid tokens and members' cards at the reader of a board: whole devices in virtual time, the real drivers, and
// tags and cards simulated at the wire.

import { describe, expect, test } from "vitest";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto, type Site } from "../../bench/site.ts";
import { toHex } from "../../firmware/bytes.ts";
import type { FlowService } from "../../firmware/payment/engine/service.ts";
import { Ledger } from "../../firmware/payment/services/ledger.ts";
import { accountRecord } from "../../firmware/payment/services/ledger-records.ts";
import { openStockService } from "../../firmware/payment/services/stock.ts";
import { readRecord } from "../../firmware/protocol/record.ts";
import { tokenMessage } from "../../firmware/token/prepaid-tag.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import type { Signer } from "../../hal/crypto.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { memberCard } from "../../hal/sim/sim-member-card.ts";
import { ntag213, type4Tag } from "../../hal/sim/sim-tag.ts";
import { value } from "./story.ts";
import { Bearer, mint, nowS, orderOf, receiptsOf, tagWith, WITH_BEARERS } from "./token-stand.ts";
import {
  allIsRight,
  charges,
  flowed,
  orders,
  type Stand,
  stand,
  UNIT_MS,
} from "./walk-up-stand.ts";

const open = () => stand({ services: [WITH_BEARERS] });

/** In whose name it sells to whoever stands there. */
function ownPrint(site: Site): Uint8Array {
  return thumbprint(crypto, crypto.boxPublicKey(site.secrets.boxSecret));
}

async function tapped(at: Stand, card: Parameters<Stand["desk"]["chip"]["present"]>[0]) {
  at.desk.chip.remove();
  await at.pass(2_000);
  at.desk.chip.present(card);
  await at.pass(2_000);
}

describe("a tag with a token", () => {
  test("I1 I3: begins when it is held to the reader, and is handed its receipt", async () => {
    const at = await open();
    const { desk, pass } = at;
    const tag = tagWith(mint(at.site));
    await tapped(at, tag);
    expect(desk.page()).toMatch(/^Energy \| 0\.\d\d kWh \| Prepaid \| End: press stop$/);
    await pass(UNIT_MS + 1_000);
    expect(desk.page()).toBe("Energy | All is delivered | 1.00 kWh | Left 0.00 kWh | Thank you");
    expect(desk.papers().at(-1)?.lines.join("\n")).toMatch(/Prepaid, left\s+0\.00 kWh/);
    expect(flowed(at)).toBe(1000);
    expect(await charges(at)).toEqual([]);
    expect(receiptsOf(at.site)).toMatchObject([
      { is: "session", breakdown: { prepaid: "bearer" } },
      { is: "settlement", reason: "exhausted", breakdown: { prepaid: "bearer" } },
    ]);
    await allIsRight(at);
    await tapped(at, tag);
    expect(desk.page()).toBe("Token is used up");
    expect(flowed(at)).toBe(1000);
  });

  test("stopped by the button keeps what is left, and goes on when it comes again", async () => {
    const at = await open();
    const { desk, site, pass } = at;
    const tag = type4Tag("token", { message: tokenMessage(mint(site)) ?? new Uint8Array() });
    await tapped(at, tag);
    await pass(8_000);
    site.board.controls.press("stop");
    await pass(3_000);
    expect(desk.page()).toMatch(/^Energy \| .* \| 0\.\d\d kWh \| Left 0\.\d\d kWh \| Thank you$/);
    expect(orderOf(orders(at))).toMatchObject({ state: "paid", sessions: 1, acknowledged: 1 });
    expect(desk.papers()).toHaveLength(1);
    await tapped(at, tag);
    await pass(UNIT_MS);
    expect(orderOf(orders(at))).toMatchObject({ state: "closed", pulses: 1000, sessions: 2 });
    await allIsRight(at);
  });

  test("has expired for what is left of it too, before its books are swept", async () => {
    const at = await open();
    const { desk, site, pass } = at;
    // The books are swept every 10 s of the device's life.
    const untilMs = 61_000 - site.world.nowMs();
    const tag = tagWith(mint(site, { expiresS: nowS(site) + Math.ceil(untilMs / 1000) }));
    await tapped(at, tag);
    site.board.controls.press("stop");
    await pass(59_000 - site.world.nowMs());
    const before = flowed(at);
    expect(orderOf(orders(at))).toMatchObject({ state: "paid", sessions: 1 });
    await pass(1_500);
    await tapped(at, tag);
    expect(desk.page()).toBe("Token has expired");
    expect([orderOf(orders(at))?.state, flowed(at)]).toEqual(["paid", before]);
  });

  test("I3: is with whoever had it first, at the board or on the network", async () => {
    const at = await open();
    const { desk, site } = at;
    const token = mint(site, { units: 2 });
    const a = await site.run(async () => Bearer.at(site, "a"));
    if (a === undefined) throw new Error("nobody there");
    expect(await site.run(() => a.begin(token))).toBe("begun");
    await tapped(at, tagWith(token));
    expect(desk.page()).toBe("In use: please wait");
    expect(await site.run(() => a.end())).toBe("ending");
    await at.pass(8_000);
    await tapped(at, tagWith(token));
    expect(desk.page()).toMatch(/Prepaid/);
    expect(await site.run(() => a.begin(token, { session: 2 }))).toBe("busy token");
    await at.pass(2 * UNIT_MS);
    expect(orderOf(orders(at))).toMatchObject({ state: "closed", pulses: 2000, atBoard: true });
    expect(await violations(site, SOCKET_1)).toEqual([]);
  });

  test.each<[string, (at: Stand) => Uint8Array, string]>([
    [
      "for a key is not for whoever stands there, were it the device's own",
      ({ site }) => mint(site, { consumer: ownPrint(site) }),
      "Token is personal",
    ],
    ["that has expired is refused", ({ site }) => mint(site, { expiresS: 1 }), "Token has expired"],
    [
      "of another device is refused",
      ({ site }) => mint(site, { device: "AAAAAAAAAAA" }),
      "Not for this machine",
    ],
    [
      "that another operator signed is refused",
      ({ site }) => mint(site, {}, crypto.signer(new Uint8Array(32))),
      "Token not accepted",
    ],
    [
      "of too great a worth is refused",
      ({ site }) => mint(site, { units: 5 }),
      "Token not accepted",
    ],
  ])("%s", async (_, tokenOf, words) => {
    const at = await open();
    await tapped(at, tagWith(tokenOf(at)));
    expect(at.desk.page()).toBe(words);
    expect([orders(at), flowed(at)]).toEqual([[], 0]);
  });

  test("that holds something else is no payment card", async () => {
    const at = await open();
    await tapped(at, ntag213("link", { message: Uint8Array.of(0xd1, 1, 2, 0x55, 4, 0x61) }));
    expect(at.desk.page()).toBe("This is | no payment card");
    expect(orders(at)).toEqual([]);
  });
});

const REAL = crypto.signer(new Uint8Array(32).fill(7));
const MEMBER = toHex(thumbprint(crypto, REAL.publicKey));

/** A stand at which accounts pay; the member's has so much on it. */
async function withAccounts(balanceMinor: number): Promise<Stand> {
  const ports = (site: Site) => ({
    ...{ store: site.store.store(), clock: site.world.clock, crypto },
    ...{ log: () => undefined, signedReceipt: async () => undefined },
  });
  const sites: Site[] = [];
  const desk = (site: Site): FlowService[] => [
    value(openStockService("stored-value", "account", {}, ports(site))),
  ];
  const at = await stand({
    payment: () => ({ services: sites.flatMap(desk) }),
  });
  sites.push(at.site);
  // Started again, with its services.
  at.site.cut();
  await at.site.run(() => at.site.powerOn());
  const ledger = new Ledger("account", ports(at.site));
  if (balanceMinor > 0) {
    await at.site.run(() => ledger.load(MEMBER, "EUR", balanceMinor, "seed", 100_000));
  }
  await at.pass(5_000);
  return at;
}

function balance({ site }: Stand): number {
  const records = site.store.durable("account");
  return records
    .map(({ id, body }) => readRecord(accountRecord, "account", id, body).balances["EUR"] ?? 0)
    .reduce((sum, one) => sum + one, 0);
}

describe("a member's card", () => {
  test("I1 I4: buys on the account of whoever proves to have its key", async () => {
    const at = await withAccounts(100);
    await tapped(at, memberCard("member", REAL));
    expect(at.desk.page()).toMatch(/^Energy \| 0\.\d\d kWh \| 0\.\d\d EUR/);
    await at.pass(10_000);
    at.site.board.controls.press("stop");
    await at.pass(5_000);
    const [order] = orders(at);
    expect(order).toMatchObject({ state: "closed", atBoard: true });
    expect(order?.consumer).toBe(toHex(REAL.publicKey));
    expect(balance(at)).toBe(100 - (order?.settlement?.amountMinor ?? 0));
    expect(balance(at)).toBeLessThan(95);
    expect(await charges(at)).toEqual([]);
    await allIsRight(at);
  });

  test("without money on his account buys nothing", async () => {
    const at = await withAccounts(0);
    await tapped(at, memberCard("member", REAL));
    await at.pass(5_000);
    expect([flowed(at), orders(at).map(({ state }) => state)]).toEqual([0, ["failed"]]);
  });

  const impostors: readonly [string, () => SimCard, number, string][] = [
    [
      "that does not sign",
      () => type4Tag("uid", { uid: memberCard("member", REAL).field?.uid ?? new Uint8Array(4) }),
      0,
      "Declined",
    ],
    [
      "that signs with another key",
      () => memberCard("other", { publicKey: REAL.publicKey, sign: (one) => FALSE.sign(one) }),
      0,
      "Card not accepted",
    ],
    [
      "that repeats what it signed before",
      () => memberCard("old", repeating()),
      1,
      "Card not accepted",
    ],
  ];

  test.each(impostors)("%s identifies nobody", async (_, card, good, words) => {
    const at = await withAccounts(1_000);
    const one = card();
    for (let n = 0; n < good; n++) {
      await tapped(at, one);
      at.site.board.controls.press("stop");
      await at.pass(5_000);
    }
    const before = [flowed(at), balance(at)];
    await tapped(at, one);
    await at.pass(2_000);
    expect(at.desk.page().split(" | ")[0]).toBe(words);
    expect(orders(at).filter(({ consumer }) => consumer === toHex(REAL.publicKey))).toHaveLength(
      good,
    );
    expect([flowed(at), balance(at)]).toEqual(before);
  });
});

const FALSE = crypto.signer(new Uint8Array(32).fill(8));

/** Has been made to sign once, and has nothing but that. */
function repeating(): Signer {
  let first: Uint8Array | undefined;
  const sign = (message: Uint8Array): Uint8Array => {
    first ??= REAL.sign(message);
    return first;
  };
  return { publicKey: REAL.publicKey, sign };
}
