// The operator at the flow engine of a whole device in virtual time: what he changes holds from the next payment on
// and over restarts, what hangs is cancelled, long answers come in parts, and what is wrong is refused with its path.

import { describe, expect, test } from "vitest";
import { crypto } from "../../bench/site.ts";
import type { SiteOptions } from "../../bench/site-options.ts";
import { openFlowDesk } from "../../firmware/payment/flow-desk.ts";
import { openRemoteServices, readGrant } from "../../firmware/payment/remote/remote-services.ts";
import { definePaymentFlowService } from "../../firmware/payment/sdk/define-service.ts";
import { type Action, EVERYWHERE, signCommand } from "../../firmware/producer/command.ts";
import type { Result } from "../../firmware/result.ts";
import { issueFlowGrant } from "../../firmware/token/flow-grant.ts";
import type { Signer } from "../../hal/crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { charged, SELECTION, TOTAL } from "./money-services.ts";
import { CARD, kind, type Met, story, value, wait } from "./story.ts";

type Answer = Readonly<Record<string, unknown>>;
interface Named {
  id?: string;
  name?: string;
}

const FLOW = {
  name: "night",
  type: "sale",
  restrictedToApp: "till",
  stages: [{ name: "TRANSACTION_PROCESSING", apps: ["payment-application"] }],
};

/** A desk on the site's own store and keys; services elsewhere are never reached. */
const DESK: SiteOptions["desk"] = (side, changes, { world, device, operatorKey, secrets }) => {
  const log = (): void => undefined;
  const grants = { crypto, clock: world.clock, operatorKey, revocations: () => undefined };
  const link = { publish: log, subscribe: () => Promise.resolve() };
  const deviceKeys = { device, boxSecret: secrets.boxSecret, certificate: new Uint8Array(1) };
  return openFlowDesk({
    ...{ side, changes, log, inFile: new Map(), hasOwnFlows: false },
    remotes: openRemoteServices({ ...grants, link, log, entropy: openSystemEntropy(), deviceKeys }),
    readGrant: (signed) => readGrant(signed, { ...grants, device }),
  });
};

function grantOf(id: string, operator: Signer, serial = 1): Uint8Array {
  const claims = {
    ...{
      id,
      boxKey: crypto.boxPublicKey(new Uint8Array(32).fill(7)),
      role: "value-added" as const,
    },
    ...{ stages: [3, 10], adjust: false, pay: true, methods: ["giftCard"], card: false },
    ...{ serial, expiresS: 4_000_000_000 },
  };
  return issueFlowGrant(claims, operator, crypto);
}

async function command(met: Met, action: Action): Promise<Result<Answer>> {
  const { site } = met;
  const { connection } = met.consumer;
  const next = value(await connection.request(met.dealer.peer, { is: "get-operation" }));
  const number = next.is === "operation" ? next.number : 0;
  const signed = value(signCommand({ device: site.device, number, atS: 1, action }, site.operator));
  const reply = await connection.request(met.dealer.peer, { is: "operate", command: signed });
  if (!reply.ok) return reply;
  const { answer = "{}" } = reply.value as { answer?: string };
  return { ok: true, value: JSON.parse(answer) as Answer };
}

async function whole(met: Met, question: (from: number) => Action): Promise<[Answer, number]> {
  let text = "";
  for (let parts = 1; ; parts++) {
    const { part, next } = value(await command(met, question(text.length)));
    text += String(part);
    if (next === undefined) return [JSON.parse(text) as Answer, parts];
    expect(next).toBe(text.length);
  }
}

async function flowNames(met: Met): Promise<readonly (string | undefined)[]> {
  const [told] = await whole(met, (from) => ({ do: "flows", from }));
  return (told["flows"] as Named[]).map(({ name }) => name);
}

function at(result: Result<unknown>): string | undefined {
  return result.ok ? "taken" : result.fault.at;
}

