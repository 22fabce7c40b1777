// The embedded MQTT 3.1.1 broker (aedes, the only file that imports it): enough for one device and the
// machines around it. It keeps nothing over a restart, and nothing rests on it: what must last is repeated.

import { createServer } from "node:net";
import type { Duplex } from "node:stream";
import "./node-streams.ts";
import { Aedes, type Client, type PublishPacket } from "aedes";
import { HalError } from "../hal-error.ts";
import { MqttStream } from "./mqtt-stream.ts";
import type { WebSocketListener } from "./websocket.ts";

export interface BrokerOptions {
  /** Loopback unless stated. */
  host?: string;
  /** 0 takes any free port. */
  port: number;
  /** Port of a second listener, for MQTT over WebSocket; 0 takes any free one. */
  ws?: number;
}

export interface BrokerMessage {
  topic: string;
  payload: Uint8Array;
  retain: boolean;
}

export interface Broker {
  /** For programs on this machine. */
  url: string;
  /** The same over WebSocket, where that is spoken. */
  webSocketUrl?: string;
  /** Address that it is bound to: 0.0.0.0 or :: is every network. */
  host: string;
  port: number;
  /** Whether other machines reach it. */
  isOpen: boolean;
  /** Serves MQTT on a stream that came in another way. */
  serve(stream: Duplex): void;
  /** Hands a message to whoever wants it, as the broker's own. */
  publish(message: BrokerMessage): void;
  /** Called for every message of a client. One listener; the last one set counts. */
  onPublish(listener: (clientId: string, message: BrokerMessage) => void): void;
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
/** RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3. */
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;
const CONNECT_MS_MAX = 10_000;
const DRAIN_MS_MAX = 10_000;

/** Rejects with HalError `refused` when an address is taken or not ours. */
export async function openBroker({ host = "127.0.0.1", port, ws }: BrokerOptions): Promise<Broker> {
  const aedes = await openAedes();
  const streams = new Set<Duplex>();
  let clientPublished: Parameters<Broker["onPublish"]>[0] | undefined;
  aedes.on("publish", ({ topic, payload, retain }, client) => {
    if (client === null || clientPublished === undefined) return;
    clientPublished(client.id, { topic, payload: bytesOf(payload), retain });
  });
  const serve = (stream: Duplex): void => {
    if (streams.size >= CONNECTIONS_MAX) {
      stream.destroy();
      return;
    }
    const guarded = new MqttStream(stream, "break");
    streams.add(guarded);
    guarded.on("close", () => streams.delete(guarded));
    aedes.handle(guarded);
  };
  const server = createServer(serve);
  server.maxConnections = CONNECTIONS_MAX;
  const closeAll = async (): Promise<void> => {
    for (const stream of streams) stream.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(resolve));
  };
  let webSocket: WebSocketListener | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    if (ws !== undefined) {
      // Loaded when called for: most brokers never need it.
      const { listenWebSocket } = await import("./websocket.ts");
      webSocket = await listenWebSocket({ host, port: ws, connectionsMax: CONNECTIONS_MAX }, serve);
    }
  } catch (error) {
    const failed = server.listening && ws !== undefined ? ws : port;
    await closeAll();
    throw listenError(error, host, failed);
  }
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address : { address: host, port };
  const here = hereOf(bound.address);
  let closing: Promise<void> | undefined;
  return {
    url: `mqtt://${here}:${bound.port}`,
    ...(webSocket !== undefined && { webSocketUrl: `ws://${here}:${webSocket.port}` }),
    host: bound.address,
    port: bound.port,
    isOpen: !LOOPBACK.test(bound.address),
    serve,
    publish: (message) => aedes.publish(ownPacket(message), () => undefined),
    onPublish: (listener) => {
      clientPublished = listener;
    },
    close: () => {
      closing ??= Promise.all([webSocket?.close(), closeAll()]).then(() => undefined);
      return closing;
    },
  };
}

async function openAedes(): Promise<Aedes> {
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
  return aedes;
}

/** How programs on this machine reach what is bound to that address. */
function hereOf(bound: string): string {
  if (bound === "0.0.0.0") return "127.0.0.1";
  if (bound === "::") return "[::1]";
  return bound.includes(":") ? `[${bound}]` : bound;
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
  return ownPacket({ topic, payload: new Uint8Array(), retain: true });
}

function ownPacket({ topic, payload, retain }: BrokerMessage): PublishPacket {
  return { cmd: "publish", topic, payload: Buffer.from(payload), qos: 0, dup: false, retain };
}

function bytesOf(payload: string | Buffer): Uint8Array {
  return Uint8Array.from(Buffer.from(payload as Buffer));
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
