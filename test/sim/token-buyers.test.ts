// Prepaid tokens as buyers show them over the network, on whole devices in virtual time: one order each, delivered in
// as many sessions as it takes, by as many hands as the token allows.

import { expect, test } from "vitest";
import { findDealer } from "../../bench/buyer.ts";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto } from "../../bench/site.ts";
import type { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Delivered, Progress } from "../../firmware/consumer/deliveries.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Result } from "../../firmware/result.ts";
import { mint, ORDER, WITH_BEARERS } from "./token-stand.ts";
import { AT_BOARD, charges, flowed, orders, type Stand, stand } from "./walk-up-stand.ts";

class Buyer {
  readonly consumer: Consumer;
  readonly dealer: Dealer;

  constructor(consumer: Consumer, dealer: Dealer) {
    this.consumer = consumer;
    this.dealer = dealer;
  }

  /** Shows the token and stays until the receipt; ends it when so much has flowed. */
  async take(token: Uint8Array, endAfter = Number.POSITIVE_INFINITY): Promise<Result<Delivered>> {
    const kept = await this.dealer.redeem(token);
    if (!kept.ok) return kept;
    return this.dealer.begin(kept.value, undefined, ({ pulses }: Progress) => {
      if (pulses >= endAfter) void this.dealer.end(kept.value);
    });
  }

  kept(): Promise<Purchase | undefined> {
    return this.consumer.purchases.get(ORDER);
  }
}

async function buyer({ site }: Stand, name: string): Promise<Buyer> {
  const met = await site.run(async () => {
    const consumer = await site.consumer(name);
    return new Buyer(consumer, await findDealer(site, consumer));
  });
  if (met === undefined) throw new Error("the power was cut");
  return met;
}

async function taken({ site }: Stand, work: () => Promise<Result<Delivered>>) {
  const done = await site.run(work);
  if (done === undefined) throw new Error("no answer");
  if (!done.ok) return [done.fault.kind, done.fault.at ?? ""].join(" ").trim();
  const { receipts, purchase } = done.value;
  return [purchase.state, ...receipts.map((one) => `${one.is} ${one.pulses}`)].join(", ");
}

test("I1 I3: a bearer token is kept, delivered, settled without money, and not begun again", async () => {
  const at = await stand({ services: [WITH_BEARERS] });
  const a = await buyer(at, "a");
  const token = mint(at.site);
  expect(await taken(at, () => a.take(token))).toBe("closed, session 1000, settlement 1000");
  expect(await a.kept()).toMatchObject({
    ...{ state: "closed", offer: token, sessions: 1 },
    prepaid: { unit: "kWh", currency: "EUR" },
  });
  expect(await taken(at, () => a.take(token))).toBe("order-closed");
  expect([flowed(at), await charges(at)]).toEqual([1000, []]);
  expect([...at.wrong, ...(await violations(at.site, SOCKET_1))]).toEqual([]);
});

test("I3: what one bearer leaves another takes, from the session that the device says, and a third none", async () => {
  const at = await stand({ services: [WITH_BEARERS] });
  const a = await buyer(at, "a");
  const b = await buyer(at, "b");
  const c = await buyer(at, "c");
  const token = mint(at.site, { units: 2 });
  const first = await taken(at, () => a.take(token, 300));
  expect(first).toMatch(/^paid, session [3-9]\d\d$/);
  const used = Number(first.split(" ").at(-1));
  expect(await taken(at, () => b.take(token))).toBe(
    `closed, session ${2000 - used}, settlement 2000`,
  );
  expect(await b.kept()).toMatchObject({ sessions: 2, state: "closed" });
  expect(await taken(at, () => c.take(token))).toBe("token-exhausted token");
  expect(await c.kept()).toBeUndefined();
  expect(await taken(at, () => a.take(token))).toBe("token-exhausted token");
  expect((await a.kept())?.receipts).toHaveLength(1);
  expect(orders(at)).toMatchObject([{ state: "closed", pulses: 2000, sessions: 2 }]);
});

test("I3: while one has it another finds it busy, and keeps it for later", async () => {
  const at = await stand({ services: [WITH_BEARERS] });
  const a = await buyer(at, "a");
  const b = await buyer(at, "b");
  const token = mint(at.site);
  const said = await at.site.run(async () => {
    const running = a.take(token, 300);
    const other = await b.take(token);
    await running;
    return other;
  });
  expect(said).toMatchObject({ ok: false, fault: { kind: "busy", at: "token" } });
  expect(await b.kept()).toMatchObject({ state: "paid", receipts: [] });
  expect(await taken(at, () => b.take(token))).toMatch(/^closed, .*settlement 1000$/);
});

test("a token of another device, operator or consumer is not even shown", async () => {
  const at = await stand({ services: [AT_BOARD] });
  const a = await buyer(at, "a");
  const b = await buyer(at, "b");
  const { site } = at;
  const stranger = crypto.signer(new Uint8Array(32).fill(5));
  const print = new Uint8Array(8).fill(7);
  const before = site.log.length;
  for (const [token, fault] of [
    [mint(site, {}, stranger), "token-invalid token"],
    [mint(site, { device: "AAAAAAAAAAA" }), "wrong-device token.device"],
    [mint(site, { consumer: print }), "wrong-consumer token.consumer"],
    [mint(site, { service: 9 }), "service-unknown service"],
    [Uint8Array.of(1, 2, 3), "token-invalid token"],
  ] as const) {
    const kept = await site.run(() => a.dealer.redeem(token));
    const said = kept?.ok === false ? `${kept.fault.kind} ${kept.fault.at}` : "kept";
    expect(said).toBe(fault);
  }
  expect(await a.consumer.purchases.list()).toEqual([]);
  expect(site.log.slice(before).join("\n")).not.toContain("session-begun");
  // This service takes none of a bearer's: the device says so, and it is not kept.
  expect(await taken(at, () => b.take(mint(site)))).toBe("token-invalid token.consumer");
  expect(await b.kept()).toBeUndefined();
});

test("a second token of the same order does not take the place of the first", async () => {
  const at = await stand({ services: [WITH_BEARERS] });
  const a = await buyer(at, "a");
  await at.site.run(() => a.dealer.redeem(mint(at.site)));
  expect(await taken(at, () => a.take(mint(at.site, { units: 2 })))).toBe(
    "token-invalid token.order",
  );
  expect((await a.kept())?.offer).toEqual(mint(at.site));
});