describe("flows", () => {
  test("are set and removed, told in parts, and kept over a restart", async () => {
    const told: string[] = [];
    await story(
      async (met) => {
        const { site } = met;
        site.producer?.onEvent(({ event, reason = "" }) => {
          if (event === "flows") told.push(reason);
        });
        const set = { do: "flow-set", config: JSON.stringify(FLOW) } as const;
        expect(value(await command(met, set))).toEqual({ flow: "night", type: "sale" });
        expect(await flowNames(met)).toContain("night");
        const [, parts] = await whole(met, (from) => ({ do: "flows", from }));
        expect(parts).toBeGreaterThan(2);
        await wait(site, 100);
        expect(told).toContain("eventKeyFlowConfigsChanged");
        site.cut();
        await wait(site, 1_000);
        await site.powerOn();
        await wait(site, 5_000);
        expect(await flowNames(met)).toContain("night");
        value(await command(met, { do: "flow-remove", flow: "night" }));
        expect(await flowNames(met)).not.toContain("night");
        expect(kind(await command(met, { do: "flow-remove", flow: "night" }))).toBe("not-found");
      },
      { desk: DESK },
    );
  });

  test("that are the last to pay a service stay, until another pays it", async () => {
    await story(
      async (met) => {
        const last = await command(met, { do: "flow-remove", flow: "sale" });
        expect(kind(last)).toBe("refused");
        expect(await flowNames(met)).toContain("sale");
        value(await command(met, { do: "flow-set", config: JSON.stringify(FLOW) }));
        value(await command(met, { do: "flow-remove", flow: "sale" }));
        expect(await flowNames(met)).not.toContain("sale");
        expect(kind(await command(met, { do: "flow-remove", flow: "night" }))).toBe("refused");
      },
      { desk: DESK },
    );
  });

  test("that are wrong are refused with their path, and those that give money back stay", async () => {
    await story(
      async (met) => {
        const odd = { ...FLOW, stages: [{ name: "PRE_FLOW", apps: ["a", "a"] }, ...FLOW.stages] };
        const set = (config: unknown) =>
          command(met, { do: "flow-set", config: JSON.stringify(config) });
        expect(at(await set(odd))).toBe("flow.stages.0.apps.1.id");
        expect(at(await set({ ...FLOW, stages: 3 }))).toBe("flow.stages");
        expect(at(await command(met, { do: "flow-set", config: "{" }))).toBe("flow");
        for (const flow of ["refund", "reversal", "preAuthCompletion"]) {
          expect(kind(await command(met, { do: "flow-remove", flow }))).toBe("refused");
        }
        let last = await set(FLOW);
        for (let n = 0; last.ok && n < 40; n++) last = await set({ ...FLOW, name: `night${n}` });
        expect(at(last)).toBe("flows");
        expect(await flowNames(met)).toContain("refund");
      },
      { desk: DESK },
    );
  });
});

describe("services", () => {
  const attach = (grant: Uint8Array, flow = "", stage = EVERYWHERE as string): Action => {
    return { do: "flow-service-attach", grant, flow, stage, after: "" } as Action;
  };

  test("are attached where the operator wants them, listed, and detached", async () => {
    await story(
      async (met) => {
        const grant = grantOf("gift", met.site.operator);
        value(await command(met, attach(grant, "sale", "PRE_TRANSACTION")));
        const [told] = await whole(met, (from) => ({ do: "flows", from }));
        const find = (list: unknown, id: string) =>
          (list as Named[]).find((one) => one.id === id || one.name === id);
        expect(find(told["services"], "gift")).toMatchObject({
          ...{ state: "asked", origin: "attached", where: "elsewhere", connected: false },
        });
        expect(JSON.stringify(find(told["flows"], "sale"))).toContain(
          '{"name":"PRE_TRANSACTION","execution":"MULTIPLE","apps":["gift"]}',
        );
        expect(JSON.stringify(find(told["flows"], "motoSale"))).not.toContain("gift");
        // It says nothing: the payment goes on without it.
        const { purchase } = value(await met.dealer.select(SELECTION));
        value(await met.dealer.pay(purchase, CARD));
        expect(await charged(met.site)).toBe(TOTAL);
        expect(kind(await command(met, attach(grant)))).toBe("exists");
        value(await command(met, { do: "flow-service-detach", attached: "gift" }));
        expect(kind(await command(met, { do: "flow-service-detach", attached: "gift" }))).toBe(
          "not-found",
        );
        const [after] = await whole(met, (from) => ({ do: "flows", from }));
        expect(JSON.stringify(after)).not.toContain("gift");
      },
      { desk: DESK },
    );
  });

  test("I11: need a grant of this operator, a place that is there, and a name of their own", async () => {
    await story(
      async (met) => {
        const { operator } = met.site;
        const other = crypto.signer(new Uint8Array(32).fill(9));
        expect(kind(await command(met, attach(grantOf("gift", other))))).not.toBe("ok");
        expect(kind(await command(met, attach(new Uint8Array(40))))).not.toBe("ok");
        const own = grantOf("payment-application", operator);
        expect(kind(await command(met, attach(own)))).toBe("exists");
        const good = grantOf("gift", operator);
        expect(kind(await command(met, attach(good, "sale")))).toBe("usage");
        expect(kind(await command(met, attach(good, "none", "POST_FLOW")))).toBe("not-found");
        expect(kind(await command(met, attach(good, "sale", "GENERIC")))).toBe("not-found");
        const [told] = await whole(met, (from) => ({ do: "flows", from }));
        expect(JSON.stringify(told)).not.toContain("gift");
      },
      { desk: DESK },
    );
  });
});

