// A network in somebody else's hands: nothing that was not sealed for this session, by the service and the device that
// it is for, is heard by either side.

import { expect, test } from "vitest";
import { openRemoteServices } from "../../../../firmware/payment/remote/remote-services.ts";
import {
  encodeFlowFrame,
  FLOW_FRAME_BYTES_MAX,
} from "../../../../firmware/protocol/flow-frames.ts";
import {
  fromServiceTopic,
  parseTopic,
  toServiceTopic,
} from "../../../../firmware/protocol/topics.ts";
import type { SimPublish } from "../../../../hal/sim/sim-link.ts";
import { mutated } from "../../../support/mutations.ts";
import { callOf, Ear, type RemoteBench, remoteBench, ScriptedService } from "./remote-bench.ts";

const SILENT = ["failed", "flowServiceError", "the service does not answer"];

/** Records what passes, and may give something else in its place. */
function tap(bench: RemoteBench): { toService: SimPublish[]; fromService: SimPublish[] } {
  const taken = { toService: [] as SimPublish[], fromService: [] as SimPublish[] };
  bench.broker.setTamper((message) => {
    const is = parseTopic(message.topic)?.is;
    if (is === "to-service") taken.toService.push(message);
    if (is === "from-service") taken.fromService.push(message);
    return [message];
  });
  return taken;
}

test("frames that were recorded open never again: not in this session, not in another", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const recorded = tap(bench);
  const { remote, party, clientId } = await bench.attach(service);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  expect(ear.kinds).toEqual(["acknowledged", "respond"]);
  const evil = bench.broker.connect("evil");
  const replay = async (): Promise<void> => {
    for (const { topic, payload } of [...recorded.toService, ...recorded.fromService]) {
      evil.publish(topic, payload);
      await bench.world.runFor(20);
    }
  };
  await replay();
  expect([ear.heard.length, service.calls.length]).toEqual([2, 1]);

  bench.broker.cut(clientId);
  const later = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  await bench.host(later, party);
  await replay();
  await bench.world.runFor(6_000);
  await replay();
  expect([ear.heard.length, service.calls.length, later.calls.length]).toEqual([2, 1, 0]);
  // Hellos of old make sessions that nobody can use: the service is still there for the device.
  later.onCall = (call, listener) => listener.respond(call.id, undefined);
  await bench.world.runFor(6_000);
  const next = new Ear();
  remote.call(callOf(), next);
  await bench.world.runFor(50);
  expect(next.kinds).toEqual(["acknowledged", "respond"]);
});

test("a welcome of old does not open a session with a device that waits for one", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const recorded = tap(bench);
  const { remote, clientId } = await bench.attach(service);
  remote.call(callOf(), new Ear());
  await bench.world.runFor(50);
  bench.broker.cut(clientId);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(6_000);
  expect(ear.heard).toEqual([SILENT]);
  const evil = bench.broker.connect("evil");
  for (const { topic, payload } of [...recorded.fromService]) evil.publish(topic, payload);
  await bench.world.runFor(50);
  expect(bench.remotes.list()).toMatchObject([{ isConnected: false }]);
});

test("a hello that is repeated ends no session, whatever is sent after it", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const recorded = tap(bench);
  const { remote, party, clientId } = await bench.attach(service);
  const [first] = recorded.toService;
  bench.broker.cut(clientId);
  remote.call(callOf(), new Ear());
  await bench.world.runFor(6_000);
  const later = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  await bench.host(later, party);
  await bench.world.runFor(6_000);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  const own = recorded.toService.filter(({ payload }) => payload[1] === 0).at(-1);
  const said = recorded.fromService.length;
  const evil = bench.broker.connect("evil");
  const topic = toServiceTopic(bench.device, bench.remotes.list()[0]?.grant.name ?? "");
  evil.publish(topic, own?.payload ?? new Uint8Array(0));
  await bench.world.runFor(50);
  expect(recorded.fromService.length).toBe(said);
  evil.publish(topic, first?.payload ?? new Uint8Array(0));
  await bench.world.runFor(50);
  expect(recorded.fromService.length).toBe(said + 1);
  evil.publish(topic, encodeFlowFrame({ is: "data", count: 1, box: new Uint8Array(40) }));
  await bench.world.runFor(3_000);
  expect([ear.kinds, later.told]).toEqual([["acknowledged"], []]);
});

test("a device does not speak for another one, although the operator vouches for both", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { party } = await bench.attach(service);
  const ports = bench.ports("other");
  const device = "AAAAAAAAAAA";
  const other = openRemoteServices({ ...ports, deviceKeys: { ...ports.deviceKeys, device } });
  bench.deviceLink.onMessage((message) => other.take(message));
  const added = other.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  const ear = new Ear();
  added.value.call(callOf(), ear);
  await bench.world.runFor(5_000);
  expect([ear.heard, service.calls]).toEqual([[SILENT], []]);
});

