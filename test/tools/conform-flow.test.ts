// The operation flow.run of the conform command: whole flows by script, the same answer every time, bounded, and
// what is no request refused with its path. The examples of docs/conform.md are answered as they stand there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { conformLine } from "../../tools/conform.ts";

const crypto = openNodeCrypto();
const DOC = readFileSync(join(import.meta.dirname, "..", "..", "docs", "conform.md"), "utf8");

interface Line {
  atMs: number;
  kind: string;
  service?: string;
  codeName?: string;
  text?: string;
}
interface Ran {
  ok: boolean;
  kind?: string;
  field?: string;
  response: {
    outcome: string;
    failureReason: string;
    success: boolean;
    data: unknown;
    requested: unknown;
    processed: unknown;
    transactions: { responses: { service: string; references: Record<string, unknown> }[] }[];
  };
  audit: Line[];
  steps?: string[];
  events?: { type: string }[];
  refused?: { id: string; error: string }[];
}

async function run(parts: Record<string, unknown>): Promise<Ran> {
  return JSON.parse(await conformLine(JSON.stringify({ op: "flow.run", ...parts }), crypto));
}

const codes = ({ audit }: Ran): string[] =>
  audit.flatMap(({ codeName }) => (codeName === undefined ? [] : [codeName]));
const pounds = (base: number, additional: Record<string, number> = {}) => {
  return { currency: "GBP", base, additional };
};

const SALE = {
  name: "sale",
  type: "sale",
  stages: [
    { name: "PRE_TRANSACTION", apps: ["loyal"] },
    { name: "TRANSACTION_PROCESSING", apps: ["bank"] },
  ],
};
const PAYING = { canPayAmounts: true, paymentMethods: ["card"] };
const READ = { token: { value: "t" }, data: { network: "visa", entryMethod: "tap" } };

function bank(...entries: readonly unknown[]): unknown {
  return { id: "bank", info: PAYING, stages: { TRANSACTION_PROCESSING: entries } };
}
function loyal(info: unknown, ...entries: readonly unknown[]): unknown {
  return { id: "loyal", info, stages: { PRE_TRANSACTION: entries } };
}
const APPROVING = bank({ approve: true, card: READ });
const sale = (services: readonly unknown[], more: Record<string, unknown> = {}): Promise<Ran> =>
  run({ config: SALE, services, payment: { amounts: pounds(1000) }, ...more });

describe("the documented examples", () => {
  const blocks = [...DOC.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json = ""]) => json);

  test("are two, each with its answer", () => {
    expect(blocks).toHaveLength(4);
  });

  test.each([0, 2])("block %d is answered by the one after it", async (index) => {
    const answer = await conformLine(JSON.stringify(JSON.parse(blocks[index] ?? "")), crypto);
    expect(JSON.parse(answer)).toEqual(JSON.parse(blocks[index + 1] ?? ""));
  });
});

