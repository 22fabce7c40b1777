// A flow service in a process of its own, enrolled and served by the compiled commands, over real brokers: it takes
// part in flows of an engine here, and killed in every stage at once it holds up none of them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { FlowConfig } from "../../firmware/payment/config/flow-config.ts";
import { DEFAULT_SETTINGS } from "../../firmware/payment/config/settings.ts";
import type { FlowEngine, Started } from "../../firmware/payment/engine/engine.ts";
import { openFlowEngine } from "../../firmware/payment/engine/open-engine.ts";
import type { Payment } from "../../firmware/payment/model/payment.ts";
import type { Request } from "../../firmware/payment/model/request.ts";
import type { Stage } from "../../firmware/payment/model/stages.ts";
import { openTenderJournal } from "../../firmware/payment/record/flow-journal.ts";
import { openHistory } from "../../firmware/payment/record/history.ts";
import { openRegistry, type ServiceRegistry } from "../../firmware/payment/registry/registry.ts";
import { openRemoteServices } from "../../firmware/payment/remote/remote-services.ts";
import { readKeyFile } from "../../hal/linux/key-file.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { readProvisioned } from "../../tools/provisioning.ts";
import {
  approval,
  genericFlow,
  saleFlow,
  scripted,
} from "../firmware/payment/engine/engine-site.ts";
import { mosquittoMissing, startMosquitto } from "../support/mosquitto.ts";
import { type Program, pause } from "./program.ts";
import { Site } from "./site.ts";

const MODULE = fileURLToPath(new URL("../support/slow-service.mjs", import.meta.url));
/** Between the death of a service and the end of what waits for it. */
const NOTICED_MS = 12_000;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Keys of a device, and the service enrolled by its operator. */
async function enrolled(more: readonly string[] = []) {
  const site = new Site();
  cleanups.push(() => site.close());
  const data = join(site.folder, "data");
  await site.run(["provision", "--data", data, "--bench", "--json"]);
  const folder = join(site.folder, "slow.service");
  const key = join(data, "keys", "operator.pem");
  const args = ["enrol", MODULE, "--operator-key", key, "--out", folder, "--json", ...more];
  const [told] = (await site.run(args)).of("enrolled");
  return { site, keys: join(data, "keys"), folder, told };
}

async function serve(site: Site, folder: string, url: string): Promise<Program> {
  const program = site.start(["serve", MODULE, "--keys", folder, "--broker", url, "--json"]);
  await program.until("ready");
  return program;
}

/** As much of a device as flow services know of it. */
async function openDevice(keys: string, folder: string, url: string, flows: readonly FlowConfig[]) {
  const crypto = openNodeCrypto();
  const clock = openSystemClock();
  const provisioned = readProvisioned(keys, crypto);
  if (!provisioned.ok) throw new Error(provisioned.fault.message);
  const { certificate, claims, operatorKey } = provisioned.value;
  const link = await openMqttLink({ url, clientId: "device" });
  const log = (): void => undefined;
  const remotes = openRemoteServices({
    ...{ link, crypto, clock, log, operatorKey, entropy: openSystemEntropy() },
    deviceKeys: {
      device: claims.device,
      boxSecret: readKeyFile(join(keys, "device-box.pem")).seed,
      certificate,
    },
    revocations: () => undefined,
  });
  link.onMessage((message) => remotes.take(message));
  const added = remotes.add(new Uint8Array(readFileSync(join(folder, "grant.cbor"))));
  if (!added.ok) throw new Error(added.fault.message);
  const settings = () => ({ ...DEFAULT_SETTINGS, alwaysCallPreFlow: true });
  const registry = openRegistry({ clock, log, settings, flows: () => flows });
  const till = scripted("till", {
    PAYMENT_CARD_READING: (request) => approval(request, undefined),
    TRANSACTION_PROCESSING: (request) => approval(request, request.amounts, { host: "h-1" }),
    GENERIC: (request) => ({ ...request, success: true, outcomeMessage: "", data: {} }),
  });
  for (const service of [till, added.value]) registry.add(service);
  await until(
    () => registry.info("slow") !== undefined,
    () => JSON.stringify(registry.list()),
  );
  const disk = simStore().store();
  const history = await openHistory({ store: disk, clock, log, rowsMax: () => 10 });
  let ids = 0;
  const newId = (): string => `q${++ids}`;
  const journal = openTenderJournal(disk);
  const engine = openFlowEngine({ clock, log, settings, registry, history, journal, newId });
  cleanups.push(async () => {
    // Of a test that failed, flows may hang still.
    await Promise.race([engine.close(), pause(2_000)]);
    registry.close();
    await history.close();
    remotes.close();
    await link.close();
  });
  return { engine, registry, device: claims.device };
}