test("frames in another order, of the other side, or of another service are not taken", async () => {
  const bench = remoteBench();
  const gift = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const points = new ScriptedService("points", ["PRE_TRANSACTION"]);
  for (const service of [gift, points]) {
    service.onCall = (call, listener) => {
      listener.audit("info", `${service.id} 1`);
      listener.audit("info", `${service.id} 2`);
      listener.respond(call.id, undefined);
    };
  }
  const a = await bench.attach(gift);
  const b = await bench.attach(points);
  const name = (id: string): string =>
    bench.remotes.list().find(({ grant }) => grant.id === id)?.grant.name ?? "";
  // Each passes on what it got of both, turned round, and hands each side its own words.
  const held: SimPublish[] = [];
  bench.broker.setTamper((message) => {
    const parsed = parseTopic(message.topic);
    if (parsed?.is !== "from-service" && parsed?.is !== "to-service") return [message];
    const other = name(parsed.service === name("gift") ? "points" : "gift");
    const { payload } = message;
    const { device } = bench;
    const forged = [
      { ...message, topic: fromServiceTopic(device, other) },
      { ...message, topic: toServiceTopic(device, other) },
      parsed.is === "to-service"
        ? { ...message, topic: fromServiceTopic(device, parsed.service) }
        : { ...message, topic: toServiceTopic(device, parsed.service) },
    ];
    held.unshift({ ...message, payload });
    const passed = held.length < 4 ? [] : held.splice(0);
    return [...forged, ...passed];
  });
  const ears = [new Ear(), new Ear()];
  a.remote.call(callOf(), ears[0] as Ear);
  b.remote.call(callOf(), ears[1] as Ear);
  await bench.world.runFor(20_000);
  for (const [i, id] of ["gift", "points"].entries()) {
    const heard = ears[i]?.heard ?? [];
    const all = [
      ["acknowledged"],
      ["audit", "info", `${id} 1`],
      ["audit", "info", `${id} 2`],
      ["respond", "call-1", undefined],
    ];
    const failed = heard.at(-1)?.[0] === "failed";
    expect(failed ? heard.slice(0, -1) : heard).toEqual(
      all.slice(0, failed ? heard.length - 1 : 4),
    );
  }
  expect(gift.calls.length + points.calls.length).toBeLessThanOrEqual(2);
});

test("a frame that is too large is dropped by that name, before anything reads it", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote } = await bench.attach(service);
  const [listed] = bench.remotes.list();
  const name = listed?.grant.name ?? "";
  const evil = bench.broker.connect("evil");
  const box = new Uint8Array(FLOW_FRAME_BYTES_MAX);
  const large = encodeFlowFrame({ is: "data", count: 1, box });
  evil.publish(fromServiceTopic(bench.device, name), large);
  evil.publish(toServiceTopic(bench.device, name), large);
  await bench.world.runFor(50);
  expect(bench.logged.at(-1)).toMatchObject(["flow-service-dropped", { kind: "too-large" }]);
  expect(bench.remotes.list()[0]?.dropped).toBe(1);
  service.onCall = (call, listener) => listener.respond(call.id, undefined);
  const ear = new Ear();
  remote.call(callOf(), ear);
  await bench.world.runFor(50);
  expect(ear.kinds).toEqual(["acknowledged", "respond"]);
});

test("whoever says that a session is lost only makes the device ask", async () => {
  const bench = remoteBench();
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  const { remote, watched } = await bench.attach(service);
  const ear = new Ear();
  const taken = tap(bench);
  remote.call(callOf(), ear);
  const evil = bench.broker.connect("evil");
  const topic = fromServiceTopic(bench.device, bench.remotes.list()[0]?.grant.name ?? "");
  for (let i = 0; i < 1_000; i++) {
    evil.publish(topic, encodeFlowFrame({ is: "lost" }));
    await bench.world.runFor(10);
  }
  expect(ear.kinds).toEqual(["acknowledged"]);
  expect(watched.map(({ how }) => how)).toEqual(["called"]);
  expect(taken.toService.length).toBeLessThan(40);
});

test("I11: 20,000 spoilt frames change nothing and end nothing, on either side", async () => {
  const bench = remoteBench(7);
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = (call, listener) => {
    listener.audit("info", "working");
    listener.respond(call.id, undefined);
  };
  const recorded = tap(bench);
  const { remote } = await bench.attach(service);
  const seen = new Set<Ear>();
  const ask = async (id: string): Promise<string[]> => {
    const ear = new Ear();
    seen.add(ear);
    remote.call(callOf({ id }), ear).tell({ type: "x", data: {} });
    await bench.world.runFor(30);
    return ear.kinds;
  };
  await ask("first");
  const samples = [...recorded.toService, ...recorded.fromService].map(({ payload }) => payload);
  bench.broker.setTamper(undefined);
  const name = bench.remotes.list()[0]?.grant.name ?? "";
  const evil = bench.broker.connect("evil");
  const random = bench.world.randomOf("mutations");
  let answered = 0;
  for (let i = 0; i < 20_000; i++) {
    const { bytes } = mutated(samples, random);
    const topic = i % 2 === 0 ? fromServiceTopic : toServiceTopic;
    evil.publish(topic(bench.device, name), bytes);
    if (i % 200 !== 199) continue;
    await bench.world.runFor(10);
    const kinds = await ask(`call-${i}`);
    if (kinds.at(-1) === "respond") answered += 1;
  }
  await bench.world.runFor(6_000);
  expect(answered).toBe(100);
  expect(service.calls.length).toBe(101);
  for (const ear of seen) expect(ear.kinds).toEqual(["acknowledged", "audit", "respond"]);
});
