// Whoever sends too much, too often or what was sent before costs the device and the service little.

import { expect, test } from "vitest";
import { openRemoteServices } from "../../../../firmware/payment/remote/remote-services.ts";
import { encodeFlowFrame } from "../../../../firmware/protocol/flow-frames.ts";
import { fromServiceTopic, toServiceTopic } from "../../../../firmware/protocol/topics.ts";
import {
  callOf,
  crypto,
  Ear,
  type RemoteBench,
  remoteBench,
  ScriptedService,
} from "./remote-bench.ts";

const DATA = 2;

function answering(): ScriptedService {
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = ({ id }, listener) => listener.respond(id, undefined);
  return service;
}

function listenIn({ broker }: RemoteBench, topic: string): Uint8Array[] {
  const heard: Uint8Array[] = [];
  const tap = broker.connect(`tap ${topic}`);
  tap.onMessage(({ payload }) => heard.push(payload));
  void tap.subscribe(topic);
  return heard;
}

test("a frame that is repeated a thousand times is not answered a thousand times", async () => {
  const bench = remoteBench();
  const { world, broker, device } = bench;
  const { remote } = await bench.attach(answering());
  const name = bench.remotes.list()[0]?.grant.name ?? "";
  const topic = fromServiceTopic(device, name);
  const fromService = listenIn(bench, topic);
  await world.runFor(10);
  remote.call(callOf(), new Ear());
  await world.runFor(100);
  const frame = fromService.find((payload) => payload[1] === DATA);
  const toService = listenIn(bench, toServiceTopic(device, name));
  await world.runFor(10);
  const stranger = broker.connect("stranger");
  for (let i = 0; i < 1000; i++) stranger.publish(topic, frame ?? new Uint8Array());
  await world.runFor(100);
  expect(toService.length).toBeGreaterThan(0);
  expect(toService.length).toBeLessThan(20);
});

test("of a flood a device opens so many frames a second; the service is back when it is over", async () => {
  const bench = remoteBench();
  const { world, broker } = bench;
  let opened = 0;
  const ports = bench.otherPorts("flooded");
  const counting = Object.create(crypto) as typeof crypto;
  counting.open = (...given) => {
    opened += 1;
    return crypto.open(...given);
  };
  const remotes = openRemoteServices({ ...ports, crypto: counting });
  ports.link.onMessage((message) => remotes.take(message));
  const party = bench.enrol("gift");
  await bench.host(answering(), party);
  const added = remotes.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  await world.runFor(100);
  const topic = fromServiceTopic(ports.deviceKeys.device, remotes.list()[0]?.grant.name ?? "");
  const junk = encodeFlowFrame({ is: "data", count: 5, box: new Uint8Array(4000) });
  const stranger = broker.connect("stranger");
  opened = 0;
  for (let i = 0; i < 20_000; i++) stranger.publish(topic, junk);
  await world.runFor(50);
  expect(opened).toBeGreaterThan(0);
  expect(opened).toBeLessThan(5000);
  await world.runFor(10_000);
  const ear = new Ear();
  added.value.call(callOf(), ear);
  await world.runFor(1000);
  expect(ear.kinds).toContain("respond");
});

test("a service serves one device more than it remembers, when those before went without a word", async () => {
  const bench = remoteBench();
  const { world } = bench;
  const party = bench.enrol("gift");
  const { host } = await bench.host(answering(), party);
  const meet = async (name: string): Promise<void> => {
    const ports = bench.otherPorts(name);
    const remotes = openRemoteServices(ports);
    ports.link.onMessage((message) => remotes.take(message));
    remotes.add(party.signed);
    await world.runFor(100);
    expect(host.devices()).toContain(ports.deviceKeys.device);
  };
  for (let i = 0; i <= 256; i++) {
    await meet(`gone ${i}`);
    bench.broker.cut(`gone ${i}`);
  }
  expect(host.devices()).toHaveLength(256);
});

test("a call that has failed while it waited for its service is forgotten with it", async () => {
  const bench = remoteBench();
  const party = bench.enrol("gift");
  const added = bench.remotes.add(party.signed);
  if (!added.ok) throw new Error(added.fault.message);
  const first = new Ear();
  added.value.call(callOf({ id: "first" }), first);
  await bench.world.runFor(100);
  for (let i = 0; i < 128; i++) added.value.call(callOf({ id: `call-${i}` }), new Ear());
  expect(first.kinds).toEqual(["failed"]);
  const service = answering();
  await bench.host(service, party);
  await bench.world.runFor(1000);
  expect(service.calls.length).toBeGreaterThan(0);
  expect(service.calls.map(({ id }) => id)).not.toContain("first");
});
