// Payments of a running device in the hands of its operator, by the compiled commands: a service that was just written
// is enrolled, attached with no restart, seen in the next sale, killed, detached; a payment that hangs is cancelled;
// money goes back.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { mosquittoMissing } from "../support/mosquitto.ts";
import type { Line, Program } from "./program.ts";
import { type Device, PRICE_MINOR, Site, sum } from "./site.ts";

const SDK = pathToFileURL(
  join(import.meta.dirname, "../../build/firmware/payment/sdk/define-service.js"),
);

/** As the documentation has it: twenty lines. */
const GIFT = `
import { definePaymentFlowService } from "${SDK.href}";
export const service = definePaymentFlowService({
  info: {
    id: "gift",
    vendor: "Example",
    displayName: "Gift of 20",
    canPayAmounts: true,
    paymentMethods: ["giftCard"],
    customRequestTypes: ["giftBalance"],
  },
  stages: {
    PRE_TRANSACTION(model) {
      model.audit("info", "a gift of 20");
      model.pay(20, "giftCard");
    },
    GENERIC(model) {
      if (model.request.type === "giftBalance") model.succeed({ balance: 980 });
      else model.succeed();
    },
  },
});
`;

/** Never answers in a payment. */
const SLOW = GIFT.replaceAll("gift", "slow").replace(
  /PRE_TRANSACTION[\s\S]*?\n {4}\},/,
  "PRE_TRANSACTION: () => new Promise(() => undefined),",
);

let site: Site;
afterEach(() => site.close());

async function command(args: readonly string[], exitCode = 0): Promise<readonly Line[]> {
  const program = await site.run([...args, "--json"]);
  expect(await program.ended(), program.output).toBe(exitCode);
  return program.lines;
}

async function step(args: readonly string[], name: string): Promise<Line> {
  const [line] = (await command(args)).filter((one) => one["step"] === name);
  if (line === undefined) throw new Error(`${args.join(" ")} says no ${name}`);
  return line;
}

async function served(device: Device, name: string, text: string): Promise<Program> {
  const file = join(site.folder, `${name}.mjs`);
  const folder = join(site.folder, `${name}.service`);
  writeFileSync(file, text);
  await command(["enrol", file, "--out", folder]);
  expect(await step(["attach", folder], "attach")).toMatchObject({ service: name });
  const program = site.start([
    "serve",
    file,
    "--keys",
    folder,
    "--broker",
    device.broker,
    "--json",
  ]);
  await program.until("ready");
  await untilService(name, "ready");
  return program;
}

async function service(id: string): Promise<Line | undefined> {
  const lines = await command(["flows", "--services"]);
  return lines.find((line) => line["step"] === "flow-service" && line["id"] === id);
}

async function untilService(id: string, state: string): Promise<void> {
  for (let time = 0; time < 40; time++) if ((await service(id))?.["state"] === state) return;
  throw new Error(`${id} is not ${state}`);
}

async function bought(): Promise<string> {
  const lines = await command(["buy", "--service", "1", "--price", "1", "--units", "1"]);
  const settled = lines.find((line) => line["is"] === "settlement");
  expect(settled).toMatchObject({ amountMinor: PRICE_MINOR, reason: "exhausted" });
  return String(settled?.["order"]);
}

async function chargedMinor(): Promise<number> {
  const charges = site.charges() as unknown as Line[];
  return sum(charges, "capturedMinor") - sum(charges, "refundedMinor");
}

describe("a service that was just written", () => {
  const own = ["the device's own broker"] as const;
  const brokers = mosquittoMissing() ? [own] : [own, ["mosquitto"] as const];
  test.each(brokers)(
    "takes part with no restart, over %s; and is not missed when it is killed",
    {
      timeout: 90_000,
    },
    async (which) => {
      site = new Site();
      const other = which === "mosquitto" ? await site.startMosquitto() : undefined;
      const broker = other === undefined ? {} : { broker: `mqtt://127.0.0.1:${other.port}` };
      const device = await site.startDevice(broker);
      await bought();
      expect(await chargedMinor()).toBe(PRICE_MINOR);
      const program = await served(device, "gift", GIFT);
      const order = await bought();
      expect(await chargedMinor()).toBe(2 * PRICE_MINOR - 20);
      const audited = await command(["audit", "last"]);
      expect(audited.filter((line) => line["service"] === "gift")).toMatchObject([
        { step: "flow-audit", flow: order, stage: "PRE_TRANSACTION", kind: "called" },
        { kind: "acknowledged" },
        { kind: "said", text: "a gift of 20" },
        { kind: "tendered", text: expect.stringContaining("20") },
        { kind: "accepted", augmented: ["amounts"] },
      ]);
      expect(await step(["request", "giftBalance"], "request")).toMatchObject({
        ...{ outcome: "success", service: "gift", data: { balance: { value: 980 } } },
      });
      program.signal("SIGKILL");
      await program.ended();
      await bought();
      expect(await chargedMinor()).toBe(3 * PRICE_MINOR - 20);
      await command(["detach", "gift"]);
      expect(await service("gift")).toBeUndefined();
      await bought();
      expect(await chargedMinor()).toBe(4 * PRICE_MINOR - 20);
    },
  );
});