async function until(holds: () => boolean, tell = (): string => ""): Promise<void> {
  const deadlineMs = performance.now() + NOTICED_MS;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`it does not come to that: ${tell()}`);
    await pause(20);
  }
}

const PAYMENT: Payment = {
  id: "p",
  flowType: "sale",
  amounts: { currency: "GBP", base: 1000, additional: {} },
  splitEnabled: false,
  data: {},
  source: "sale",
};
const BASKET = {
  ...{ id: "b", name: "Basket", items: [], data: {}, primary: true },
  rounding: "nearest",
} as const;
const REQUEST: Request = {
  id: "r",
  type: "batchClosure",
  data: { basketUpdated: { is: "basket", value: BASKET } },
  background: false,
  source: "sale",
};

const ALL: readonly Stage[] = [
  ...(["PRE_FLOW", "SPLIT", "PRE_TRANSACTION", "POST_CARD_READING"] as const),
  ...(["POST_TRANSACTION", "POST_FLOW"] as const),
];

async function ended<T>(started: Started<T>): Promise<T> {
  if (!started.ok) throw new Error(`${started.error}: ${started.message}`);
  const late = pause(NOTICED_MS).then(() => "late" as const);
  const end = await Promise.race([started.ended, late]);
  if (end === "late") throw new Error("the flow hangs");
  return end;
}

const TILL = { PAYMENT_CARD_READING: ["till"], TRANSACTION_PROCESSING: ["till"] };
/** The service takes part wherever it can beside the till. */
const WITH_IT = saleFlow({
  ...Object.fromEntries(ALL.map((stage) => [stage, ["slow"]])),
  ...TILL,
});

describe("over a real broker", () => {
  const missing = mosquittoMissing();
  test("by our own: it takes part in a flow", () => takesPart("sluice broker"));
  test.skipIf(missing)("by mosquitto: it takes part in a flow (needs mosquitto)", () =>
    takesPart("mosquitto"),
  );

  async function takesPart(name: string): Promise<void> {
    const { site, keys, folder, told } = await enrolled(["--stages", ALL.join(",")]);
    expect(told).toMatchObject({ id: "slow", pay: true, card: false, methods: ["giftCard"] });
    const url = await startBroker(site, name);
    const program = await serve(site, folder, url);
    const { engine, registry, device } = await openDevice(keys, folder, url, [WITH_IT]);
    expect(registry.list()).toMatchObject([{ id: "till" }, { id: "slow", isRemote: true }]);
    const response = await ended(engine.pay({ ...PAYMENT, splitEnabled: true }, { id: "sale" }));
    expect(response).toMatchObject({
      outcome: "fulfilled",
      transactions: [
        {
          responses: [
            { service: "slow", paymentMethod: "giftCard", amounts: { base: 400 } },
            { service: "till", amounts: { base: 600 } },
          ],
          references: { seenBy: { is: "text", value: "slow" } },
        },
      ],
    });
    const audit = await engine.audit("p");
    const said = audit.filter(({ kind }) => kind === "said").map(({ text }) => text);
    expect(said).toEqual(["the account holds 4.00"]);
    const calls = program.of("call").filter(({ how }) => how === "called");
    expect(new Set(calls.map(({ stage }) => stage))).toEqual(new Set(ALL));
    expect(new Set(calls.map((call) => call["device"]))).toEqual(new Set([device]));
    program.signal("SIGTERM");
    expect(await program.ended()).toBe(0);
  }
});

async function startBroker(site: Site, name: string): Promise<string> {
  if (name === "mosquitto") {
    const { port, stop } = await startMosquitto();
    cleanups.push(stop);
    return `mqtt://127.0.0.1:${port}`;
  }
  const program = await site.startBroker(0);
  return String(program.of("ready")[0]?.["url"]);
}

