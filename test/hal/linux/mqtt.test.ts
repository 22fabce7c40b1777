// What the MQTT link and the embedded broker promise beyond the port: few bytes, bounded packets, and
// refusals that say which address and what to do.

import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { utf8 } from "../../../firmware/bytes.ts";
import type { Link } from "../../../hal/link.ts";
import { openBroker } from "../../../hal/linux/broker.ts";
import { openMqttLink } from "../../../hal/linux/mqtt-link.ts";
import { PACKET_BYTES_MAX, packetGuard } from "../../../hal/linux/mqtt-stream.ts";
import { broker, cleanups, closeAll, received, server } from "../../support/mqtt-ends.ts";
import { openTcpProxy } from "../../support/tcp-proxy.ts";

afterEach(closeAll);

async function link(url: string, clientId: string): Promise<Link> {
  const opened = await openMqttLink({ url, clientId });
  cleanups.push(() => opened.close());
  return opened;
}

/** A PUBLISH packet at QoS 0 with this many bytes of payload. */
function publishPacket(topic: string, bytes: number): Buffer {
  let left = 2 + topic.length + bytes;
  const header = [0x30];
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    header.push(left > 0 ? digit | 0x80 : digit);
  } while (left > 0);
  return Buffer.concat([
    Buffer.from([...header, topic.length >> 8, topic.length & 0xff]),
    Buffer.from(topic),
    Buffer.alloc(bytes, 0x61),
  ]);
}

describe("the guard in front of the MQTT parser", () => {
  const [none, some, ping] = [
    publishPacket("a", 0),
    publishPacket("b", 200),
    Buffer.from([0xc0, 0]),
  ];
  const large = publishPacket("big", PACKET_BYTES_MAX);
  const stream = Buffer.concat([none, large, some, large, large, ping, none]);
  const kept = Buffer.concat([none, some, ping, none]);

  test("leaves out whole packets above the limit, however the bytes are split", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
        const guard = packetGuard("leave-out");
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const parts = edges.slice(1).flatMap((end, i) => guard(stream.subarray(edges[i], end)));
        expect(Buffer.concat(parts).equals(kept)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("leaves out the same when the bytes come one by one", () => {
    const guard = packetGuard("leave-out");
    const parts: Buffer[] = [];
    for (let i = 0; i < stream.length; i++) parts.push(...guard(stream.subarray(i, i + 1)));
    expect(Buffer.concat(parts).equals(kept)).toBe(true);
  });

  test("breaks on the header already when told so, and on a length that is none", () => {
    expect(() => packetGuard("break")(large.subarray(0, 4))).toThrow(/at most 65536/);
    const endless = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]);
    expect(() => packetGuard("leave-out")(endless)).toThrow(/malformed/);
  });
});

describe("MQTT link", () => {
  test("says which address refused it and what to do", async () => {
    const { port, close } = await openBroker({ port: 0 });
    await close();
    const opening = openMqttLink({ url: `mqtt://user:secret@127.0.0.1:${port}`, clientId: "a" });
    await expect(opening).rejects.toMatchObject({ name: "HalError", kind: "refused" });
    await expect(opening).rejects.toThrow(
      new RegExp(`^no connection to a broker at mqtt://127\\.0\\.0\\.1:${port} \\(.*--broker$`),
    );
  });

  test("gives up on a server that accepts and says nothing", async () => {
    const port = await server((socket) => {
      socket.on("error", () => {});
    });
    const url = `mqtt://127.0.0.1:${port}`;
    const opening = openMqttLink({ url, clientId: "a", answerTimeoutMs: 200 });
    await expect(opening).rejects.toMatchObject({ kind: "timeout" });
  });

  test("refuses an address that is none", async () => {
    for (const url of ["", "localhost:1883", "http://localhost", "mqtt://", "mqtt://a:99999"]) {
      await expect(openMqttLink({ url, clientId: "a" })).rejects.toMatchObject({ kind: "refused" });
    }
  });

  test("I11: leaves out a message that is too large, and takes the next one", async () => {
    const big = publishPacket("n", PACKET_BYTES_MAX);
    const port = await server((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        if (bytes[0] === 0x10) socket.write(Buffer.from([0x20, 2, 0, 0]));
        if (bytes[0] === 0x82) {
          const suback = Buffer.from([0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, 0]);
          socket.write(Buffer.concat([suback, big, publishPacket("n", 3)]));
        }
      });
    });
    const a = await link(`mqtt://127.0.0.1:${port}`, "a");
    const first = received(a, "n");
    await a.subscribe("n");
    expect(await first).toEqual(utf8("aaa"));
  });

  test("puts nothing on the wire beyond what MQTT 3.1.1 needs", async () => {
    const { port } = await broker();
    const proxy = await openTcpProxy(port);
    cleanups.push(() => proxy.close());
    const a = await link(`mqtt://127.0.0.1:${proxy.port}`, "abcd");
    // CONNECT: 2 + 10 + 2 + 4; CONNACK: 4.
    expect(proxy.bytes()).toEqual({ toServer: 18, toClient: 4 });
    await a.subscribe("ab/#");
    // SUBSCRIBE: 2 + 2 + 2 + 4 + 1; SUBACK: 5.
    expect(proxy.bytes()).toEqual({ toServer: 29, toClient: 9 });
    const echo = received(a, "ab/c");
    a.publish("ab/c", utf8("12345"));
    await echo;
    // PUBLISH at QoS 0, both ways: 2 + 2 + 4 + 5.
    expect(proxy.bytes()).toEqual({ toServer: 42, toClient: 22 });
    await a.close();
    // DISCONNECT: 2.
    expect(proxy.bytes()).toEqual({ toServer: 44, toClient: 22 });
  });
});

