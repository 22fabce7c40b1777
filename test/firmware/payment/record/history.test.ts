// The history of flows: who may ask what, how much is kept, and what never gets to the disk.

import { beforeEach, describe, expect, test } from "vitest";
import type { AuditEntry } from "../../../../firmware/payment/model/audit-entry.ts";
import "../../../../firmware/payment/model/data-value.ts";
import type { PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import type { Response } from "../../../../firmware/payment/model/request.ts";
import type { ResponseQuery } from "../../../../firmware/payment/model/response-query.ts";
import {
  type EndedFlow,
  type FlowHistory,
  openHistory,
} from "../../../../firmware/payment/record/history.ts";
import { type SimStore, simStore } from "../../../../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../../../../hal/sim/world.ts";

let world: SimWorld;
let disk: SimStore;
let history: FlowHistory;
let rowsMax: number;
let logged: string[];

const open = () =>
  openHistory({
    store: disk.reopen(),
    clock: world.clock,
    log: (_level, event) => logged.push(event),
    rowsMax: () => rowsMax,
  });

beforeEach(async () => {
  world = simWorld({ seed: 1 });
  disk = simStore();
  rowsMax = 100;
  logged = [];
  history = await open();
});

function paid(id: string, more: Partial<PaymentResponse> = {}): PaymentResponse {
  const amounts = { currency: "GBP", base: 1000, additional: {} };
  return {
    id: `r-${id}`,
    payment: { id, flowType: "sale", amounts, splitEnabled: false, data: {}, source: "sale" },
    outcome: "fulfilled",
    failureReason: "none",
    allTransactionsApproved: true,
    requested: amounts,
    processed: amounts,
    transactions: [],
    createdMs: 1,
    postFlow: [],
    ...more,
  };
}
function answered(id: string, more: Partial<Response> = {}): Response {
  return {
    id,
    type: "balance",
    success: true,
    outcomeMessage: "",
    data: {},
    background: false,
    ...more,
  };
}
const AUDIT: AuditEntry[] = [{ atMs: 5, kind: "started", severity: "info", text: "sale" }];

function payment(id: string, more: Partial<EndedFlow> = {}): EndedFlow {
  const response = { kind: "payment", value: paid(id) } as const;
  return {
    initiator: "sale",
    flowName: "sale",
    flowType: "sale",
    endedMs: 1000,
    response,
    audit: AUDIT,
    ...more,
  };
}
function generic(id: string, more: Partial<EndedFlow> = {}): EndedFlow {
  const response = { kind: "generic", value: answered(id) } as const;
  return { ...payment(id), flowName: "balance", flowType: "balance", response, ...more };
}
async function ids(query: Partial<ResponseQuery> = {}, owner = "operator"): Promise<string[]> {
  const found = await history.query({ kind: "payment", maxResults: 100, ...query }, owner);
  return found.map((one) => ("payment" in one ? one.payment.id : one.id));
}

describe("F103: questions", () => {
  beforeEach(() => {
    history.record(payment("p1"));
    history.record(payment("p2", { initiator: "kiosk", endedMs: 2000 }));
    history.record(payment("p3", { flowName: "night", flowType: "deposit", endedMs: 3000 }));
    history.record(generic("g1"));
  });

  test.each<[Partial<ResponseQuery>, string[]]>([
    [{}, ["p3", "p2", "p1"]],
    [{ maxResults: 2 }, ["p3", "p2"]],
    [{ maxResults: 0 }, []],
    [{ flowType: "sale" }, ["p2", "p1"]],
    [{ flowName: "night" }, ["p3"]],
    [{ flowName: "night", flowType: "sale" }, []],
    [{ fromMs: 1000, toMs: 2000 }, ["p2", "p1"]],
    [{ fromMs: 2001, toMs: 2999 }, []],
    [{ fromMs: 0 }, []],
    [{ fromMs: 2000, toMs: 1000 }, []],
    [{ fromMs: 2000, toMs: 2000 }, []],
    [{ kind: "generic" }, ["g1"]],
    [{ requestId: "p2", flowType: "deposit", kind: "generic" }, ["p2"]],
    [{ requestId: "none" }, []],
  ])("%j finds %j, before it is on disk and after", async (query, found) => {
    expect(await ids(query)).toEqual(found);
    await world.runFor(1000);
    expect(await ids(query)).toEqual(found);
    history = await open();
    expect(await ids(query)).toEqual(found);
  });

  test("only who started a flow sees it, and the operator", async () => {
    expect(await ids({}, "sale")).toEqual(["p3", "p1"]);
    expect(await ids({}, "kiosk")).toEqual(["p2"]);
    expect(await ids({ requestId: "p1" }, "kiosk")).toEqual([]);
    expect(await ids({}, "")).toEqual([]);
    expect(await history.audit("p1", "kiosk")).toEqual([]);
    expect(await history.audit("p1", "sale")).toEqual(AUDIT);
    expect(await history.audit("p1", "operator")).toEqual(AUDIT);
    expect(await history.audit("none", "operator")).toEqual([]);
  });

  test("responses come back as they were, and ids stay taken over a restart", async () => {
    await history.close();
    history = await open();
    expect(
      await history.query({ kind: "payment", maxResults: 1, requestId: "p1" }, "sale"),
    ).toEqual([paid("p1")]);
    expect(await history.query({ kind: "generic", maxResults: 1 }, "sale")).toEqual([
      answered("g1"),
    ]);
    expect([history.has("p1"), history.has("g1"), history.has("p9")]).toEqual([true, true, false]);
  });
});

describe("writing", () => {
  test("is off the path, and several go together", async () => {
    for (let i = 0; i < 20; i++) history.record(payment(`p${i}`));
    await world.runFor(999);
    expect(disk.commits()).toBe(0);
    await world.runFor(1);
    expect(disk.commits()).toBe(1);
    expect(disk.durable("flow").length).toBe(20);
    await world.runFor(10_000);
    expect(disk.commits()).toBe(1);
  });

  test("a cut forgets the last flows, never half of one", async () => {
    disk = simStore({
      onCommit: (phase) => {
        if (phase === "before" && disk.commits() === 1) disk.crash();
      },
    });
    history = await open();
    history.record(payment("p1"));
    await world.runFor(1000);
    history.record(payment("p2"));
    await world.runFor(1000);
    history = await open();
    expect(await ids()).toEqual(["p1"]);
    for (const kind of ["flow", "flow-response", "flow-audit"])
      expect(disk.durable(kind).length).toBe(1);
  });

  test("F104: the oldest make room", async () => {
    rowsMax = 3;
    for (let i = 0; i < 10; i++) {
      history.record(payment(`p${i}`));
      if (i % 3 === 0) await world.runFor(1000);
    }
    await history.close();
    expect(await ids()).toEqual(["p9", "p8", "p7"]);
    for (const kind of ["flow", "flow-response", "flow-audit"])
      expect(disk.durable(kind).length).toBe(3);
    expect(history.has("p6")).toBe(false);
    history = await open();
    expect(await ids()).toEqual(["p9", "p8", "p7"]);
    history.record(payment("p10"));
    await history.close();
    expect(await ids()).toEqual(["p10", "p9", "p8"]);
  });

  test("F104: a limit that was lowered is reached in steps, and 0 keeps nothing new", async () => {
    for (let i = 0; i < 100; i++) history.record(payment(`p${i}`));
    await world.runFor(1000);
    rowsMax = 1;
    history.record(payment("q1"));
    await world.runFor(1000);
    expect(disk.durable("flow").length).toBe(37);
    history.record(payment("q2"));
    await world.runFor(1000);
    expect((await ids()).length).toBe(1);
    rowsMax = 0;
    history.record(payment("q3"));
    await history.close();
    expect(await ids()).toEqual(["q2"]);
  });

  test("an id that came twice stays taken as long as one of the two is kept", async () => {
    rowsMax = 1;
    history.record(payment("p1"));
    history.record(payment("p1"));
    await history.close();
    expect([await ids({ requestId: "p1" }), history.has("p1")]).toEqual([["p1"], true]);
  });

  test("a store that is full costs history, and nothing else", async () => {
    disk.setFull(true);
    history.record(payment("p1"));
    await world.runFor(1000);
    expect(logged).toEqual(["flow-history-lost"]);
    expect([await ids(), history.has("p1")]).toEqual([[], false]);
    disk.setFull(false);
    history.record(payment("p2"));
    await world.runFor(1000);
    expect(await ids()).toEqual(["p2"]);
  });

  test("while the store is slow only so many wait", async () => {
    for (let i = 0; i < 300; i++) history.record(payment(`p${i}`));
    expect(logged.length).toBe(44);
    rowsMax = 1000;
    await history.close();
    expect(disk.durable("flow").length).toBe(256);
    expect(world.eventsWaiting()).toBe(0);
  });

  test("many flows a second do not make it grow: each commit removes as many as it adds", async () => {
    rowsMax = 10;
    for (let second = 0; second < 6; second++) {
      for (let i = 0; i < 200; i++) history.record(payment(`p${second}.${i}`));
      await world.runFor(1000);
    }
    expect(disk.durable("flow").length).toBeLessThanOrEqual(200 + 10);
    expect((await ids()).length).toBeLessThanOrEqual(100);
  });

  test("a response that is too large is not kept", async () => {
    const data = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [
        `k${i}`,
        { is: "text", value: "v".repeat(500) } as const,
      ]),
    );
    history.record(
      generic("g1", { response: { kind: "generic", value: answered("g1", { data }) } }),
    );
    await history.close();
    expect([logged, disk.commits()]).toEqual([["flow-history-lost"], 0]);
  });

  test("a damaged record is left out and logged; the others are there", async () => {
    for (const id of ["p1", "p2", "p3"]) history.record(payment(id));
    await history.close();
    disk.corruptBody("flow", "0000000001", "{");
    disk.corruptBody("flow-response", "0000000002", '{"payment":7}');
    history = await open();
    expect(await ids()).toEqual(["p3"]);
    expect(logged).toEqual(["flow-history-damaged", "flow-history-damaged"]);
    history.record(payment("p4"));
    await history.close();
    expect(await ids()).toEqual(["p4", "p3"]);
  });
});

