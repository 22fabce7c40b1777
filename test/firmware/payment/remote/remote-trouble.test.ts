// A service elsewhere that dies, hangs, is slow or is cut off, and a network that loses, doubles and reorders: a call
// ends within seconds in one answer or in a failure, and all goes on by itself afterwards.

import { expect, test } from "vitest";
import { openRemoteServices } from "../../../../firmware/payment/remote/remote-services.ts";
import { asked, callOf, Ear, REQUEST, remoteBench, ScriptedService } from "./remote-bench.ts";

const FINISH = { type: "finishImmediately", data: {} };
const SILENT = ["failed", "flowServiceError", "the service does not answer"];
/** Between the death of a service and the failure of its call. */
const NOTICED_MS = 6_000;

test("a service that dies in a call fails it within seconds; the next one finds it again", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote, party, clientId } = await bench.attach(service);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(2_000);
  expect(ear.kinds).toEqual(["acknowledged"]);
  bench.broker.cut(clientId);
  await bench.world.runFor(NOTICED_MS);
  expect(ear.heard).toEqual([["acknowledged"], SILENT]);

  const meanwhile = new Ear();
  const atMs = bench.world.nowMs();
  remote.call(callOf(), meanwhile);
  await bench.world.runWhile(() => meanwhile.heard.length === 0, 10_000);
  expect(meanwhile.heard).toEqual([SILENT]);
  expect(bench.world.nowMs() - atMs).toBeLessThanOrEqual(1_500);

  let notices = 0;
  remote.onInfoChanged(() => {
    notices += 1;
  });
  const again = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  again.onCall = (call, listener) => listener.respond(call.id, undefined);
  await bench.host(again, party);
  await bench.world.runFor(6_000);
  expect(notices).toBe(1);
  const next = new Ear();
  remote.call(callOf(), next);
  await bench.world.runFor(50);
  expect(next.kinds).toEqual(["acknowledged", "respond"]);
});

test("a call that begins while the service is just being started waits for it", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const party = bench.enrol("gift");
  const added = bench.remotes.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  await bench.world.runFor(3_000);
  const ear = new Ear();
  added.value.call(callOf(), ear);
  await bench.world.runFor(700);
  await bench.host(service, party);
  await bench.world.runFor(1_000);
  expect(ear.kinds).toEqual(["acknowledged", "respond"]);
});

test("a service that is known to be away fails a call at once, which looks for it again", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const { remote, party, clientId } = await bench.attach(service);
  bench.broker.cut(clientId);
  remote.call(callOf(), new Ear());
  await bench.world.runFor(20_000);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(1);
  expect(ear.heard).toEqual([["failed", "flowServiceError", "the service is not connected"]]);
  await bench.host(service, party);
  await bench.world.runFor(700);
  const next = new Ear();
  remote.call(callOf(), next);
  await bench.world.runFor(50);
  expect(next.kinds).toEqual(["acknowledged", "respond"]);
});

test("a service that hangs is told to finish; what it answers then is passed on as late", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  let answer = (): void => {};
  service.onCall = (call, listener) => {
    answer = () => listener.respond(call.id, undefined);
  };
  const { remote } = await bench.attach(service);
  const ear = new Ear();
  const running = remote.call(callOf(), ear);
  await bench.world.runFor(60_000);
  expect(ear.kinds).toEqual(["acknowledged"]);
  running.tell(FINISH);
  await bench.world.runFor(5_000);
  expect(service.told).toEqual([FINISH]);
  answer();
  answer();
  await bench.world.runFor(50);
  expect(ear.kinds).toEqual(["acknowledged", "respond", "respond"]);
});

test("a device that starts anew ends what the service did for the one before", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote, party, host } = await bench.attach(service);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  bench.remotes.close();
  expect(ear.heard.at(-1)).toEqual(SILENT);
  const later = openRemoteServices(bench.ports("device again"));
  bench.deviceLink.onMessage((message) => later.take(message));
  const added = later.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  await bench.world.runFor(50);
  expect(service.told).toEqual([FINISH]);
  expect(host.devices()).toEqual([bench.device]);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const next = new Ear();
  added.value.call(callOf(), next);
  await bench.world.runFor(50);
  expect(next.kinds).toEqual(["acknowledged", "respond"]);
});

test("a short outage of the network costs nothing but time; a long one fails the call", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  let answer = (): void => {};
  service.onCall = (call, listener) => {
    answer = () => listener.respond(call.id, undefined);
  };
  const { remote } = await bench.attach(service);
  const ears = [];
  for (const outageMs of [1_500, 10_000]) {
    const ear = new Ear();
    remote.call(callOf(), ear);
    await bench.world.runFor(100);
    bench.broker.disconnect("device");
    answer();
    await bench.world.runFor(outageMs);
    bench.broker.reconnect("device");
    await bench.world.runFor(6_000);
    ears.push(ear.heard.at(-1));
  }
  expect(ears).toEqual([["respond", "call-1", undefined], SILENT]);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  answer();
  await bench.world.runFor(50);
  expect(ear.kinds).toEqual(["acknowledged", "respond"]);
});

test("a network that loses, doubles and reorders brings everything once and in order", async () => {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const bench = remoteBench(seed);
    const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
    service.onCall = (call, listener) => {
      for (let i = 0; i < 5; i++) listener.audit("info", `${call.id} ${i}`);
      listener.respond(call.id, undefined);
    };
    const { remote } = await bench.attach(service);
    bench.broker.setNetwork({
      delayMs: [1, 20],
      lossPerMille: 150,
      duplicationPerMille: 150,
      reorderingPerMille: 150,
    });
    for (let n = 0; n < 10; n++) {
      const id = `call-${n}`;
      const ear = new Ear();
      remote.call(callOf({ id, input: { ...REQUEST, id } }), ear).tell({ type: "x", data: {} });
      await bench.world.runFor(12_000);
      if (ear.heard.at(-1)?.[0] === "failed") {
        lost += 1;
        continue;
      }
      const said = Array.from({ length: 5 }, (_, i) => ["audit", "info", `${id} ${i}`]);
      expect(ear.heard).toEqual([["acknowledged"], ...said, ["respond", id, undefined]]);
    }
    const ids = service.calls.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  }
  expect(lost).toBeLessThan(10);
});

test("a service that floods is heard no faster than 1,000 messages a second, and answers all the same", async () => {
  const bench = remoteBench();
  bench.broker.setNetwork({ delayMs: [0, 0] });
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => {
    for (let i = 0; i < 100_000; i++) listener.audit("info", "noise");
    const flood = (): void => {
      for (let i = 0; i < 20; i++) listener.audit("info", "noise");
      bench.world.after(1, flood);
    };
    flood();
    bench.world.after(5_000, () => listener.respond(call.id, undefined));
  };
  const { remote } = await bench.attach(service);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(1);
  expect(ear.heard.length).toBeLessThan(50);
  await bench.world.runFor(4_000);
  expect(ear.heard.length).toBeGreaterThan(4_000);
  expect(ear.heard.length).toBeLessThan(5_200);
  await bench.world.runFor(2_000);
  expect(ear.kinds).toContain("respond");
});

test("its info is asked for again, and a service that never was there is unreachable", async () => {
  const bench = remoteBench();
  const added = bench.remotes.add(bench.enrol("ghost").signed);
  if (!added.ok) throw new Error(added.fault.message);
  expect(await asked(bench, added.value.info())).toMatchObject({ refused: "unreachable" });
  expect(await asked(bench, Promise.resolve(added.value.refused("unreachable", "")))).toBe(false);
});
