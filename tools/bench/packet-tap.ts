// A TCP relay in front of a broker that keeps what passes, cut into MQTT packets: every byte of payload of the
// connection, both ways, is in exactly one of them.

import { connect, createServer, type Socket } from "node:net";
import { parseTopic, type Topic } from "../../firmware/protocol/topics.ts";

/** MQTT 3.1.1, table 2.1. */
const TYPES = [
  "?",
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "?",
] as const;

export interface Packet {
  from: "consumer" | "broker";
  type: (typeof TYPES)[number];
  /** On the wire, headers and topic included. */
  bytes: number;
  /** Of a PUBLISH: its topic in words, and what it carries. */
  topic?: Topic["is"] | "other";
  topicBytes: number;
  payload?: Uint8Array;
}

export interface PacketTap {
  url: string;
  /** What passed since the last call, in order of time; DISCONNECT is left out, it comes after the sale. */
  take(): Packet[];
  close(): Promise<void>;
}

export async function openPacketTap(brokerUrl: string): Promise<PacketTap> {
  const { hostname, port } = new URL(brokerUrl);
  const sockets = new Set<Socket>();
  let packets: Packet[] = [];
  const relay = createServer((client) => {
    const server = connect(Number(port), hostname);
    const sides = [
      [client, server, "consumer"],
      [server, client, "broker"],
    ] as const;
    for (const [socket, other, from] of sides) {
      const cut = packetCutter((packet) => packets.push(readPacket(from, packet)));
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("data", (chunk) => {
        cut(chunk);
        other.write(chunk);
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  const tapPort = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `mqtt://127.0.0.1:${tapPort}`,
    take: () => {
      const taken = packets.filter(({ type }) => type !== "DISCONNECT");
      packets = [];
      return taken;
    },
    close: () =>
      new Promise((resolve) => {
        relay.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Cuts a stream into packets by their fixed headers (MQTT 3.1.1, 2.2). */
function packetCutter(each: (packet: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer = Buffer.alloc(0);
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (let length = packetBytes(waiting); length > 0; length = packetBytes(waiting)) {
      each(waiting.subarray(0, length));
      waiting = waiting.subarray(length);
    }
  };
}

/** Length of the packet at the start; 0 while it is not whole. */
function packetBytes(bytes: Buffer): number {
  const end = headerEnd(bytes);
  if (end === 0) return 0;
  let rest = 0;
  for (let i = end - 1; i >= 1; i--) rest = rest * 128 + ((bytes[i] ?? 0) & 0x7f);
  return bytes.length >= end + rest ? end + rest : 0;
}

function headerEnd(bytes: Buffer): number {
  for (let i = 1; i < Math.min(bytes.length, 5); i++) if ((bytes[i] ?? 0) < 0x80) return i + 1;
  return 0;
}

function readPacket(from: Packet["from"], bytes: Buffer): Packet {
  const first = bytes[0] ?? 0;
  const type = TYPES[first >> 4] ?? "?";
  if (type !== "PUBLISH") return { from, type, bytes: bytes.length, topicBytes: 0 };
  const start = headerEnd(bytes);
  const topicBytes = bytes.readUInt16BE(start);
  const topicEnd = start + 2 + topicBytes;
  // Behind the topic stands a packet id, except at QoS 0.
  const body = topicEnd + ((first & 0x06) === 0 ? 0 : 2);
  const topic = parseTopic(bytes.toString("utf8", start + 2, topicEnd))?.is ?? "other";
  const payload = new Uint8Array(bytes.subarray(body));
  return { from, type, bytes: bytes.length, topic, topicBytes, payload };
}
