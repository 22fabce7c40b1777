// The buying role, step by step: set up, discover, choose, init against a device; what follows is dealer.ts.
// A step out of order is a typed Fault: nothing is sent, nothing is changed.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Link } from "../../hal/link.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes, fromHex } from "../bytes.ts";
import type { Log } from "../log.ts";
import { ANNOUNCEMENTS, parseTopic } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Announcement, peekAnnouncement, verifyAnnouncement } from "../token/announcement.ts";
import { peekCertificate } from "../token/certificate.ts";
import { thumbprint } from "../token/signed.ts";
import { Connection } from "./connection.ts";
import { Dealer } from "./dealer.ts";
import { type DeviceFilter, Discovery, type Found, fits, onlyOne } from "./discovery.ts";
import { type ConsumerStep, type EventListener, Events } from "./events.ts";
import type { Allow } from "./paying.ts";
import { Purchases } from "./purchase.ts";
import { prunePurchases } from "./purchase-pruning.ts";
import { Spending } from "./spending.ts";
import { fingerprint, Trust } from "./trust.ts";

export interface ConsumerPorts {
  clock: Clock;
  store: Store;
  link: Link;
  crypto: Crypto;
  entropy: Entropy;
  /** Hears of an application that throws. */
  log?: Log;
}

export interface ConsumerSettings {
  /** The client id that the link was opened with (protocol/topics.ts, connectionName). */
  connection: string;
  boxSecret: Uint8Array;
  /** Operator keys that were given by hand. */
  operators: readonly Uint8Array[];
  /** Pin an unknown operator at first use: on loopback, or where the user asked for it. */
  trustNew: boolean;
  /** Whether the payment host is the simulated one, so that bench keys are good. */
  simulatedHost: boolean;
}

export interface DiscoverOptions {
  timeoutMs: number;
  /** Which devices; all when not given. */
  filter?: DeviceFilter;
  /** Ends the search early; every device found so far is in the result. */
  enough?: (found: Found) => boolean;
  /** Called for each device as it is found, and again when it announces something else. */
  onFound?: (found: Found) => void;
  /** Called for a device that announces itself no longer: it is not in the result. */
  onGone?: (found: Found) => void;
}

export class Consumer {
  readonly #ports: ConsumerPorts;
  readonly #settings: ConsumerSettings;
  readonly connection: Connection;
  readonly purchases: Purchases;
  readonly spending: Spending;
  readonly #events: Events;
  #trust: Trust | undefined;
  #discovery: Discovery | undefined;
  #listening: Promise<void> | undefined;
  #step: ConsumerStep | "new" = "new";
  #allow: Allow | undefined;
  #settingUp = false;
  /** Ends the searches that are under way. */
  readonly #searches = new Set<() => void>();

  constructor(ports: ConsumerPorts, settings: ConsumerSettings) {
    this.#ports = ports;
    this.#settings = settings;
    this.connection = new Connection(ports, settings.connection, settings.boxSecret);
    this.purchases = new Purchases(ports.store);
    this.spending = new Spending(ports.store, this.purchases);
    this.#events = new Events(ports.log);
  }

  /** The last step that was done; what is done with a device is told by its Dealer. */
  get step(): ConsumerStep | "new" {
    return this.#step;
  }

  /** What happens is told in its order, one event after the other. At any step; the last one set counts. */
  onEvent(listener: EventListener | undefined): void {
    this.#events.listen(listener);
  }

  /** Asked before each payment; it has a minute to allow it. At any step; the last one set counts. */
  onPay(allow: Allow | undefined): void {
    this.#allow = allow;
  }

  async #take<T>(step: ConsumerStep, work: () => Promise<Result<T>>): Promise<Result<T>> {
    const isOver = this.#step === "close";
    const done = isOver ? fail("out-of-order", `${step} comes before close`) : await work();
    if (!done.ok) this.#events.tell({ event: "fault", step, fault: done.fault });
    else if (this.#isOpen()) this.#step = step;
    return done;
  }

