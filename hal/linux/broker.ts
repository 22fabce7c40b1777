// The embedded MQTT 3.1.1 broker (aedes, the only file that imports it): enough for one device and the
// machines around it. It keeps nothing over a restart, and nothing rests on it: what must last is repeated.

import { createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { HalError } from "../hal-error.ts";
import { MqttStream } from "./mqtt-stream.ts";

export interface BrokerOptions {
  /** Loopback unless stated. */
  host?: string;
  /** 0 takes any free port. */
  port: number;
}

export interface Broker {
  url: string;
  port: number;
  /** Breaks every connection. Idempotent. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 256;
const RETAINED_TOPICS_MAX = 1024;
const CLIENT_ID_CHARACTERS_MAX = 128;
const QUEUED_PACKETS_MAX = 256;
const CONNECT_MS_MAX = 10_000;
const DRAIN_MS_MAX = 10_000;

/** Rejects with HalError `refused` when the address is taken or not ours. */
export async function openBroker({ host = "127.0.0.1", port }: BrokerOptions): Promise<Broker> {
  const retained = new Set<string>();
  const aedes = await Aedes.createBroker({
    connectTimeout: CONNECT_MS_MAX,
    drainTimeout: DRAIN_MS_MAX,
    queueLimit: QUEUED_PACKETS_MAX,
    maxClientsIdLength: CLIENT_ID_CHARACTERS_MAX,
    authorizePublish: (_client, packet, done) => {
      if (packet.topic.startsWith("$")) return done(new Error("topics of the broker itself"));
      if (packet.retain) {
        if (packet.payload.length === 0) retained.delete(packet.topic);
        else retained.add(packet.topic);
        if (retained.size > RETAINED_TOPICS_MAX) {
          retained.delete(packet.topic);
          return done(new Error("too many retained topics"));
        }
      }
      done(null);
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    aedes.handle(new MqttStream(socket, "break"));
  });
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(resolve));
    throw listenError(error, host, port);
  }
  const address = server.address();
  const taken = typeof address === "object" && address !== null ? address.port : port;
  let closing: Promise<void> | undefined;
  return {
    url: `mqtt://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    port: taken,
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => aedes.close(resolve));
        for (const socket of sockets) socket.destroy();
      });
      return closing;
    },
  };
}

function listenError(error: unknown, host: string, port: number): HalError {
  const code = (error as { code?: unknown }).code;
  if (code === "EADDRINUSE") {
    return new HalError("refused", `port ${port} of ${host} is in use: choose another`, error);
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL") {
    return new HalError("refused", `the broker may not listen on ${host}:${port} (${code})`, error);
  }
  return new HalError("other", `the broker cannot listen on ${host}:${port}`, error);
}