/** One flow for each stage, in which the service is called in that stage alone. */
function flowAt(stage: Stage): FlowConfig {
  return saleFlow({ ...TILL, [stage]: ["slow"] }, { name: `at ${stage}` });
}
const IN_SALES: readonly Stage[] = [...ALL, "PAYMENT_CARD_READING", "TRANSACTION_PROCESSING"];
const GENERIC = genericFlow("batchClosure", { GENERIC: ["slow"] });
const POST_GENERIC = genericFlow("tokenisation", { GENERIC: ["till"], POST_GENERIC: ["slow"] });
const STATUS = genericFlow("basketStatusUpdate", { STATUS_UPDATE: ["slow"] });

test("killed in every stage at once it holds up no flow; started again it takes part by itself", async () => {
  const { site, keys, folder } = await enrolled(["--card"]);
  const url = await startBroker(site, "sluice broker");
  const program = await serve(site, folder, url);
  const flows = [WITH_IT, ...IN_SALES.map(flowAt), GENERIC, POST_GENERIC, STATUS];
  const { engine, registry } = await openDevice(keys, folder, url, flows);
  const by = { id: "hang" };
  const hung = IN_SALES.map((stage) => {
    const payment = {
      ...{ ...PAYMENT, id: stage, flowName: `at ${stage}`, source: "hang" },
      splitEnabled: stage === "SPLIT",
    };
    return engine.pay(payment, by);
  });
  const asked = ["batchClosure", "tokenisation", "basketStatusUpdate"].map((type) =>
    engine.ask({ ...REQUEST, id: type, type, source: "hang" }, by),
  );
  const refused = [...hung, ...asked].filter(({ ok }) => !ok);
  expect(refused).toEqual([]);
  const stages = new Set<unknown>([...IN_SALES, "GENERIC", "POST_GENERIC", "STATUS_UPDATE"]);
  await until(
    () => {
      const called = program.of("call").filter(({ how }) => how === "called");
      return new Set(called.map(({ stage }) => stage)).size === stages.size;
    },
    () => program.output,
  );
  expect(engine.active().length).toBe(stages.size);
  const atMs = performance.now();
  program.signal("SIGKILL");
  // Whether the payment application charged nobody knows: that flow ends when it has been asked to give it back.
  const inDoubt = "TRANSACTION_PROCESSING";
  await until(
    () => engine.active().every(({ id }) => id === inDoubt),
    () => JSON.stringify(engine.active()),
  );
  console.log(`ten flows ended ${Math.round(performance.now() - atMs)} ms after the kill`);
  const answers = await Promise.all(asked.map(ended));
  expect(answers.map(({ success }) => success)).toEqual([false, true, true]);

  await serve(site, folder, url);
  const responses = await Promise.all(hung.map(ended));
  for (const [i, stage] of IN_SALES.entries()) {
    const outcome = stage === inDoubt ? "failed" : "fulfilled";
    expect([stage, responses[i]?.outcome]).toEqual([stage, outcome]);
    const audit = await engine.audit(stage);
    const of = audit.filter(({ service }) => service === "slow");
    const failed = of.filter(({ kind }) => kind === "failed");
    expect(failed[0]).toMatchObject({ stage, text: "the service does not answer" });
    if (stage === inDoubt) expect(of.map(({ kind }) => kind)).toContain("undone");
  }
  await takesPartAgain(engine, registry);
});

/** Within the time that a device takes to find it again. */
async function takesPartAgain(engine: FlowEngine, registry: ServiceRegistry): Promise<void> {
  const deadlineMs = performance.now() + NOTICED_MS;
  for (let i = 0; ; i++) {
    const payment = { ...PAYMENT, id: `again-${i}`, flowName: "sale" };
    const response = await ended(engine.pay(payment, { id: "sale" }));
    const services = response.transactions[0]?.responses.map(({ service }) => service);
    if (services?.includes("slow")) return;
    if (performance.now() > deadlineMs) throw new Error(JSON.stringify(registry.list()));
    await pause(200);
  }
}