describe("a flow", () => {
  test("is paid by several, and its answer is the same to the byte every time", async () => {
    const points = { canPayAmounts: true, paymentMethods: ["points"] };
    const respond = {
      amountsPaid: { currency: "GBP", base: 300 },
      paidWith: "points",
      references: { account: "7", balance: 12, gold: true, names: ["a"] },
    };
    const parts = { config: SALE, payment: { amounts: { currency: "GBP", base: 1000 } } };
    const line = JSON.stringify({
      op: "flow.run",
      ...parts,
      services: [loyal(points, { respond }), APPROVING],
    });
    const answer = await conformLine(line, crypto);
    expect(await conformLine(line, crypto)).toBe(answer);
    const { response } = JSON.parse(answer) as Ran;
    expect(response).toMatchObject({ outcome: "fulfilled", processed: pounds(1000) });
    const responses = response.transactions[0]?.responses;
    expect(responses?.map(({ service }) => service)).toEqual(["loyal", "bank"]);
    expect(responses?.[0]?.references).toMatchObject({
      account: { is: "text", value: "7" },
      balance: { is: "integer", value: 12 },
      gold: { is: "flag", value: true },
      names: { is: "texts", value: ["a"] },
    });
  });

  test("may be configured by AppFlow's own names, nested flows and services' info included", async () => {
    const stage = (name: string, ...ids: readonly string[]) => {
      const flowApps = ids.map((id) => ({ id, mandatory: false }));
      return { name, appExecutionType: ids.length === 0 ? "NONE" : "SINGLE", flowApps };
    };
    const inner = {
      name: "check",
      type: "transaction",
      stages: [stage("transaction_processing", "bank")],
    };
    const transaction = {
      name: "transaction",
      type: "transaction",
      stages: [{ ...stage("FULFILLED_CHECK"), innerFlow: inner }],
    };
    const config = {
      name: "appflow",
      type: "sale",
      version: 3,
      apiMajorVersion: 2,
      stages: [{ ...stage("SPLIT"), innerFlow: transaction }],
    };
    const info = { ...PAYING, supportedFlowTypes: ["sale"], supportedCurrencies: ["GBP"] };
    const service = {
      id: "bank",
      info,
      stages: { TRANSACTION_PROCESSING: [{ approve: 600 }, { approve: true }] },
    };
    const ran = await run({ config, services: [service], payment: { amounts: pounds(1000) } });
    expect(ran.response).toMatchObject({ outcome: "fulfilled", processed: pounds(1000) });
    const other = { ...service, info: { ...info, supportedCurrencies: ["EUR"] } };
    const refused = await run({ config, services: [other], payment: { amounts: pounds(1000) } });
    expect(refused.response.failureReason).toBe("rejected");
  });

  test("goes through its entries, one for each call, the last one again and again", async () => {
    const check = {
      name: "FULFILLED_CHECK",
      inner: [{ name: "TRANSACTION_PROCESSING", apps: ["bank"] }],
    };
    const config = { name: "sale", type: "sale", stages: [{ name: "SPLIT", inner: [check] }] };
    const services = [bank({ approve: 100 }, { approve: 50 }, { approve: 425, card: READ })];
    const ran = await run({ config, services, payment: { amounts: pounds(1000) } });
    expect(ran.response.outcome).toBe("fulfilled");
    const paid = ran.audit.filter(({ kind }) => kind === "tendered").map(({ text }) => text);
    expect(paid).toEqual(["100 GBP", "50 GBP", "425 GBP", "425 GBP"]);
  });

  test("is steered and told by steps, in virtual time", async () => {
    const question = {
      id: "c1",
      type: "extra",
      multiSelect: false,
      extra: { name: "tip", amountMinor: 50 },
    };
    const asking = {
      events: [{ type: "confirmationRequest", payload: question }],
      afterMs: 30_000,
      respond: { updatedAmounts: pounds(1000, { tip: 50 }) },
    };
    const answer = { request: "c1", values: ["approve"] };
    const tell = { do: "tell", event: { type: "confirmationResponse", payload: answer } };
    const services = [loyal({ canAdjustAmounts: true }, asking), APPROVING];
    const limits = { offerMinor: 1000, maximumMinor: 1100 };
    const agreed = await sale(services, { limits, steps: [{ atMs: 500, ...tell }] });
    expect(agreed.steps).toEqual(["heard"]);
    expect(agreed.events?.map(({ type }) => type)).toEqual(["confirmationRequest"]);
    expect(agreed.response.processed).toEqual(pounds(1000, { tip: 50 }));
    expect(agreed.audit.at(-1)?.atMs).toBe(30_000);
    // Nobody agreed, and more than was signed.
    expect(codes(await sale(services, { limits }))).toContain("extra-unconfirmed");
    const less = { ...limits, maximumMinor: 1049 };
    const over = await sale(services, { limits: less, steps: [{ atMs: 500, ...tell }] });
    expect(codes(over)).toContain("extra-above-maximum");
    expect(over.response.processed).toEqual(pounds(1000));
    const steps = [
      { atMs: 10, do: "skip" },
      { do: "resume", atMs: 1 },
      { atMs: 60_000, do: "cancel" },
    ];
    expect((await sale(services, { steps })).steps).toEqual(["done", "done", "after the end"]);
  });

  test("is followed beyond its end: what comes late is given back, by a script or by itself", async () => {
    const late = { approve: true, afterMs: 130_000, card: READ };
    const ran = await sale([loyal({}, { skip: true }), bank(late)]);
    expect(ran.response).toMatchObject({ outcome: "failed", failureReason: "timeout" });
    expect(codes(ran)).toContain("late-approval");
    const last = ran.audit.at(-1);
    expect(last).toMatchObject({ kind: "undone", service: "bank" });
    expect(last?.atMs).toBe(130_000);
    const refusing = {
      id: "bank",
      info: PAYING,
      stages: { TRANSACTION_PROCESSING: [late], GENERIC: [{ decline: "no" }] },
    };
    expect(codes(await sale([loyal({}, { skip: true }), refusing]))).toContain("undo-failed");
    const silent = { ...refusing, stages: { ...refusing.stages, GENERIC: [{ never: true }] } };
    const unsettled = await sale([loyal({}, { skip: true }), silent]);
    expect(codes(unsettled)).toContain("undo-failed");
    expect(unsettled.audit.at(-1)?.atMs).toBeLessThanOrEqual(5 * 3_600_000);
  });

  test("goes on whatever a script has a service do", async () => {
    const odd = [
      { never: true },
      { throw: "boom" },
      { respond: { amountsPaid: 5 } },
      { respond: { surprise: true } },
      { skip: true, audit: ["one", { severity: "warning", text: "two" }] },
    ];
    const [never, thrown, malformed, , said] = await Promise.all(
      odd.map((entry) => sale([loyal({}, entry), APPROVING])),
    );
    for (const ran of [never, thrown, malformed, said])
      expect(ran?.response.outcome).toBe("fulfilled");
    expect(never?.audit.map(({ kind }) => kind)).toContain("timed-out");
    expect(thrown?.audit.find(({ kind }) => kind === "failed")?.text).toContain("boom");
    expect(malformed && codes(malformed)).toContain("malformed");
    const lines = said?.audit.filter(({ kind }) => kind === "said").map(({ text }) => text);
    expect(lines).toEqual(["one", "two"]);
    expect(codes(await sale([loyal({}, { skip: true }), bank({ approve: 1001 })]))).toContain(
      "over-approved",
    );
    const declined = await sale([loyal({}, { skip: true }), bank({ decline: "no", code: "51" })]);
    expect(declined.response.failureReason).toBe("declined");
  });

  test("that is no payment answers its request; a service that reports nonsense is named", async () => {
    const config = {
      name: "t",
      type: "tokenisation",
      stages: [{ name: "GENERIC", apps: ["bank"] }],
    };
    const able = { id: "bank", stages: { GENERIC: [{ approve: true, data: { token: "abc" } }] } };
    const odd = { id: "odd", info: { vendor: 5 }, stages: { POST_FLOW: [{ skip: true }] } };
    const ran = await run({
      config,
      services: [able, odd],
      request: { data: { amount: { is: "amount", value: { value: 5, currency: "GBP" } } } },
    });
    expect(ran.response).toMatchObject({
      success: true,
      data: { token: { is: "text", value: "abc" } },
    });
    expect(ran.refused).toMatchObject([{ id: "odd", error: "invalidServiceInfo" }]);
  });

  test("that cannot start says why", async () => {
    expect(await run({ config: SALE, payment: { amounts: pounds(1) } })).toMatchObject({
      ok: false,
      kind: "noFlowServices",
    });
    const basket = { id: "b", items: [{ id: "i", amountMinor: 900 }] };
    const mismatched = await sale([APPROVING], { payment: { amounts: pounds(1000), basket } });
    expect(mismatched).toMatchObject({ ok: false, kind: "invalidRequest" });
    const matched = await sale([APPROVING], { payment: { amounts: pounds(900), basket } });
    expect(matched.response.outcome).toBe("fulfilled");
    const other = await sale([APPROVING], { payment: { amounts: pounds(1), flowType: "refund" } });
    expect(other).toMatchObject({ ok: false, kind: "invalidFlowIdentifier" });
  });
});

