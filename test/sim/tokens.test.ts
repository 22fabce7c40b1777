// Prepaid tokens on whole devices in virtual time: over the network, and on a tag at the real driver of a simulated
// reader. The operator sold them; the device delivers each unit once.

import { describe, expect, test } from "vitest";
import { SOCKET_1, violations } from "../../bench/invariants.ts";
import { crypto } from "../../bench/site.ts";
import { toHex } from "../../firmware/bytes.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import {
  Bearer,
  DAY_S,
  mint,
  nowS,
  ORDER,
  orderOf,
  receiptsOf,
  WITH_BEARERS,
} from "./token-stand.ts";
import { AT_BOARD, charges, flowed, orders, type Stand, stand, UNIT_MS } from "./walk-up-stand.ts";

const open = (services: Service[] = [WITH_BEARERS]) => stand({ services });

const other = crypto.signer(new Uint8Array(32).fill(5));

function touched(token: Uint8Array): Uint8Array {
  // In the payload: the units of it.
  return token.map((byte, at) => (at === token.length - 68 ? byte ^ 2 : byte));
}

/** So many days pass, a device sweeping its books in each. */
async function later({ site, pass }: Stand, days: number): Promise<void> {
  const ms = days * DAY_S * 1000;
  site.world.setWall(site.world.clock.wallMs() + ms, "synchronised");
  site.cut();
  await site.run(() => site.powerOn());
  await pass(20_000);
}

/** A world that runs while something is asked. */
async function asked<T>({ site }: Stand, question: () => Promise<T>): Promise<T> {
  const answer = await site.run(async () => ({ answer: await question() }));
  if (answer === undefined) throw new Error("no answer");
  return answer.answer;
}

/** What the payment side is asked to move, from now on. */
function noteMoney({ site }: Stand): string[] {
  const { payments } = site.payment ?? {};
  if (payments === undefined) throw new Error("there are no payments");
  const moved: string[] = [];
  for (const name of ["take", "complete", "giveBack"] as const) {
    const before = payments[name].bind(payments) as (...of: never[]) => never;
    payments[name] = (...of: never[]) => {
      moved.push(name);
      return before(...of);
    };
  }
  return moved;
}

/** Two consumers on the network. */
async function met(at: Stand): Promise<[Bearer, Bearer]> {
  return asked(at, async () => [await Bearer.at(at.site, "a"), await Bearer.at(at.site, "b")]);
}