  #isOpen(): boolean {
    return this.#step !== "close";
  }

  /** Reads pins, prunes purchases, listens for replies. Errors: `out-of-order` the second time. Throws HalError. */
  setup(): Promise<Result<void>> {
    return this.#take("setup", async () => {
      if (this.#settingUp || this.#step !== "new") return fail("out-of-order", "setup comes once");
      this.#settingUp = true;
      try {
        await this.#setup();
      } finally {
        this.#settingUp = false;
      }
      return ok(undefined);
    });
  }

  async #setup(): Promise<void> {
    const { clock, crypto, link, store } = this.#ports;
    const trust = await Trust.open(this.#ports, this.#settings.operators);
    await prunePurchases(store, clock.wallQuality() === "unset" ? undefined : clock.wallMs());
    const discovery = new Discovery(crypto, trust);
    link.onMessage(({ topic, payload }) => {
      if (parseTopic(topic)?.is === "reply") this.connection.onPayload(payload);
      else discovery.onMessage(topic, payload);
    });
    await link.subscribe(this.connection.replies);
    this.#trust = trust;
    this.#discovery = discovery;
  }

  /**
   * Listens for announcements until the time is up, or there is enough. Ordered by name. Errors: `out-of-order`;
   * `out-of-range`; `untrusted` when all that announce themselves are of other operators than those given by
   * hand. Throws HalError.
   */
  discover(options: DiscoverOptions): Promise<Result<readonly Found[]>> {
    return this.#take("discover", async () => {
      const discovery = this.#discovery;
      if (discovery === undefined) return fail("out-of-order", "discover comes after setup");
      if (!(Number.isFinite(options.timeoutMs) && options.timeoutMs >= 0)) {
        return fail("out-of-range", "must be a number of milliseconds", "timeoutMs");
      }
      await this.#listen(discovery, options);
      const all = discovery.list(options.filter);
      if (discovery.list().length === 0 && discovery.heardRevoked) {
        return fail("revoked", "every device that announces itself was revoked by its operator");
      }
      if (discovery.list().length === 0 && discovery.heardOthers) {
        return fail(
          "untrusted",
          "no operator that you named vouches for any device here: check the key given with --operator",
          "operatorKey",
        );
      }
      return ok(all);
    });
  }

  async #listen(discovery: Discovery, options: DiscoverOptions): Promise<void> {
    const { clock, link } = this.#ports;
    const { timeoutMs, filter = {}, onFound, onGone, enough } = options;
    const events = this.#events;
    let stop: () => void = () => undefined;
    let timer: Timer | undefined;
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
      timer = after(clock, timeoutMs, resolve);
      const tell = (found: Found, gone: boolean): void => {
        if (!fits(found, filter)) return;
        const { device, name, types, verified } = found;
        const about = { device, name, types, verified: verified !== undefined };
        events.tell({ event: "discovery", ...about, gone });
        events.guard("discovery", () => (gone ? onGone : onFound)?.(found));
        if (!gone && events.guard("discovery", () => enough?.(found)) === true) resolve();
      };
      for (const found of discovery.list(filter)) tell(found, false);
      stop = discovery.listen({
        filter,
        found: (found) => tell(found, false),
        gone: (found) => tell(found, true),
      });
    });
    this.#searches.add(end);
    try {
      this.#listening ??= link.subscribe(ANNOUNCEMENTS);
      // A broker that does not grant it is one at which nothing is found.
      await Promise.race([over, this.#listening.then(() => over)]);
    } catch (error) {
      this.#listening = undefined;
      throw error;
    } finally {
      this.#searches.delete(end);
      timer?.cancel();
      stop();
    }
  }

  /**
   * The only device that fits, of those that announce themselves now. Errors: `out-of-order`, `not-found`, and
   * `usage` where several fit, with the list of them.
   */
  choose(filter: DeviceFilter = {}): Promise<Result<Found>> {
    return this.#take("choose", async () => {
      const discovery = this.#discovery;
      if (discovery === undefined || this.#listening === undefined) {
        return fail("out-of-order", "choose comes after discover");
      }
      return onlyOne(discovery.list(filter));
    });
  }

  /**
   * Settles whether we deal with a device, asking it for its operator's key at first use, and gives what the
   * further steps are done with. Errors: `out-of-order`, `untrusted`, `key-changed`, `revoked`, `bench-key`.
   */
  init(found: Found): Promise<Result<Dealer>> {
    return this.#take("init", async () => {
      const trust = this.#trust;
      if (trust === undefined || this.#listening === undefined) {
        return fail("out-of-order", "init comes after discover");
      }
      return this.#init(found, trust);
    });
  }

  async #init(found: Found, trust: Trust): Promise<Result<Dealer>> {
    const { crypto } = this.#ports;
    const key = trust.operator(fromHex(found.operator) ?? new Uint8Array());
    const operatorKey = key === undefined ? await this.#firstUse(found, trust) : ok(key);
    if (!operatorKey.ok) return operatorKey;
    const verified = verifyAnnouncement(found.signed, found.device, operatorKey.value, crypto);
    if (!verified.ok) return verified;
    const checked = trust.check(found.device, verified.value.name, operatorKey.value);
    if (!checked.ok) return checked;
    await trust.refresh();
    const standing = trust.notRevoked(verified.value.verified, operatorKey.value);
    if (!standing.ok) return standing;
    if (verified.value.verified.bench && !this.#settings.simulatedHost) {
      return fail("bench-key", "this device has bench keys: it sells only for simulated money");
    }
    if (!trust.strict) await this.#pin(trust, verified.value, operatorKey.value);
    return ok(this.#deal(verified.value, operatorKey.value, trust));
  }

  async #pin(trust: Trust, announced: Announcement, operatorKey: Uint8Array): Promise<void> {
    const { device } = announced.verified;
    const { name } = announced;
    if (!trust.pinned(device)) await trust.pin({ device, name, operatorKey });
  }

  #deal(announced: Announcement, operatorKey: Uint8Array, trust: Trust): Dealer {
    const { boxSecret } = this.#settings;
    const { clock, crypto, entropy } = this.#ports;
    const { connection, purchases, spending } = this;
    const ports = {
      ...{ clock, crypto, entropy, connection, purchases, spending, boxSecret },
      allow: () => this.#allow,
      events: this.#events,
      mayBuy: () => trust.vouched(announced.verified, operatorKey),
      isOpen: () => this.#isOpen(),
    };
    return new Dealer(ports, announced, operatorKey);
  }

  /** Asks an unknown device for its operator's key: believed only where first use is allowed to pin. */
  async #firstUse(found: Found, trust: Trust): Promise<Result<Uint8Array>> {
    const { crypto } = this.#ports;
    const claimed = peekAnnouncement(found.signed);
    if (!claimed.ok) return claimed;
    const certificate = peekCertificate(claimed.value.certificate, crypto);
    if (!certificate.ok) return certificate;
    const { boxKey, device } = certificate.value;
    if (device !== found.device) {
      return fail("wrong-device", "the announcement stands under another device's topic", "device");
    }
    const { epoch } = claimed.value;
    const peer = { device: found.device, boxKey, epoch, onPush: () => undefined };
    const reply = await this.connection.request(peer, { is: "get-identity" });
    if (!reply.ok) return reply;
    if (reply.value.is !== "identity")
      return fail("malformed", "the device does not say who it is");
    const { operatorKey } = reply.value;
    if (!equalBytes(thumbprint(crypto, operatorKey), fromHex(found.operator) ?? new Uint8Array())) {
      return fail(
        "untrusted",
        "the device names an operator key that its certificate does not",
        "operatorKey",
      );
    }
    const known = trust.check(found.device, found.name, operatorKey);
    if (!known.ok) return known;
    if (trust.strict || !this.#settings.trustNew) {
      const print = fingerprint(operatorKey, crypto);
      return fail(
        "untrusted",
        `unknown operator ${print}: give its key with --operator, or --trust-new to pin it`,
        "operatorKey",
      );
    }
    // A list that is none is as good as no list: the device gains nothing by it.
    if (reply.value.revocations !== undefined) {
      await trust.learn(reply.value.revocations, operatorKey);
    }
    return ok(operatorKey);
  }

  /** Lets go of requests that wait; the link is the caller's to close. Idempotent; no step comes after it. */
  close(): void {
    this.#step = "close";
    this.connection.close();
    for (const end of [...this.#searches]) end();
  }
}