describe("embedded broker", () => {
  test("says that a port is in use", async () => {
    const { port } = await broker();
    const opening = openBroker({ port });
    await expect(opening).rejects.toMatchObject({ name: "HalError", kind: "refused" });
    await expect(opening).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`);
  });

  test("listens on loopback and says where", async () => {
    const opened = await broker();
    expect(opened.url).toBe(`mqtt://127.0.0.1:${opened.port}`);
    expect(opened.port).toBeGreaterThan(0);
  });

  test("I11: breaks a connection that announces a packet above the limit", async () => {
    const { port } = await broker();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(publishPacket("n", PACKET_BYTES_MAX).subarray(0, 8));
    const closed = await new Promise<string>((resolve) => {
      socket.on("close", () => resolve("closed"));
      setTimeout(() => resolve("still open"), 2_000).unref();
    });
    expect(closed).toBe("closed");
  });

  test("survives bytes that are no MQTT, and goes on serving", async () => {
    const { port, url } = await broker();
    for (const bytes of [
      Buffer.alloc(64, 0xff),
      Buffer.alloc(64),
      Buffer.from("GET / HTTP/1.1\n\n"),
    ]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.end(bytes);
      await new Promise((resolve) => socket.on("close", resolve));
    }
    const a = await link(url, "a");
    const echo = received(a, "n");
    await a.subscribe("n");
    a.publish("n", utf8("x"));
    expect(await echo).toEqual(utf8("x"));
  });

  /** What the broker gives whoever subscribes now, as topic=bytes: in the order of coming, up to our own. */
  async function retained(url: string): Promise<string[]> {
    const own = "s1/a/last_of_all";
    const last = await link(url, "last");
    last.publish(own, utf8("x"), { retain: true });
    await flushed(last, "flushed/last");
    const reader = await link(url, "reader");
    const kept: string[] = [];
    const all = new Promise<void>((resolve) => {
      reader.onMessage(({ topic, payload }) => {
        if (topic === own) resolve();
        else kept.push(`${topic}=${payload.length}`);
      });
    });
    await reader.subscribe("#");
    await all;
    return kept.sort();
  }

  const announcement = (n: number) => `s1/a/${String(n).padStart(11, "x")}`;

  /** Resolves when all that it published before has come to the broker. */
  async function flushed(of: Link, topic: string): Promise<void> {
    const echo = received(of, topic);
    await of.subscribe(topic);
    of.publish(topic, utf8("x"));
    await echo;
  }

  test("I11: retains announcements only, delivers the rest, and breaks no connection for it", async () => {
    const { url } = await broker();
    const a = await link(url, "a");
    const states: boolean[] = [];
    a.onState((connected) => states.push(connected));
    const listener = await link(url, "b");
    const seen: string[] = [];
    listener.onMessage(({ topic }) => seen.push(topic));
    await listener.subscribe("#");
    const kept = { retain: true };
    const topics = [
      "x/1",
      "s1/a/short",
      `${announcement(1)}x`,
      "s1/a/abcdef/ghij",
      "s1/r/xxxxxxxxxxx",
    ];
    for (const topic of topics) a.publish(topic, utf8("x"), kept);
    a.publish(announcement(2), new Uint8Array(1025), kept);
    a.publish(announcement(3), new Uint8Array(1024), kept);
    await flushed(a, "flushed/a");
    expect(await retained(url)).toEqual([`${announcement(3)}=1024`]);
    expect(seen).toEqual(expect.arrayContaining([...topics, announcement(2), announcement(3)]));
    expect(states).toEqual([]);
  });

  test("I11: retains a few topics of one client, and replaces and clears them", async () => {
    const { url } = await broker();
    const a = await link(url, "a");
    for (let i = 0; i < 100; i++) a.publish(announcement(i), utf8("x"), { retain: true });
    for (let i = 0; i < 4; i++) a.publish(announcement(i), utf8("xy"), { retain: true });
    a.publish(announcement(0), new Uint8Array(0), { retain: true });
    a.publish(announcement(50), utf8("x"), { retain: true });
    await flushed(a, "flushed/a");
    expect(await retained(url)).toEqual([
      `${announcement(50)}=1`,
      ...[1, 2, 3].map((i) => `${announcement(i)}=2`),
    ]);
  });

  test("I11: has room for a device after others have come, retained and gone a thousand times", async () => {
    const { url } = await broker();
    const device = await link(url, "device");
    device.publish(announcement(9_000), utf8("device"), { retain: true });
    await flushed(device, "flushed/device");
    for (let i = 0; i < 260; i++) {
      const a = await openMqttLink({ url, clientId: `flood-${i}` });
      for (let n = 0; n < 4; n++) a.publish(announcement(4 * i + n), utf8("x"), { retain: true });
      await a.close();
    }
    const late = await link(url, "late");
    late.publish(announcement(9_001), utf8("late"), { retain: true });
    await flushed(late, "flushed/late");
    const kept = await retained(url);
    expect(kept).toHaveLength(1023);
    expect(kept).toEqual(
      expect.arrayContaining([`${announcement(9_000)}=6`, `${announcement(9_001)}=4`]),
    );
  });
});
