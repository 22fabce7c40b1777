// Link port over a simulated MQTT broker and a simulated network: filters, retained messages and wills as
// the real ones have them, and on top loss, doubling, delay and reordering drawn by seeded chance, partitions
// and power cuts on demand. All time comes from the clock port, all chance from `random`.

import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Link, LinkMessage, LinkWill } from "../link.ts";
import { topicMatches, validFilter } from "./topic-filter.ts";

export interface SimNetwork {
  /** Delay of every delivery, an integer drawn between the two. */
  delayMs: readonly [number, number];
  /** Chances out of 1,000, drawn for every delivery. What the broker kept is not lost on subscribing. */
  lossPerMille: number;
  duplicationPerMille: number;
  /** A reordered message takes up to `reorderMs` longer, and others may overtake it. */
  reorderingPerMille: number;
  reorderMs: number;
}

export interface SimBrokerOptions {
  clock: Clock;
  /** `below(n)` is an integer from 0 up to and without n. Needed as soon as the network has any chance in it. */
  random?: { below(n: number): number };
  network?: Partial<SimNetwork>;
  /** Called before the broker has taken a message, and after; a test may cut a client off in it. */
  onPublish?: (phase: "before" | "after", message: SimPublish) => void;
}

export interface SimPublish {
  clientId: string;
  topic: string;
  payload: Uint8Array;
  retain: boolean;
}

export interface SimBroker {
  /** A client that is online already breaks off, as MQTT has it. */
  connect(clientId: string, will?: LinkWill): Link;
  /** The client's network goes: its will is published, it is told, what is sent to it is lost. */
  disconnect(clientId: string): void;
  /** The network is back: subscriptions and retained messages are handed over again, then it is told. */
  reconnect(clientId: string): void;
  /** The client's power goes: its will is published, and its handle never says or does anything again. */
  cut(clientId: string): void;
  setNetwork(network: Partial<SimNetwork>): void;
  /** A broker of bad faith: called for every message that it takes, gives those that it passes on instead. */
  setTamper(tamper: ((message: SimPublish) => readonly SimPublish[]) | undefined): void;
  /** The retained message of a topic. */
  retained(topic: string): Uint8Array | undefined;
  /** It dies, for everybody and without a will, and forgets what it retained; up again, everybody whose network is there is back. */
  setUp(up: boolean): void;
  /** Called for every message that it takes, wills among them, before anybody is handed it. */
  onTaken(listener: ((message: SimPublish) => void) | undefined): void;
}

const QUIET: SimNetwork = {
  delayMs: [0, 0],
  lossPerMille: 0,
  duplicationPerMille: 0,
  reorderingPerMille: 0,
  reorderMs: 50,
};

export function simBroker(options: SimBrokerOptions): SimBroker {
  const broker = new Broker(options);
  return {
    connect: (clientId, will) => broker.connect(clientId, will),
    disconnect: (clientId) => broker.client(clientId).setNetwork(false),
    reconnect: (clientId) => broker.client(clientId).setNetwork(true),
    cut: (clientId) => broker.client(clientId).die(),
    setNetwork: (network) => {
      broker.network = { ...broker.network, ...network };
    },
    setTamper: (tamper) => {
      broker.tamper = tamper;
    },
    retained: (topic) => broker.retained.get(topic),
    setUp: (up) => broker.setUp(up),
    onTaken: (listener) => {
      broker.onTaken = listener;
    },
  };
}

class Broker {
  readonly options: SimBrokerOptions;
  readonly retained = new Map<string, Uint8Array>();
  network: SimNetwork;
  tamper: ((message: SimPublish) => readonly SimPublish[]) | undefined;
  onTaken: ((message: SimPublish) => void) | undefined;
  isUp = true;
  readonly #clients = new Map<string, SimClient>();

  constructor(options: SimBrokerOptions) {
    this.options = options;
    this.network = { ...QUIET, ...options.network };
  }

  connect(clientId: string, will: LinkWill | undefined): Link {
    this.#clients.get(clientId)?.setNetwork(false);
    const client = new SimClient(this, clientId, will);
    this.#clients.set(clientId, client);
    return client;
  }

  client(clientId: string): SimClient {
    const client = this.#clients.get(clientId);
    if (client === undefined) throw new Error(`assertion failed: no client ${clientId}`);
    return client;
  }

  setUp(up: boolean): void {
    if (this.isUp === up) return;
    this.isUp = up;
    if (!up) this.retained.clear();
    for (const client of this.#clients.values()) client.brokerIs(up);
  }

  accept(message: SimPublish): void {
    this.onTaken?.(message);
    for (const passed of this.tamper?.(message) ?? [message]) this.#pass(passed);
  }

  #pass({ topic, payload, retain }: SimPublish): void {
    if (retain && payload.length === 0) this.retained.delete(topic);
    else if (retain) this.retained.set(topic, payload);
    for (const client of this.#clients.values()) {
      if (client.wants(topic)) this.#transmit(client, { topic, payload, retained: false });
    }
  }

  sendRetained(client: SimClient, filter: string): void {
    for (const [topic, payload] of this.retained) {
      if (topicMatches(filter, topic))
        client.queue({ topic, payload, retained: true }, this.drawDelayMs());
    }
  }

  drawDelayMs(): number {
    const [least, most] = this.network.delayMs;
    return most > least ? least + this.#below(most - least + 1) : least;
  }

  #transmit(client: SimClient, message: LinkMessage): void {
    const { lossPerMille, duplicationPerMille, reorderingPerMille, reorderMs } = this.network;
    if (this.#chance(lossPerMille)) return;
    const copies = this.#chance(duplicationPerMille) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = this.drawDelayMs();
      if (this.#chance(reorderingPerMille)) {
        client.straggle(message, delayMs + 1 + this.#below(reorderMs));
      } else client.queue(message, delayMs);
    }
  }

