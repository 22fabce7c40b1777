// Link port on MQTT 3.1.1 by way of mqtt.js, the only file that imports it. Every connection is a fresh
// clean session: what must outlive it (subscriptions, the last retained value of each topic) is kept here
// and handed over again, so nothing depends on the memory of the library or of the broker.
// Retained messages and the will go at QoS 1, everything else at QoS 0, because the protocol above repeats.

import "./node-streams.ts";
import { MqttClient } from "mqtt";
import { after, type Clock, type Timer } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import type { Link, LinkMessage, LinkWill } from "../link.ts";
import { type Endpoint, parseEndpoint, refusal, streamOpener } from "./mqtt-endpoint.ts";
import { MqttStream } from "./mqtt-stream.ts";
import { openSystemClock } from "./system-clock.ts";
import { readTlsFiles, type TlsFiles } from "./tls-files.ts";

export interface MqttLinkOptions {
  /** mqtt://host[:1883], mqtts://host[:8883], ws://host[:80][/path] or wss://host[:443][/path]. */
  url: string;
  clientId: string;
  /** Published retained, so that who subscribes later knows as well. */
  will?: LinkWill;
  username?: string;
  password?: string;
  tls?: TlsFiles;
  /** How long a broker may take to accept us, and to grant what we subscribe. */
  answerTimeoutMs?: number;
  clock?: Clock;
  /**
   * For who has other things to do than to wait for a broker: the link opens though the broker cannot be reached, tells
   * so here once, and is made as soon as it can be.
   */
  onUnreachable?: (error: HalError) => void;
}

/** A lost packet of a connection that begins is sent again after 1, 3 and 7 s (RFC 6298). */
const ANSWER_TIMEOUT_MS = 10_000;
const KEEPALIVE_S = 20;
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 10_000;
const CLOSE_MS_MAX = 2_000;
/** Retained values kept for after a reconnect; a device has a handful. */
const RETAINED_TOPICS_MAX = 256;

/**
 * Resolves once the broker has accepted us (but see `onUnreachable`); from then on a lost connection is made again for ever, quietly.
 * Rejects with HalError `refused`, `timeout` or `corrupt`, saying which address or file and what to do. A broker
 * that has granted nothing yet is given as long for the first subscriptions, which reject with `timeout`.
 */
export async function openMqttLink(options: MqttLinkOptions): Promise<Link> {
  const link = new MqttLink(options, parseEndpoint(options.url));
  await link.open();
  return link;
}

interface Subscription {
  granted: boolean;
  resolve: (() => void)[];
  reject: ((error: HalError) => void)[];
  /** Ends the waiting of those who start. */
  limit?: Timer;
}

class MqttLink implements Link {
  readonly #options: MqttLinkOptions;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #answerTimeoutMs: number;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #retained = new Map<string, Uint8Array>();
  #client: MqttClient | undefined;
  #ready = false;
  /** The broker has granted something: from then on trouble is repaired, not reported. */
  #serves = false;
  #failures = 0;
  #retry: Timer | undefined;
  #closing: Promise<void> | undefined;
  #onMessage: (message: LinkMessage) => void = () => {};
  #onState: (connected: boolean) => void = () => {};