describe("a payment that hangs", () => {
  const slow = definePaymentFlowService({
    info: { id: "slow", vendor: "Bench", displayName: "Slow" },
    stages: { PRE_TRANSACTION: () => new Promise(() => undefined) },
  });
  const options: Partial<SiteOptions> = { desk: DESK, payment: () => ({ services: [slow] }) };
  const ways: [string, (met: Met, id: string) => Promise<unknown>][] = [
    [
      "the customer's button",
      (met, id) => met.site.producer?.cancelPayment(id) ?? Promise.reject(),
    ],
    ["the operator", (met, id) => command(met, { do: "flow-steer", flow: id, how: "cancel" })],
  ];

  test.each(ways)("is cancelled by %s, and nothing is charged", async (_, cancel) => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, CARD);
      await wait(met.site, 3_000);
      const [running] = await whole(met, (from) => ({ do: "flow-list", from }));
      expect(running["flows"]).toMatchObject([
        { id: purchase.id, stage: "PRE_TRANSACTION", service: "slow", initiator: "sale" },
      ]);
      expect(await cancel(met, purchase.id)).toMatchObject({ ok: true });
      expect(kind(await paying)).toBe("payment-cancelled");
      expect(await cancel(met, purchase.id)).toMatchObject({ fault: { kind: "not-found" } });
    }, options);
    expect(await charged(site)).toBe(0);
  });

  test("is ended by time alone: the service is passed over", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, CARD);
      await wait(met.site, 130_000);
      expect(kind(await paying)).toBe("payment-pending");
    }, options);
    expect(await charged(site)).toBe(TOTAL);
  });

  test("is skipped by the operator, and goes on", async () => {
    const site = await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      const paying = met.dealer.pay(purchase, CARD);
      await wait(met.site, 3_000);
      value(await command(met, { do: "flow-steer", flow: purchase.id, how: "skip" }));
      expect(kind(await paying)).toBe("ok");
    }, options);
    expect(await charged(site)).toBe(TOTAL);
  });
});

describe("requests and questions", () => {
  const points = definePaymentFlowService({
    info: { id: "points", vendor: "Bench", displayName: "Points", customRequestTypes: ["balance"] },
    stages: { GENERIC: (model) => model.succeed({ points: 7 }) },
  });
  const options: Partial<SiteOptions> = { desk: DESK, payment: () => ({ services: [points] }) };
  const ask = (type: string, data = "", target = ""): Action => {
    return { do: "flow-request", type, data, target };
  };
  const one = (flow: string) => (from: number) => {
    return { do: "history", flow, type: "", sinceS: 0, untilS: 0, most: 1, from } as const;
  };

  test("a request is answered once, and its answer is in the history", async () => {
    await story(async (met) => {
      const { request } = value(await command(met, ask("balance")));
      await wait(met.site, 1_000);
      const [told] = await whole(met, one(String(request)));
      expect(told).toMatchObject({ state: "ended", outcome: "success", service: "points" });
      expect(JSON.stringify(told["response"])).toContain("7");
      const refused = value(await command(met, ask("nothing")));
      const [why] = await whole(met, one(String(refused["request"])));
      expect(why).toMatchObject({ state: "refused" });
      expect(kind(await command(met, ask("reversal", "{}")))).toBe("refused");
      expect(kind(await command(met, ask("balance", "{")))).toBe("malformed");
      expect((await whole(met, one("never")))[0]).toMatchObject({ state: "unknown" });
    }, options);
  });

  test("history and audit tell a sale, without its card", async () => {
    await story(async (met) => {
      const { purchase } = value(await met.dealer.select(SELECTION));
      value(await met.dealer.pay(purchase, CARD));
      const rows = {
        do: "history",
        flow: "",
        type: "sale",
        sinceS: 0,
        untilS: 0,
        most: 5,
      } as const;
      const [history] = await whole(met, (from) => ({ ...rows, from }));
      expect(history["flows"]).toMatchObject([
        { id: purchase.id, initiator: "sale", outcome: "fulfilled", processedMinor: TOTAL },
      ]);
      const [audit] = await whole(met, (from) => ({ do: "flow-audit", flow: purchase.id, from }));
      expect(audit["entries"]).toMatchObject(
        expect.arrayContaining([expect.objectContaining({ kind: "ended" })]),
      );
      const [ended] = await whole(met, one(purchase.id));
      expect(ended).toMatchObject({ outcome: "fulfilled" });
      expect(JSON.stringify([ended, audit])).not.toMatch(/411111|maskedPan|cardToken/);
    }, options);
  });
});
