// Flow services that were not let in, or claim more than they were let in for: none of them is called.

import { expect, test } from "vitest";
import { STAGES } from "../../../../firmware/payment/model/stages.ts";
import { checkInfo } from "../../../../firmware/payment/registry/service-check.ts";
import { issueFlowGrant } from "../../../../firmware/token/flow-grant.ts";
import {
  asked,
  callOf,
  crypto,
  Ear,
  EXPIRES_S,
  type RemoteBench,
  remoteBench,
  ScriptedService,
} from "./remote-bench.ts";

const SILENT = ["failed", "flowServiceError", "the service does not answer"];

function faultOf(bench: RemoteBench, signed: Uint8Array): string | undefined {
  const added = bench.remotes.add(signed);
  return added.ok ? undefined : added.fault.kind;
}

test("a service is let in by a grant of this operator, for this device, now, and by nothing else", () => {
  const bench = remoteBench();
  const { grant, signed } = bench.enrol("gift");
  const stranger = crypto.signer(new Uint8Array(32).fill(9));
  const damaged = signed.slice();
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  expect(faultOf(bench, issueFlowGrant(grant, stranger, crypto))).toBe("untrusted");
  expect(faultOf(bench, damaged)).toBe("signature");
  expect(faultOf(bench, new Uint8Array(0))).toBe("malformed");
  expect(faultOf(bench, new Uint8Array(5000))).toBe("too-large");
  const faults = [
    { device: "AAAAAAAAAAA" },
    { expiresS: 1_767_225_600 },
    { stages: [] },
    { stages: [200] },
    { stages: [7] },
    { stages: [4] },
  ].map((more) => faultOf(bench, bench.enrol("other", more).signed));
  expect(faults).toEqual([
    "wrong-device",
    "expired",
    "out-of-range",
    "out-of-range",
    "out-of-range",
    "out-of-range",
  ]);
  expect(
    faultOf(bench, bench.enrol("app", { role: "payment", stages: [7] }).signed),
  ).toBeUndefined();
  expect(faultOf(bench, bench.enrol("here", { device: bench.device }).signed)).toBeUndefined();
  expect(bench.remotes.list().map(({ grant: { id } }) => id)).toEqual(["app", "here"]);
});

test("another service does not get the id of one that is there, nor an older grant the place of a later one", () => {
  const bench = remoteBench();
  const own = bench.enrol("gift", { serial: 5 });
  expect(faultOf(bench, own.signed)).toBeUndefined();
  expect(faultOf(bench, bench.enrol("gift", { serial: 9 }).signed)).toBe("exists");
  const { boxKey } = own.grant;
  for (const [serial, fault] of [
    [4, "exists"],
    [5, "exists"],
    [6, undefined],
  ] as const) {
    expect(faultOf(bench, bench.enrol("gift", { boxKey, serial }).signed)).toBe(fault);
  }
  expect(bench.remotes.list().map(({ grant }) => grant.serial)).toEqual([6]);
});

test("a grant that is revoked or expires while the service runs ends its calls at once", async () => {
  for (const [end, says] of [
    [(bench: RemoteBench, name: string) => bench.revoked.push({ device: name, serial: 1 }), "took"],
    [(bench: RemoteBench) => bench.world.setWall(1000 * EXPIRES_S), "expired"],
  ] as const) {
    const bench = remoteBench();
    const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
    const { remote, party } = await bench.attach(service);
    end(bench, bench.remotes.list()[0]?.grant.name ?? "");
    const ear = new Ear();
    remote.call(callOf(), ear);
    await bench.world.runFor(50);
    expect(ear.heard).toMatchObject([
      ["failed", "flowServiceError", expect.stringContaining(says)],
    ]);
    expect(service.calls).toEqual([]);
    expect(await asked(bench, remote.info())).toMatchObject({ refused: "notEnrolled" });
    expect(bench.remotes.list()[0]?.forbidden?.message).toContain(says);
    bench.remotes.remove("gift");
    expect(["revoked", "expired"]).toContain(faultOf(bench, party.signed));
  }
});

