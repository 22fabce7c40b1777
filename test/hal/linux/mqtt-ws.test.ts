// MQTT over WebSocket: the Link contract on it, and its limits against bytes that mean harm.

import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { utf8 } from "../../../firmware/bytes.ts";
import { type Broker, openBroker } from "../../../hal/linux/broker.ts";
import { openMqttLink } from "../../../hal/linux/mqtt-link.ts";
import { PACKET_BYTES_MAX } from "../../../hal/linux/mqtt-stream.ts";
import { describeLink } from "../../contract/link.ts";
import { openTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

describeLink("the embedded broker over WebSocket", async () => {
  const broker = await openBroker({ port: 0, ws: 0 });
  const proxies = new Map<string, TcpProxy>();
  return {
    connect: async (clientId, will) => {
      const proxy = proxies.get(clientId) ?? (await openTcpProxy(webSocketPort(broker)));
      proxies.set(clientId, proxy);
      const url = `ws://127.0.0.1:${proxy.port}`;
      return openMqttLink({ url, clientId, ...(will === undefined ? {} : { will }) });
    },
    breakOff: (clientId) => proxies.get(clientId)?.breakOff(),
    restore: (clientId) => proxies.get(clientId)?.restore(),
    dispose: async () => {
      for (const proxy of proxies.values()) await proxy.close();
      await broker.close();
    },
  };
});

function webSocketPort({ webSocketUrl = "" }: Broker): number {
  return Number(new URL(webSocketUrl).port);
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What a broker of 200 ms sends to one that connects, after SUBACK. */
async function brokerThatSends(packets: readonly Buffer[]): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "mqtt" });
  cleanups.push(() => server.close());
  server.on("connection", (socket) => {
    cleanups.push(() => socket.terminate());
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      if (data[0] === 0x10) socket.send(Buffer.from([0x20, 2, 0, 0]));
      if (data[0] !== 0x82) return;
      socket.send(Buffer.from([0x90, 3, data[2] ?? 0, data[3] ?? 0, 0]));
      for (const packet of packets) socket.send(packet);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function publishPacket(bytes: number): Buffer {
  let left = 3 + bytes;
  const header = [0x30];
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    header.push(left > 0 ? digit | 0x80 : digit);
  } while (left > 0);
  return Buffer.concat([Buffer.from([...header, 0, 1]), Buffer.from("n"), Buffer.alloc(bytes, 97)]);
}

describe("MQTT over WebSocket", () => {
  test("I11: a message that is too large is left out, and the next one taken", async () => {
    const port = await brokerThatSends([publishPacket(PACKET_BYTES_MAX), publishPacket(3)]);
    const link = await openMqttLink({ url: `ws://127.0.0.1:${port}`, clientId: "a" });
    cleanups.push(() => link.close());
    const first = new Promise((resolve) => link.onMessage(({ payload }) => resolve(payload)));
    await link.subscribe("n");
    expect(await first).toEqual(utf8("aaa"));
  });

  test("I11: a frame beyond a mebibyte breaks the connection before it is gathered", async () => {
    const port = await brokerThatSends([publishPacket(1024 * 1024)]);
    const link = await openMqttLink({ url: `ws://127.0.0.1:${port}`, clientId: "a" });
    cleanups.push(() => link.close());
    const lost = new Promise((resolve) => link.onState(resolve));
    await link.subscribe("n");
    expect(await lost).toBe(false);
  });

  test("I11: the broker breaks a connection that announces a packet above the limit", async () => {
    const broker = await openBroker({ port: 0, ws: 0 });
    cleanups.push(() => broker.close());
    const socket = await upgraded(webSocketPort(broker), "mqtt");
    const head = publishPacket(PACKET_BYTES_MAX).subarray(0, 8);
    socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | head.length, 0, 0, 0, 0]), head]));
    expect(await isClosed(socket)).toBe(true);
  });

  test("I11: the broker survives what is no WebSocket or no MQTT, and goes on serving", async () => {
    const broker = await openBroker({ port: 0, ws: 0 });
    cleanups.push(() => broker.close());
    const port = webSocketPort(broker);
    for (const bytes of [randomBytes(200), Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(bytes);
      expect(await isClosed(socket)).toBe(true);
    }
    const foreign = await upgraded(port, "chat");
    expect(await isClosed(foreign)).toBe(true);
    const noise = await upgraded(port, "mqtt");
    noise.write(randomBytes(300));
    expect(await isClosed(noise)).toBe(true);
    const link = await openMqttLink({ url: `ws://127.0.0.1:${port}`, clientId: "a" });
    cleanups.push(() => link.close());
    await link.subscribe("n");
    expect(link.connected()).toBe(true);
  });
});

/** A socket after the handshake of RFC 6455, without a library. */
async function upgraded(port: number, protocol: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => undefined);
  const key = randomBytes(16).toString("base64");
  const lines = [
    "GET / HTTP/1.1",
    "host: a",
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${key}`,
    `sec-websocket-protocol: ${protocol}`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

function isClosed(socket: Socket): Promise<boolean> {
  socket.resume();
  return new Promise((resolve) => {
    if (socket.closed) resolve(true);
    socket.on("close", () => resolve(true));
    setTimeout(() => resolve(false), 4_000).unref();
  });
}