describe("over the network", () => {
  test("I1 I3: a bearer token delivers its units once, without money, and its receipts say what it is", async () => {
    const at = await open();
    const { site, pass } = at;
    const [a, b] = await met(at);
    const token = mint(site);
    const moved = noteMoney(at);
    expect(await asked(at, () => a.begin(token))).toBe("begun");
    await pass(UNIT_MS + 3_000);
    expect(flowed(at)).toBe(1000);
    expect([moved, await charges(at)]).toEqual([[], []]);
    const [session, settlement] = receiptsOf(site);
    const about = { order: ORDER, payment: "prepaid", offer: shortDigest(crypto, token) };
    const mark = { breakdown: { lines: [], prepaid: "bearer" } };
    expect(session).toMatchObject({
      is: "session",
      ...about,
      ...mark,
      pulses: 1000,
      amountMinor: 0,
    });
    expect(settlement).toMatchObject({
      ...{ is: "settlement", ...about, ...mark, pulses: 1000, reason: "exhausted" },
      ...{ amountMinor: 0, capturedMinor: 0, refundedMinor: 0, forfeitedMinor: 0, owedMinor: 0 },
    });
    expect(await asked(at, () => a.begin(token, { session: 2 }))).toBe("token-exhausted token");
    expect(await asked(at, () => b.begin(token))).toBe("token-exhausted token");
    expect(flowed(at)).toBe(1000);
    expect([...at.wrong, ...(await violations(site, SOCKET_1))]).toEqual([]);
  });

  test("I12: the token stands in no log", async () => {
    const at = await open();
    const [a] = await met(at);
    const token = mint(at.site);
    await asked(at, () => a.begin(token.with(20, 0)));
    expect(await asked(at, () => a.begin(token))).toBe("begun");
    await at.pass(UNIT_MS + 3_000);
    const logged = at.site.log.join("\n");
    expect(logged).toContain(ORDER);
    const signature = token.subarray(-64);
    for (const text of [toHex(signature), Buffer.from(signature).toString("base64url")]) {
      expect(logged).not.toContain(text.slice(0, 32));
    }
  });

  test("the application that hosts the device is asked before it begins, and not before it is refused", async () => {
    const at = await open();
    const { site } = at;
    const [a] = await met(at);
    const asks: unknown[] = [];
    let answer: Result<void> = fail("refused", "closed today");
    site.producer?.onRequest((request) => {
      asks.push(request);
      return answer;
    });
    expect(await asked(at, () => a.begin(mint(site, {}, other)))).toBe("token-invalid token");
    expect(asks).toEqual([]);
    expect(await asked(at, () => a.begin(mint(site)))).toBe("refused");
    expect(asks).toMatchObject([{ step: "begin", order: ORDER, service: 1, units: 1 }]);
    expect(orders(at)).toEqual([]);
    answer = ok(undefined);
    expect(await asked(at, () => a.begin(mint(site)))).toBe("begun");
  });

  test("I3: shown by two at once it is with the first, and the other one finds it busy", async () => {
    const at = await open();
    const [a, b] = await met(at);
    const token = mint(at.site, { units: 2 });
    const both = await asked(at, () => Promise.all([a.begin(token), b.begin(token)]));
    expect(both.toSorted()).toEqual(["begun", "busy token"]);
    expect(await asked(at, () => Promise.all([a.begin(token), b.begin(token)]))).toEqual(both);
    await at.pass(2 * UNIT_MS + 3_000);
    expect(flowed(at)).toBe(2000);
    expect(receiptsOf(at.site).map(({ is }) => is)).toEqual(["session", "settlement"]);
  });

  test("I3: what is left is for whoever shows it next, and no more than that", async () => {
    const at = await open();
    const { site, pass } = at;
    const [a, b] = await met(at);
    const token = mint(site, { units: 2 });
    expect(await asked(at, () => a.begin(token, { units: 1 }))).toBe("begun");
    await pass(10_000);
    expect(await asked(at, () => a.end())).toBe("ending");
    await pass(3_000);
    const used = flowed(at);
    expect(used).toBeGreaterThan(300);
    expect(used).toBeLessThan(500);
    expect(await asked(at, () => b.begin(token))).toBe("session-unknown session");
    expect(await asked(at, () => b.begin(token, { session: 2, units: 2 }))).toBe(
      "units-out-of-range units",
    );
    expect(await asked(at, () => b.begin(token, { session: 2 }))).toBe("begun");
    expect(orderOf(orders(at))?.consumer).toBe(b.consumer);
    expect(await asked(at, () => a.end(2))).toBe("order-unknown order");
    await pass(2 * UNIT_MS);
    // What ran on after the first stop was given.
    const receipts = receiptsOf(site);
    const sessions = receipts.flatMap((one) => (one.is === "session" ? [one] : []));
    expect(sessions.reduce((sum, { pulses }) => sum + pulses, 0)).toBe(2000);
    expect(sessions.reduce((sum, one) => sum + one.pulses + one.runOnPulses, 0)).toBe(flowed(at));
    expect(receipts.at(-1)).toMatchObject({ is: "settlement", sessions: 2, reason: "exhausted" });
  });

  test("a token that names a key is its owner's: he stops and goes on, nobody else begins", async () => {
    const at = await open([AT_BOARD]);
    const { site, pass } = at;
    const [a, b] = await met(at);
    const token = mint(site, { consumer: a.print });
    expect(await asked(at, () => b.begin(token))).toBe("wrong-consumer token.consumer");
    expect(await asked(at, () => a.begin(token))).toBe("begun");
    await pass(5_000);
    expect(await asked(at, () => a.end())).toBe("ending");
    await pass(3_000);
    expect(await asked(at, () => b.begin(token, { session: 2 }))).toBe(
      "wrong-consumer token.consumer",
    );
    expect(await asked(at, () => a.begin(token, { session: 2 }))).toBe("begun");
    await pass(UNIT_MS + 3_000);
    expect(orderOf(orders(at))).toMatchObject({ state: "closed", pulses: 1000, sessions: 2 });
    expect(receiptsOf(site)[0]).toMatchObject({ breakdown: { prepaid: "consumer" } });
  });

  test("while the outlet is in use it is busy, leaves nothing behind, and stays good", async () => {
    const at = await open();
    const [a, b] = await met(at);
    const other = { order: "00000000000000aa" };
    expect(await asked(at, () => a.begin(mint(at.site, other), other))).toBe("begun");
    const token = mint(at.site);
    expect(await asked(at, () => b.begin(token))).toBe("busy");
    expect(orderOf(orders(at))).toBeUndefined();
    await at.pass(UNIT_MS + 3_000);
    expect(await asked(at, () => b.begin(token))).toBe("begun");
  });
});