  #chance(perMille: number): boolean {
    return perMille > 0 && this.#below(1000) < perMille;
  }

  #below(n: number): number {
    const { random } = this.options;
    if (random === undefined) throw new Error("assertion failed: this network needs `random`");
    return random.below(n);
  }
}

class SimClient implements Link {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #id: string;
  readonly #will: LinkWill | undefined;
  readonly #filters = new Set<string>();
  readonly #retained = new Map<string, Uint8Array>();
  #waiting: { filter: string; resolve: () => void; reject: (error: HalError) => void }[] = [];
  #arriving: { message: LinkMessage; atMs: number }[] = [];
  /** Counts connections: what was under way in an earlier one never arrives. */
  #connection = 1;
  #network = true;
  #online: boolean;
  #over: "closed" | "dead" | undefined;
  #onMessage: (message: LinkMessage) => void = () => {};
  #onState: (connected: boolean) => void = () => {};

  constructor(broker: Broker, id: string, will: LinkWill | undefined) {
    this.#broker = broker;
    this.#clock = broker.options.clock;
    this.#id = id;
    this.#will = will && { topic: will.topic, payload: will.payload.slice() };
    this.#online = broker.isUp;
  }

  publish(topic: string, payload: Uint8Array, options?: { retain: boolean }): void {
    if (this.#over !== undefined) return;
    const retain = options?.retain ?? false;
    const copy = payload.slice();
    if (retain) this.#retained.set(topic, copy);
    if (this.#online) this.#hand({ clientId: this.#id, topic, payload: copy, retain });
  }

  subscribe(filter: string): Promise<void> {
    if (this.#over === "dead") return new Promise(() => {});
    if (this.#over === "closed") return Promise.reject(this.#canceled());
    if (!validFilter(filter)) {
      return Promise.reject(new HalError("refused", `the broker refused to subscribe ${filter}`));
    }
    if (this.#filters.has(filter)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ filter, resolve, reject });
      if (this.#online) this.#grantAfterDelay();
    });
  }

  onMessage(listener: (message: LinkMessage) => void): void {
    this.#onMessage = listener;
  }

  onState(listener: (connected: boolean) => void): void {
    this.#onState = listener;
  }

  connected(): boolean {
    return this.#online && this.#over === undefined;
  }

  async close(): Promise<void> {
    if (this.#over === "dead") return new Promise(() => {});
    if (this.#over === undefined) {
      this.#over = "closed";
      this.#online = false;
      this.#connection++;
      for (const { reject } of this.#waiting.splice(0)) reject(this.#canceled());
    }
  }

  wants(topic: string): boolean {
    if (!this.#online) return false;
    for (const filter of this.#filters) if (topicMatches(filter, topic)) return true;
    return false;
  }

  setNetwork(network: boolean): void {
    this.#network = network;
    this.#setOnline(network && this.#broker.isUp);
  }

  brokerIs(up: boolean): void {
    this.#setOnline(up && this.#network);
  }

  #setOnline(online: boolean): void {
    if (this.#over !== undefined || this.#online === online) return;
    this.#online = online;
    this.#connection++;
    if (online) {
      for (const filter of this.#filters) this.#broker.sendRetained(this, filter);
      this.#grant();
      for (const [topic, payload] of this.#retained) {
        this.#hand({ clientId: this.#id, topic, payload, retain: true });
      }
    } else {
      this.#arriving = [];
      if (this.#broker.isUp) this.#publishWill();
    }
    if (this.connected() === online) this.#onState(online);
  }

  die(): void {
    const wasOnline = this.connected();
    this.#over = "dead";
    this.#online = false;
    this.#connection++;
    this.#waiting = [];
    if (wasOnline) this.#publishWill();
  }

  /** In the order of sending, as a TCP connection delivers. */
  queue(message: LinkMessage, delayMs: number): void {
    const lastMs = this.#arriving.at(-1)?.atMs ?? 0;
    const atMs = Math.max(lastMs, this.#clock.monotonicMs() + delayMs);
    this.#arriving.push({ message, atMs });
    this.#whileConnected(atMs, () => {
      const next = this.#arriving.shift();
      if (next !== undefined) this.#deliver(next.message);
    });
  }

  straggle(message: LinkMessage, delayMs: number): void {
    this.#whileConnected(this.#clock.monotonicMs() + delayMs, () => this.#deliver(message));
  }

  #deliver(message: LinkMessage): void {
    this.#onMessage({ ...message, payload: message.payload.slice() });
  }

  #hand(message: SimPublish): void {
    const { onPublish } = this.#broker.options;
    const connection = this.#connection;
    onPublish?.("before", message);
    if (this.#connection !== connection) return;
    this.#broker.accept(message);
    onPublish?.("after", message);
  }

  #publishWill(): void {
    if (this.#will === undefined) return;
    this.#broker.accept({ clientId: this.#id, ...this.#will, retain: true });
  }

  #grantAfterDelay(): void {
    const atMs = this.#clock.monotonicMs() + this.#broker.drawDelayMs();
    this.#whileConnected(atMs, () => this.#grant());
  }

  #grant(): void {
    for (const { filter, resolve } of this.#waiting.splice(0)) {
      if (!this.#filters.has(filter)) this.#broker.sendRetained(this, filter);
      this.#filters.add(filter);
      resolve();
    }
  }

  #whileConnected(atMs: number, work: () => void): void {
    const connection = this.#connection;
    this.#clock.at(atMs, () => {
      if (this.#connection === connection) work();
    });
  }

  #canceled(): HalError {
    return new HalError("canceled", `the simulated link of ${this.#id} was closed`);
  }
}