  constructor(options: MqttLinkOptions, endpoint: Endpoint) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#clock = options.clock ?? openSystemClock();
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  async open(): Promise<void> {
    const { onUnreachable, tls } = this.#options;
    if (onUnreachable === undefined) {
      await this.#connect();
      this.#ready = true;
      return;
    }
    // Files that are wrong do not become right by waiting.
    readTlsFiles(tls ?? {});
    this.#serves = true;
    try {
      await this.#connect();
      this.#ready = true;
    } catch (error) {
      if (!(error instanceof HalError) || this.#closing !== undefined) throw error;
      this.#client?.end(true);
      this.#client = undefined;
      onUnreachable(error);
      this.#scheduleReconnect();
    }
  }

  publish(topic: string, payload: Uint8Array, options?: { retain: boolean }): void {
    if (this.#closing !== undefined) return;
    const bytes = Buffer.from(payload);
    const retain = options?.retain ?? false;
    if (retain) this.#keep(topic, bytes);
    if (this.#ready) this.#hand(topic, bytes, retain);
  }

  subscribe(filter: string): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(this.#canceled());
    let subscription = this.#subscriptions.get(filter);
    if (subscription?.granted) return Promise.resolve();
    const asked = subscription !== undefined;
    subscription ??= { granted: false, resolve: [], reject: [] };
    this.#subscriptions.set(filter, subscription);
    const { resolve, reject } = subscription;
    const granted = new Promise<void>((yes, no) => {
      resolve.push(yes);
      reject.push(no);
    });
    if (this.#ready && !asked) {
      // When the connection breaks first, the filter is asked for again after the reconnect.
      this.#ask([filter]).catch(() => {});
    }
    if (!this.#serves) {
      subscription.limit ??= after(this.#clock, this.#answerTimeoutMs, () => this.#giveUp(filter));
    }
    return granted;
  }

  /** A filter of the first moments that nobody has answered: whoever starts is told. */
  #giveUp(filter: string): void {
    if (this.#serves) return;
    const waiting = this.#subscriptions.get(filter)?.reject ?? [];
    this.#subscriptions.delete(filter);
    const { shown } = this.#endpoint;
    const message = `the broker at ${shown} accepts connections and answers nothing: is it overloaded?`;
    for (const no of waiting) no(new HalError("timeout", message));
  }

  onMessage(listener: (message: LinkMessage) => void): void {
    this.#onMessage = listener;
  }

  onState(listener: (connected: boolean) => void): void {
    this.#onState = listener;
  }

  connected(): boolean {
    return this.#ready;
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #leave(): Promise<void> {
    this.#retry?.cancel();
    for (const { reject, limit } of this.#subscriptions.values()) {
      limit?.cancel();
      for (const no of reject) no(this.#canceled());
    }
    const client = this.#client;
    if (client === undefined) return;
    const orderly = this.#ready;
    this.#ready = false;
    await new Promise<void>((resolve) => {
      const breakOff = (): void => {
        client.stream.destroy();
        resolve();
      };
      const limit = after(this.#clock, orderly ? CLOSE_MS_MAX : 0, breakOff);
      client.end(!orderly, {}, () => {
        limit.cancel();
        resolve();
      });
    });
  }

  /** Resolves when CONNACK came; from then on this client's end leads to `#lost`. */
  async #connect(): Promise<void> {
    const { will, username, password } = this.#options;
    const openStream = await streamOpener(this.#endpoint);
    const identity = readTlsFiles(this.#options.tls ?? {});
    if (this.#closing !== undefined) throw this.#canceled();
    let failure: Error | undefined;
    const guarded = (): MqttStream => {
      const stream = new MqttStream(openStream(identity), "leave-out");
      // The library tells only of errors that have a code.
      stream.on("error", (error) => {
        failure ??= error;
      });
      return stream;
    };
    const client = new MqttClient(guarded, {
      protocolId: "MQTT",
      protocolVersion: 4,
      clientId: this.#options.clientId,
      clean: true,
      keepalive: KEEPALIVE_S,
      connectTimeout: this.#answerTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // Of every 16-bit number as bytes: 6 MiB.
      writeCache: false,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(will === undefined
        ? {}
        : {
            will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
          }),
    });
    this.#client = client;
    client.on("message", (topic, payload, { retain }) => {
      if (this.#closing !== undefined) return;
      try {
        this.#onMessage({ topic, payload: new Uint8Array(payload), retained: retain });
      } catch (error) {
        // A bug of the listener: the library would take it for a broken connection, and nobody would hear of it.
        queueMicrotask(() => {
          throw error;
        });
      }
    });
    await new Promise<void>((resolve, reject) => {
      let accepted = false;
      client.on("error", (error) => {
        failure ??= error;
        // A broker that refuses us may leave the connection open.
        if (!accepted) client.end(true);
      });
      client.once("connect", () => {
        accepted = true;
        resolve();
      });
      client.once("close", () => {
        if (accepted) this.#lost(client);
        else reject(refusal(this.#endpoint, failure));
      });
    });
  }

  #lost(client: MqttClient): void {
    if (client !== this.#client || this.#closing !== undefined) return;
    this.#client = undefined;
    const wasReady = this.#ready;
    this.#ready = false;
    for (const subscription of this.#subscriptions.values()) subscription.granted = false;
    this.#scheduleReconnect();
    if (wasReady) this.#onState(false);
  }

  #scheduleReconnect(): void {
    const limitMs = Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    // Half of the delay is drawn, so that a fleet does not come back in one wave.
    const delayMs = limitMs * (0.5 + 0.5 * Math.random());
    this.#retry = after(this.#clock, delayMs, () => {
      this.#retry = undefined;
      this.#reconnect().catch(() => {
        const client = this.#client;
        this.#client = undefined;
        client?.end(true);
        // A connection that broke after it was accepted has its next attempt already.
        if (this.#closing === undefined && this.#retry === undefined) this.#scheduleReconnect();
      });
    });
  }

  async #reconnect(): Promise<void> {
    await this.#connect();
    const client = this.#client;
    const filters = [...this.#subscriptions.keys()];
    if (filters.length > 0) await this.#ask(filters);
    if (this.#closing !== undefined || client !== this.#client) return;
    this.#ready = true;
    this.#failures = 0;
    const late = [...this.#subscriptions].filter(([, { granted }]) => !granted).map(([f]) => f);
    if (late.length > 0) this.#ask(late).catch(() => {});
    for (const [topic, payload] of this.#retained) this.#hand(topic, payload, true);
    this.#onState(true);
  }

  /**
   * Rejects when the connection broke before the answer, and breaks it when none comes. A filter that was refused
   * is forgotten.
   */
  async #ask(filters: string[]): Promise<void> {
    const client = this.#client;
    if (client === undefined) throw this.#canceled();
    const grants = await new Promise<readonly { topic: string; qos: number }[]>(
      (resolve, reject) => {
        const limit = after(this.#clock, this.#answerTimeoutMs, () => client.end(true));
        client.subscribe(filters, { qos: 0 }, (error, granted, packet) => {
          limit.cancel();
          const codes = (packet as { granted?: unknown } | undefined)?.granted;
          if (Array.isArray(codes)) {
            resolve(filters.map((topic, i) => ({ topic, qos: Number(codes[i] ?? 0x80) })));
          } else if (error === null) resolve(granted ?? []);
          else reject(error);
        });
      },
    );
    for (const { topic, qos } of grants) {
      const subscription = this.#subscriptions.get(topic);
      if (subscription === undefined) continue;
      subscription.granted = qos < 0x80;
      this.#serves ||= subscription.granted;
      subscription.limit?.cancel();
      if (qos >= 0x80) {
        this.#subscriptions.delete(topic);
        const error = new HalError(
          "refused",
          `${this.#endpoint.shown} refused to subscribe ${topic}`,
        );
        for (const no of subscription.reject) no(error);
      } else for (const yes of subscription.resolve) yes();
      subscription.resolve = [];
      subscription.reject = [];
    }
  }

  #keep(topic: string, payload: Uint8Array): void {
    this.#retained.delete(topic);
    this.#retained.set(topic, payload);
    const [oldest] = this.#retained.keys();
    if (this.#retained.size > RETAINED_TOPICS_MAX && oldest !== undefined) {
      this.#retained.delete(oldest);
    }
  }

  #hand(topic: string, payload: Uint8Array, retain: boolean): void {
    this.#client?.publish(topic, payload as Buffer, { qos: retain ? 1 : 0, retain }, () => {});
  }

  #canceled(): HalError {
    return new HalError("canceled", `the connection to ${this.#endpoint.shown} was closed`);
  }
}