describe("what is no request", () => {
  const twice = { name: "PRE_TRANSACTION", apps: ["a", "a"] };
  test.each<[string, Record<string, unknown>]>([
    ["config", {}],
    ["config", { config: [] }],
    ["config.name", { config: { type: "sale", stages: [] } }],
    [
      "config.stages.0.apps.1.id",
      { config: { ...SALE, stages: [twice, ...SALE.stages.slice(1)] } },
    ],
    ["config.stages.0.name", { config: { ...SALE, stages: [{ name: "PAY" }] } }],
    ["settings.speed", { config: SALE, settings: { speed: 1 } }],
    ["services", { config: SALE, services: {} }],
    ["services", { config: SALE, services: new Array(17).fill(APPROVING) }],
    ["services.0.id", { config: SALE, services: [{}] }],
    ["services.0.stages", { config: SALE, services: [{ id: "a" }] }],
    ["services.0.stages.PAY", { config: SALE, services: [{ id: "a", stages: { PAY: [] } }] }],
    ["services.0.stages.TRANSACTION_PROCESSING", { config: SALE, services: [bank()] }],
    ["services.0.stages.TRANSACTION_PROCESSING.0", { config: SALE, services: [bank({})] }],
    [
      "services.0.stages.TRANSACTION_PROCESSING.0",
      { config: SALE, services: [bank({ approve: true, skip: true })] },
    ],
    [
      "services.0.stages.TRANSACTION_PROCESSING.1.afterMs",
      { config: SALE, services: [bank({ skip: true }, { skip: true, afterMs: 1e9 })] },
    ],
    [
      "services.0.stages.TRANSACTION_PROCESSING.0.approve",
      { config: SALE, services: [bank({ approve: "all" })] },
    ],
    [
      "services.0.stages.PRE_TRANSACTION.0.approve",
      { config: SALE, services: [loyal({}, { approve: true })] },
    ],
    [
      "services.0.stages.PRE_TRANSACTION.0.skip",
      { config: SALE, services: [loyal({}, { skip: 1 })] },
    ],
    [
      "services.0.stages.PRE_TRANSACTION.0.audit.0.severity",
      {
        config: SALE,
        services: [loyal({}, { skip: true, audit: [{ severity: "bad", text: "x" }] })],
      },
    ],
    [
      "services.0.stages.PRE_TRANSACTION.0.events.0.type",
      { config: SALE, services: [loyal({}, { skip: true, events: [{}] })] },
    ],
    ["payment", { config: SALE }],
    ["payment.amounts", { config: SALE, payment: {} }],
    ["payment.amounts.base", { config: SALE, payment: { amounts: pounds(-1) } }],
    ["request", { config: SALE, payment: { amounts: pounds(1) }, request: {} }],
    ["limits.maximumMinor", { config: SALE, limits: { offerMinor: 1 } }],
    ["steps.0.do", { config: SALE, steps: [{ do: "stop" }] }],
    ["steps.0.event", { config: SALE, steps: [{ do: "tell" }] }],
    ["steps.0.atMs", { config: SALE, steps: [{ do: "skip", atMs: -1 }] }],
  ])("is refused at %s: %#", async (field, parts) => {
    expect(await run(parts)).toEqual({ ok: false, kind: "bad-input", field });
  });

  test("I11: no request of any shape throws, and every flow ends", async () => {
    const entry = fc.oneof(
      fc.constant({ approve: true }),
      fc.record({ approve: fc.nat(2000) }),
      fc.constant({ never: true }),
      fc.record({
        respond: fc.dictionary(
          fc.constantFrom("amountsPaid", "cancel", "amounts", "x"),
          fc.jsonValue(),
        ),
      }),
      fc.record({ decline: fc.string(), afterMs: fc.nat(400_000) }),
      fc.jsonValue(),
    );
    const services = fc.array(
      fc.record({
        id: fc.constantFrom("bank", "loyal"),
        info: fc.oneof(fc.constant(PAYING), fc.jsonValue()),
        stages: fc.dictionary(
          fc.constantFrom("PRE_TRANSACTION", "TRANSACTION_PROCESSING", "GENERIC"),
          fc.array(entry, { minLength: 1, maxLength: 3 }),
          { maxKeys: 3 },
        ),
      }),
      { maxLength: 3 },
    );
    const step = fc.record({
      atMs: fc.nat(200_000),
      do: fc.constantFrom("cancel", "skip", "resume"),
    });
    await fc.assert(
      fc.asyncProperty(
        services,
        fc.array(step, { maxLength: 3 }),
        fc.oneof(fc.constant({ amounts: pounds(1000) }), fc.jsonValue()),
        async (given, steps, payment) => {
          const ran = await run({ config: SALE, services: given, steps, payment });
          expect(ran.kind).not.toBe("unfinished");
          if (ran.ok) expect(ran.audit.map(({ kind }) => kind)).toContain("ended");
        },
      ),
      { numRuns: 300 },
    );
  });
});