describe("I12: what never gets to the disk", () => {
  const PAN = "4111111111111111";
  const onDisk = () =>
    JSON.stringify(["flow", "flow-response", "flow-audit"].map((kind) => disk.durable(kind)));

  test("card numbers, codes, tracks and tokens that pay; a card's mask and own token stay", async () => {
    const amounts = { currency: "GBP", base: 1000, additional: {} };
    const text = (value: string) => ({ is: "text", value }) as const;
    const card = {
      maskedPan: "411111XXXXXX1111",
      token: { value: "own-token" },
      data: { cvv: text("987"), network: text("visa"), track2: text("TRACK") },
    };
    const response = {
      id: "t1",
      outcome: "approved",
      amounts,
      paymentMethod: "card",
      card,
      references: {
        authCode: text("A1B2"),
        pan: text("PANPAN"),
        note: text(`number 4111 1111-1111 1111, or ${PAN}.`),
        number: { is: "integer", value: 4111111111111111 },
        numbers: { is: "integers", value: [1, 4111111111111111] },
        networkToken: text("PAYS"),
        other: { is: "token", value: { value: "PAYS2" } },
        stan: text("123456789012"),
        list: { is: "texts", value: [PAN] },
      },
    } as const;
    const customer = { id: "c", tokens: [{ value: "PAYS3", source: "card" }], details: {} };
    const value = paid("p1", {
      payment: { ...paid("p1").payment, cardToken: { value: "PAYS4" }, customer },
      failureMessage: PAN,
      transactions: [
        {
          id: "p1/1",
          requested: amounts,
          baskets: [],
          data: {},
          responses: [response],
          executed: [],
          references: {},
        },
      ],
    });
    history.record(
      payment("p1", {
        response: { kind: "payment", value },
        audit: [{ atMs: 1, kind: "said", severity: "info", text: `card ${PAN}` }],
      }),
    );
    const check = async () => {
      const [found] = (await history.query(
        { kind: "payment", maxResults: 1 },
        "sale",
      )) as PaymentResponse[];
      const kept = found?.transactions[0]?.responses[0];
      expect(kept?.card).toEqual({
        maskedPan: "411111XXXXXX1111",
        token: { value: "own-token" },
        data: { network: text("visa") },
      });
      expect(kept?.references).toEqual({
        authCode: text("A1B2"),
        note: text("number hidden, or hidden."),
        stan: text("123456789012"),
        list: { is: "texts", value: ["hidden"] },
      });
      expect(found?.payment.customer).toEqual({ id: "c", tokens: [], details: {} });
      expect(found?.payment.cardToken).toBeUndefined();
      expect((await history.audit("p1", "sale"))[0]?.text).toBe("card hidden");
    };
    await check();
    await history.close();
    await check();
    for (const secret of ["4111 1111", PAN, "987", "TRACK", "PANPAN", "PAYS"])
      expect(onDisk()).not.toContain(secret);
  });

  test("an id that looks like a card number by chance stays the flow's id", async () => {
    history.record(
      payment(PAN, {
        audit: [{ atMs: 1, kind: "called", severity: "info", transaction: `${PAN}/1` }],
      }),
    );
    await history.close();
    history = await open();
    expect(await ids()).toEqual([PAN]);
    expect((await history.audit(PAN, "sale"))[0]?.transaction).toBe(`${PAN}/1`);
  });

  test("a flow without an id is searched all the same", async () => {
    history.record(
      generic("", { response: { kind: "generic", value: answered("", { outcomeMessage: PAN }) } }),
    );
    await history.close();
    expect(onDisk()).not.toContain(PAN);
  });
});

test("what happened after the end of a flow is in its audit log, on disk too, whenever it came", async () => {
  const late = (text: string): AuditEntry => ({ atMs: 9, kind: "undone", severity: "info", text });
  history.record(payment("p1"));
  history.append("p1", late("at once"));
  history.append("p9", late("of none"));
  expect(await history.audit("p1", "sale")).toEqual([...AUDIT, late("at once")]);
  await history.close();
  history.append("p1", late("later"));
  expect(await history.audit("p1", "sale")).toEqual([...AUDIT, late("at once"), late("later")]);
  await history.close();
  history = await open();
  history.append("p1", late("after a restart"));
  await history.close();
  history = await open();
  expect((await history.audit("p1", "sale")).map(({ text }) => text)).toEqual([
    "sale",
    "at once",
    "later",
    "after a restart",
  ]);
});
