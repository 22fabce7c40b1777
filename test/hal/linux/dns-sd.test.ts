// DNS-SD on loopback, on a port of its own: what is told, found and taken back, and packets that mean harm.

import { createSocket, type Socket } from "node:dgram";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import {
  type Advertised,
  advertise,
  brokersIn,
  findBrokers,
  type Network,
  onLink,
} from "../../../hal/linux/dns-sd.ts";

const GROUP = "224.0.0.251";
const LOOPBACK = { address: "127.0.0.1", cidr: "127.0.0.1/8" };
const SERVICE = "_sluice._tcp.local";
const WAIT = { timeoutMs: 400, settleMs: 100 };
const DEVICE: Advertised = { name: "Pump 1", id: "1uVXC5CVtR0", host: "0.0.0.0", port: 1884 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function network(): Promise<Network> {
  const { socket, port } = await bound(0);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return { interfaces: () => [LOOPBACK], port };
}

async function bound(port: number, reuseAddr = true): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket({ type: "udp4", reuseAddr });
  await new Promise<void>((resolve) => socket.bind(port, "0.0.0.0", resolve));
  return { socket, port: socket.address().port };
}

function tell(service: Partial<Advertised>, on: Network): { close(): Promise<void> } {
  const told = advertise({ ...DEVICE, ...service }, on);
  cleanups.push(() => told.close());
  return told;
}

/** Sends what a stranger on the network sends, to all who listen there. */
async function stranger(port: number): Promise<(packet: Uint8Array) => Promise<void>> {
  const socket = createSocket("udp4");
  cleanups.push(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, "0.0.0.0", resolve));
  socket.setMulticastInterface(LOOPBACK.address);
  return (packet) => new Promise((resolve) => socket.send(packet, port, GROUP, () => resolve()));
}

describe("DNS-SD", () => {
  test("a device that tells of its broker is found, and is not once it has stopped", async () => {
    const on = await network();
    const told = tell({}, on);
    const { name, id, port } = DEVICE;
    expect(await findBrokers(WAIT, on)).toEqual([{ name, id, port, host: "127.0.0.1" }]);
    await told.close();
    expect(await findBrokers(WAIT, on)).toEqual([]);
  });

  test("the goodbye comes with a time to live of nothing", async () => {
    const on = await network();
    const told = tell({}, on);
    await findBrokers(WAIT, on);
    const { socket } = await bound(on.port);
    cleanups.push(() => socket.close());
    socket.addMembership(GROUP, LOOPBACK.address);
    const heard: Buffer[] = [];
    const goodbye = new Promise<void>((resolve) => {
      socket.on("message", (packet) => {
        heard.push(packet);
        if (ttlOfFirstAnswer(packet) === 0) resolve();
      });
    });
    await told.close();
    await goodbye;
    expect(heard.length).toBeGreaterThan(0);
  });

  test("all who tell of themselves are found, up to a bound", async () => {
    const on = await network();
    for (let i = 0; i < 3; i++) tell({ id: `device_000${i}`, port: 2000 + i, name: `P${i}` }, on);
    const found = await findBrokers({ timeoutMs: 400, settleMs: 300 }, on);
    expect(found.map(({ port }) => port).sort()).toEqual([2000, 2001, 2002]);
  });

  test("is told on the address that the broker is bound to only", async () => {
    const on = await network();
    tell({ host: "192.0.2.1" }, on);
    expect(await findBrokers(WAIT, on)).toEqual([]);
    tell({ host: "127.0.0.1" }, on);
    expect(await findBrokers(WAIT, on)).toHaveLength(1);
  });

  test("names of every kind are shown plain and fit into a label", async () => {
    for (const [name, shown] of [
      ["v1.2", "v1-2"],
      ["\u{1b}[31mred\u{202e}", "[31mred"],
      ["ß".repeat(16), "ß".repeat(16)],
      ["x".repeat(80), "x".repeat(49)],
    ] as const) {
      const on = await network();
      const told = tell({ name }, on);
      expect((await findBrokers(WAIT, on))[0]?.name).toBe(shown);
      await told.close();
    }
  });

  test("a machine without a network, or whose port is taken, tells and finds nothing", async () => {
    const nowhere = { interfaces: () => [], port: 5353 };
    expect(await findBrokers({ timeoutMs: 60_000, settleMs: 1 }, nowhere)).toEqual([]);
    await advertise(DEVICE, nowhere).close();
    const { socket, port } = await bound(0, false);
    cleanups.push(() => socket.close());
    const taken = { interfaces: () => [LOOPBACK], port };
    const told = advertise(DEVICE, taken);
    expect(await findBrokers({ timeoutMs: 100, settleMs: 1 }, taken)).toEqual([]);
    await told.close();
  });
});

