// The relay that counts a sale's bytes: packets come whole however the stream was cut, and none is lost.

import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openPacketTap, type PacketTap } from "../../../tools/bench/packet-tap.ts";

let server: Server | undefined;
let tap: PacketTap | undefined;
let client: Socket | undefined;
afterEach(async () => {
  client?.destroy();
  await tap?.close();
  server?.close();
});

/** MQTT 3.1.1, 3.3: QoS 1, so that a packet id stands between topic and payload. */
function publish(topic: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(topic.length);
  const body = Buffer.concat([head, Buffer.from(topic), Buffer.of(0, 1), payload]);
  return Buffer.concat([Buffer.of(0x32, (body.length & 0x7f) | 0x80, body.length >> 7), body]);
}

test("every byte of a connection is in exactly one packet, however the stream is cut", async () => {
  const answers = Buffer.concat([
    Buffer.of(0x20, 2, 0, 0),
    publish("s1/a/AAAAAAAAAAA", Buffer.alloc(200, 7)),
  ]);
  server = createServer((socket) => {
    socket.on("data", () => undefined);
    // A packet in two pieces, and two packets in one.
    socket.write(answers.subarray(0, 3));
    setTimeout(() => socket.write(answers.subarray(3)), 20);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  tap = await openPacketTap(`mqtt://127.0.0.1:${port}`);
  let received = 0;
  const all = new Promise<void>((resolve) => {
    client = connect(Number(new URL(tap?.url ?? "").port), "127.0.0.1");
    client.on("data", (chunk) => {
      received += chunk.length;
      if (received === answers.length) resolve();
    });
    client.write(Buffer.of(0xc0, 0, 0xe0, 0));
  });
  await all;
  const packets = tap.take();
  const fromBroker = packets.filter(({ from }) => from === "broker");
  expect(fromBroker.map(({ type, bytes }) => [type, bytes])).toEqual([
    ["CONNACK", 4],
    ["PUBLISH", answers.length - 4],
  ]);
  expect(fromBroker[1]).toMatchObject({ topic: "announcement", topicBytes: 16 });
  expect(fromBroker[1]?.payload).toEqual(new Uint8Array(200).fill(7));
  // What comes after the sale is not part of it.
  expect(packets.filter(({ from }) => from === "consumer").map(({ type }) => type)).toEqual([
    "PINGREQ",
  ]);
  expect(tap.take()).toEqual([]);
});