describe("a token is refused, and nothing is written, that", () => {
  const refusals: readonly [string, (at: Stand, a: Bearer) => Uint8Array, string][] = [
    ["another operator signed", ({ site }) => mint(site, {}, other), "token-invalid token"],
    ["was touched", ({ site }) => touched(mint(site)), "token-invalid token"],
    [
      "is another device's",
      ({ site }) => mint(site, { device: "AAAAAAAAAAA" }),
      "wrong-device token.device",
    ],
    [
      "has expired",
      ({ site }) => mint(site, { expiresS: nowS(site) }),
      "token-expired token.expires",
    ],
    [
      "is for a service that is not there",
      ({ site }) => mint(site, { service: 9 }),
      "service-unknown token.service",
    ],
    [
      "is for more than the service allows",
      ({ site }, a) => mint(site, { units: 101, consumer: a.print }),
      "units-out-of-range token.units",
    ],
    [
      "is a bearer's and worth more than they may be",
      ({ site }) => mint(site, { units: 5 }),
      "over-limit token.units",
    ],
    [
      "is another order's",
      ({ site }) => mint(site, { order: "00000000000000aa" }),
      "token-invalid token.order",
    ],
    ["is no token at all", () => Uint8Array.of(1, 2, 3), "order-unknown order"],
  ];

  test.each(refusals)("%s", async (_, tokenOf, said) => {
    const at = await open();
    const [a] = await met(at);
    expect(await asked(at, () => a.begin(tokenOf(at, a)))).toBe(said);
    await at.pass(5_000);
    expect([orders(at), flowed(at)]).toEqual([[], 0]);
  });

  test("is a bearer's, where the service takes none", async () => {
    const at = await open([AT_BOARD]);
    const [a] = await met(at);
    expect(await asked(at, () => a.begin(mint(at.site)))).toBe("token-invalid token.consumer");
    expect(orders(at)).toEqual([]);
  });

  test("comes while nobody knows the time", async () => {
    const at = await open();
    const { site } = at;
    const [a] = await met(at);
    const token = mint(site);
    site.world.setWall(site.world.clock.wallMs(), "unset");
    expect(await asked(at, () => a.begin(token))).toMatch(/^(not-ready)$/);
    site.world.setWall(site.world.clock.wallMs(), "synchronised");
    expect(await asked(at, () => a.begin(token))).toBe("begun");
  });
});

describe("in time", () => {
  test("I6: what is left at expiry is closed with a receipt, and nothing of it moves money", async () => {
    const at = await open();
    const { site, pass } = at;
    const [a] = await met(at);
    const token = mint(site, { expiresS: nowS(site) + 60 });
    expect(await asked(at, () => a.begin(token))).toBe("begun");
    await pass(5_000);
    expect(await asked(at, () => a.end())).toBe("ending");
    await pass(80_000);
    expect(receiptsOf(site).at(-1)).toMatchObject({
      ...{ is: "settlement", reason: "expired", capturedMinor: 0, owedMinor: 0 },
      breakdown: { prepaid: "bearer" },
    });
    expect(await charges(at)).toEqual([]);
    expect(await asked(at, () => a.begin(token, { session: 2 }))).toBe("token-expired token");
  });

  test("I3: one that was used up is refused for as long as it is good, and after that too", async () => {
    const at = await open();
    const { site, pass } = at;
    const [a, b] = await met(at);
    const token = mint(site, { expiresS: nowS(site) + 200 * DAY_S });
    expect(await asked(at, () => a.begin(token))).toBe("begun");
    await pass(UNIT_MS + 3_000);
    // As others whose receipts nobody has acknowledged it would be forgotten by now.
    await later(at, 100);
    expect(await asked(at, () => b.begin(token))).toBe("token-exhausted token");
    await later(at, 99);
    expect(orderOf(orders(at))).toBeDefined();
    await later(at, 3);
    expect(orderOf(orders(at))).toBeUndefined();
    expect(await asked(at, () => b.begin(token))).toBe("token-expired token.expires");
    // The device finds itself in the past, and believes it.
    site.world.setWall(site.world.clock.wallMs() - 100 * DAY_S * 1000, "synchronised");
    site.cut();
    await site.run(() => site.powerOn());
    await pass(20_000);
    expect(await asked(at, () => b.begin(token))).toBe("token-expired token.expires");
    expect(flowed(at)).toBe(1000);
  });
});