test("a service that claims more than its grant is refused as over-reaching, whatever it claims", async () => {
  for (const [given, stages, rights] of [
    [{ canPayAmounts: true, paymentMethods: ["giftCard"] }, ["GENERIC"], { pay: false }],
    [{ canAdjustAmounts: true }, ["GENERIC"], { adjust: false }],
    [{ canPayAmounts: true, paymentMethods: ["card"] }, ["GENERIC"], { methods: ["giftCard"] }],
  ] as const) {
    const bench = remoteBench();
    const { remote } = await bench.attach(new ScriptedService("gift", stages, given), rights);
    const checked = checkInfo(remote, await asked(bench, remote.info()));
    expect(checked).toMatchObject({ ok: false, error: "overReaching" });
  }
  // It runs under a grant of more stages than the one that the device was given.
  const bounded = remoteBench();
  const wider = bounded.enrol("gift", { stages: [STAGES.GENERIC, STAGES.SPLIT] });
  await bounded.host(new ScriptedService("gift", ["GENERIC", "SPLIT"]), wider);
  const added = bounded.remotes.add(bounded.enrol("gift", { stages: [STAGES.GENERIC] }).signed);
  if (!added.ok) throw new Error(added.fault.message);
  const over = checkInfo(added.value, await asked(bounded, added.value.info()));
  expect(over).toMatchObject({ ok: false, error: "overReaching" });

  const bench = remoteBench();
  const { remote } = await bench.attach(new ScriptedService("gift", ["GENERIC"], { id: "card" }));
  const checked = checkInfo(remote, await asked(bench, remote.info()));
  expect(checked).toMatchObject({ ok: false, error: "invalidServiceInfo" });
});

test("a service with more stages than it was granted says nothing of the others, and takes part in its own", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["SPLIT", "GENERIC"]);
  const { remote } = await bench.attach(service, { stages: [STAGES.GENERIC] });
  const checked = checkInfo(remote, await asked(bench, remote.info()));
  expect(checked).toMatchObject({ ok: true, info: { stages: ["GENERIC"] } });
});

test("a call of a stage that was not granted is not put, and a detached service hears nothing more", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["SPLIT", "PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  const ear = new Ear();
  remote.call(callOf({ stage: "SPLIT" }), ear);
  await bench.world.runFor(50);
  expect(ear.heard).toEqual([
    ["failed", "flowServiceError", "its grant does not cover the stage SPLIT"],
  ]);
  expect(bench.remotes.remove("gift")).toBe(true);
  const after = new Ear();
  remote.call(callOf(), after);
  await bench.world.runFor(5_000);
  expect([after.heard, service.calls]).toEqual([[SILENT], []]);
});

test("who has the grant and not the key is not the service", async () => {
  const bench = remoteBench();
  const party = bench.enrol("gift");
  const thief = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  await bench.host(thief, { ...party, boxSecret: new Uint8Array(32).fill(3) });
  const added = bench.remotes.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  const ear = new Ear();
  added.value.call(callOf(), ear);
  await bench.world.runFor(5_000);
  expect([ear.heard, thief.calls]).toEqual([[SILENT], []]);
});

test("two services never share a key: which of them spoke could not be told", () => {
  const bench = remoteBench();
  const gift = bench.enrol("gift");
  expect(faultOf(bench, gift.signed)).toBeUndefined();
  const { boxKey } = gift.grant;
  expect(faultOf(bench, bench.enrol("points", { boxKey, serial: 2 }).signed)).toBe("exists");
  bench.remotes.remove("gift");
  expect(faultOf(bench, bench.enrol("points", { boxKey, serial: 2 }).signed)).toBeUndefined();
});

test.each([
  "operator",
  "sale",
  "engine",
  "g\u0456ft",
  "gift\u200b",
  "a b",
  "__proto__",
  "-x",
  "\u202egift",
])("no service is called %j, by which another may be meant", (id) => {
  expect(faultOf(remoteBench(), remoteBench().enrol(id).signed)).toBe("malformed");
});

test("I12: who is revoked or was not granted card data is told of no flow's end, and of no card in an event", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  const card = {
    is: "card",
    value: { data: {}, token: { value: "secret", source: "card" } },
  } as const;
  const running = remote.call(callOf(), new Ear());
  await bench.world.runFor(50);
  running.tell({
    type: "notifyAction",
    data: { notifyAction: { is: "text", value: "abort" }, card },
  });
  await bench.world.runFor(50);
  expect(service.told.map(({ type }) => type)).toEqual(["notifyAction"]);
  expect(JSON.stringify(service.told)).not.toContain("secret");
  const response = {
    id: "r1",
    type: "balance",
    success: true,
    outcomeMessage: "",
    data: {},
    background: false,
  };
  remote.ended?.(response);
  await bench.world.runFor(50);
  expect(service.responses).toHaveLength(1);
  bench.revoked.push({ device: bench.remotes.list()[0]?.grant.name ?? "", serial: 1 });
  remote.ended?.(response);
  await bench.world.runFor(50);
  expect(service.responses).toHaveLength(1);
});