describe("DNS-SD among people who mean harm", () => {
  test("I11: packets that are none, or half of one, change nothing", async () => {
    const on = await network();
    tell({}, on);
    const { socket } = await bound(on.port);
    socket.addMembership(GROUP, LOOPBACK.address);
    const heard = new Promise<Buffer>((resolve) => socket.once("message", resolve));
    cleanups.push(() => socket.close());
    const [real] = await Promise.all([heard, findBrokers(WAIT, on)]);
    const send = await stranger(on.port);
    const bytes = fc.sample(fc.uint8Array({ maxLength: 600 }), { numRuns: 150, seed: 7 });
    const changes = fc.tuple(fc.nat(real.length - 1), fc.nat(255), fc.nat(real.length));
    for (const [at, value, length] of fc.sample(changes, { numRuns: 300, seed: 8 })) {
      const changed = new Uint8Array(real);
      changed[at] = value;
      bytes.push(changed, changed.subarray(0, length));
    }
    const searching = findBrokers({ timeoutMs: 2_000, settleMs: 500 }, on);
    for (const packet of bytes) await send(packet);
    const found = await searching;
    expect(found).toContainEqual({ name: "Pump 1", id: DEVICE.id, host: "127.0.0.1", port: 1884 });
    expect(found.length).toBeLessThanOrEqual(32);
  });

  const near = onLink("10.1.2.3/24");
  const { id } = DEVICE;
  const answer = (instance: string, host = "10.1.2.9", txt = ["v=1", `id=${id}`]) => ({
    answers: [{ type: "PTR" as const, name: SERVICE, ttl: 120, data: instance }],
    additionals: [
      { type: "SRV" as const, name: instance, data: { port: 1883, target: "h.local" } },
      { type: "TXT" as const, name: instance, data: txt.map((text) => Buffer.from(text)) },
      { type: "A" as const, name: "h.local", data: host },
    ],
  });

  test("I11: an address beyond the network is not taken, the sender's is", () => {
    const instance = `x.${SERVICE}`;
    const host = (of: string) => brokersIn(answer(instance, of), "10.1.2.7", near)[0]?.host;
    expect(host("10.1.2.9")).toBe("10.1.2.9");
    expect(host("203.0.113.5")).toBe("10.1.2.7");
    expect(host("localhost")).toBe("10.1.2.7");
    expect([near("10.1.2.255"), near("10.1.3.1"), near("x"), near("::1")]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test("I11: what is of another version, without an id, or without a port is left out", () => {
    const instance = `x.${SERVICE}`;
    const count = (txt: string[]) => brokersIn(answer(instance, "10.1.2.9", txt), "10.1.2.7", near);
    expect(count(["v=1", `id=${id}`])).toHaveLength(1);
    expect(count(["v=2", `id=${id}`])).toEqual([]);
    expect(count(["v=1"])).toEqual([]);
    expect(count(["v=1", "id=../../../../etc"])).toEqual([]);
    const packet = answer(instance);
    expect(brokersIn({ answers: packet.answers, additionals: [] }, "10.1.2.7", near)).toEqual([]);
  });

  test("I11: a packet of a thousand claims gives a few", () => {
    const all = Array.from({ length: 1000 }, (_, i) => answer(`${i}.${SERVICE}`));
    const packet = {
      answers: all.flatMap(({ answers }) => answers),
      additionals: all.flatMap(({ additionals }) => additionals),
    };
    expect(brokersIn(packet, "10.1.2.7", near).length).toBeLessThan(64);
    const mixed = {
      answers: all.slice(0, 60).flatMap((one) => [...one.answers, ...one.additionals]),
    };
    expect(brokersIn({ ...mixed, additionals: [] }, "10.1.2.7", near)).toHaveLength(16);
  });
});

/** RFC 1035, 4.1: behind the header and the one name that a response of ours begins with. */
function ttlOfFirstAnswer(packet: Buffer): number | undefined {
  if (packet.readUInt16BE(6) === 0 || packet.readUInt16BE(4) !== 0) return undefined;
  let at = 12;
  while (packet[at] !== 0) at += 1 + (packet[at] ?? 0);
  return packet.readUInt32BE(at + 5);
}
