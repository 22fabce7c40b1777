// The embedded MQTT 3.1.1 broker (aedes, the only file that imports it): enough for one device and the
// machines around it. It keeps nothing over a restart, and nothing rests on it: what must last is repeated.

import { createServer, type Socket } from "node:net";
import { Aedes, type Client, type PublishPacket } from "aedes";
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
/** Announcements are all that the protocol retains: `s1/a/` and the device's name, signed objects of at most this. */
const RETAINED_TOPIC = /^s1\/a\/[A-Za-z0-9_-]{11}$/;
const RETAINED_BYTES_MAX = 1024;
const RETAINED_OF_CLIENT_MAX = 4;
/** So many as all connected clients together may have: there is room for each, whatever the others do. */
const RETAINED_TOPICS_MAX = CONNECTIONS_MAX * RETAINED_OF_CLIENT_MAX;
const CLIENT_ID_CHARACTERS_MAX = 128;
const QUEUED_PACKETS_MAX = 256;
const CONNECT_MS_MAX = 10_000;
const DRAIN_MS_MAX = 10_000;

/** Rejects with HalError `refused` when the address is taken or not ours. */
export async function openBroker({ host = "127.0.0.1", port }: BrokerOptions): Promise<Broker> {
  const retained = new RetainedTopics();
  const aedes = await Aedes.createBroker({
    connectTimeout: CONNECT_MS_MAX,
    drainTimeout: DRAIN_MS_MAX,
    queueLimit: QUEUED_PACKETS_MAX,
    maxClientsIdLength: CLIENT_ID_CHARACTERS_MAX,
    // Wills pass here as well.
    authorizePublish: (client, packet, done) => {
      if (packet.topic.startsWith("$")) return done(new Error("topics of the broker itself"));
      if (!packet.retain) return done(null);
      const { keep, forget } = retained.put(packet.topic, packet.payload.length, client);
      packet.retain = keep;
      if (forget === undefined) return done(null);
      aedes.publish(withdrawal(forget), () => done(null));
    },
  });
  aedes.on("clientDisconnect", (client) => retained.left(client));
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

/** Which topics are retained, and which client retained them; none for those of clients that have gone. */
class RetainedTopics {
  readonly #owners = new Map<string, Client | undefined>();

  /** Whether the message may be retained, and which older one has to go for it. */
  put(
    topic: string,
    bytes: number,
    client: Client | null,
  ): { keep: boolean; forget?: string | undefined } {
    if (bytes === 0) {
      this.#owners.delete(topic);
      return { keep: true };
    }
    if (!RETAINED_TOPIC.test(topic) || bytes > RETAINED_BYTES_MAX) return { keep: false };
    const owner = client === null || client.closed ? undefined : client;
    const has = [...this.#owners].filter(([of, by]) => of !== topic && by === owner).length;
    const isFull = owner !== undefined && has >= RETAINED_OF_CLIENT_MAX;
    if (this.#owners.has(topic)) {
      if (!isFull) this.#owners.set(topic, owner);
      return { keep: true };
    }
    if (isFull) return { keep: false };
    let forget: string | undefined;
    if (this.#owners.size >= RETAINED_TOPICS_MAX) {
      forget = [...this.#owners].find(([, by]) => by === undefined)?.[0];
      if (forget === undefined) return { keep: false };
      this.#owners.delete(forget);
    }
    this.#owners.set(topic, owner);
    return { keep: true, forget };
  }

  left(client: Client): void {
    for (const [topic, by] of this.#owners) {
      if (by === client) this.#owners.set(topic, undefined);
    }
  }
}

function withdrawal(topic: string): PublishPacket {
  const payload = Buffer.alloc(0);
  return { cmd: "publish", topic, payload, qos: 0, dup: false, retain: true };
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