describe("the operator", () => {
  test("refunds and reverses orders, and sees what moved", { timeout: 60_000 }, async () => {
    site = new Site();
    await site.startDevice();
    const order = await bought();
    expect(await step(["refund", order.slice(0, 6), "--amount", "15"], "refund")).toMatchObject({
      ...{ order, movedMinor: 15, refundedLaterMinor: 15, leftMinor: 30, pending: false },
    });
    expect(await step(["reverse", "last"], "refund")).toMatchObject({
      movedMinor: 30,
      leftMinor: 0,
    });
    const [refused] = (await command(["refund", order], 1)).filter(({ type }) => type === "fault");
    expect(refused).toMatchObject({ kind: "refused" });
    expect(await chargedMinor()).toBe(0);
    const history = await command(["history", "--type", "refund", "--from", "1h"]);
    const rows = history.filter((line) => line["step"] === "history");
    expect(rows.map((line) => line["processedMinor"])).toEqual([30, 15]);
    expect(await step(["history", order], "flow-ended")).toMatchObject({
      ...{ outcome: "fulfilled", processedMinor: PRICE_MINOR },
    });
    const commands = (await command(["audit"])).filter((line) => line["step"] === "audit");
    expect(commands.map(({ action, outcome }) => [action, outcome])).toEqual([
      ["payment-refund", "refused"],
      ["payment-reverse", "ok"],
      ["payment-refund", "ok"],
    ]);
  });

  test("cancels a payment that hangs; a stop of the device loses nothing of one", {
    timeout: 90_000,
  }, async () => {
    site = new Site();
    let device = await site.startDevice();
    await served(device, "slow", SLOW);
    const buyer = site.start(["buy", "--json", "--service", "1", "--price", "1", "--units", "1"]);
    const flow = await hanging();
    expect(flow).toMatchObject({ service: "slow", stage: "PRE_TRANSACTION", initiator: "sale" });
    expect(await step(["flow", "cancel", "last"], "flow-steer")).toMatchObject({
      ...{ flow: flow["id"], outcome: "done" },
    });
    expect(await buyer.ended()).toBe(1);
    expect(buyer.of("fault")).toMatchObject([{ kind: "payment-cancelled" }]);
    const second = site.start(["buy", "--json", "--service", "1", "--price", "1", "--units", "1"]);
    const { id } = await hanging();
    device.program.signal("SIGTERM");
    expect(await device.program.ended()).toBe(0);
    device = await site.startDevice();
    await second.ended(30_000);
    expect(site.order(String(id))).toMatchObject({ state: "failed" });
    expect(await chargedMinor()).toBe(0);
  });

  async function hanging(): Promise<Line> {
    for (let time = 0; time < 40; time++) {
      const [line] = (await command(["flow", "list"])).filter((one) => one["step"] === "flow-list");
      if (line?.["service"] === "slow") return line;
    }
    throw new Error("no payment hangs");
  }

  test("changes a flow, and what is wrong with one is refused with its path", {
    timeout: 60_000,
  }, async () => {
    site = new Site();
    const device = await site.startDevice();
    const file = join(site.folder, "flow.yaml");
    writeFileSync(
      file,
      `{ name: night, type: sale, stages: [{ name: SPLIT, inner: [{ name: FULFILLED_CHECK, inner: [
         { name: TRANSACTION_PROCESSING, apps: [payment-application] }] }] }] }`,
    );
    expect(await step(["flow", "set", "--file", file], "flow-set")).toMatchObject({
      flow: "night",
    });
    const names = async () =>
      (await command(["flows"])).filter(({ step: is }) => is === "flow").map((one) => one["name"]);
    expect(await names()).toContain("night");
    device.program.signal("SIGTERM");
    await device.program.ended();
    await site.startDevice();
    expect(await names()).toContain("night");
    await command(["flow", "remove", "night"]);
    expect(await names()).not.toContain("night");
    writeFileSync(
      file,
      `{ name: odd, type: sale, stages: [{ name: PRE_FLOW, apps: [a, a] },
         { name: TRANSACTION_PROCESSING, apps: [payment-application] }] }`,
    );
    const [fault] = (await command(["flow", "set", "--file", file], 1)).filter(
      ({ type }) => type === "fault",
    );
    expect(fault).toMatchObject({ kind: "malformed", at: "flow.stages.0.apps.1.id" });
    for (const wrong of [["flow"], ["flow", "set"], ["attach"], ["request"], ["refund"]]) {
      expect((await command(wrong, 2)).at(-1)).toMatchObject({ kind: "usage" });
    }
  });
});
