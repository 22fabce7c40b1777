// The buying role, step by step: set up, discover, choose, init against a device; what follows is dealer.ts.
// A step out of order is a typed Fault.

import { after, type Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Link } from "../../hal/link.ts";
import type { Store } from "../../hal/store.ts";
import { equalBytes, fromHex } from "../bytes.ts";
import { ANNOUNCEMENTS, parseTopic } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Announcement, peekAnnouncement, verifyAnnouncement } from "../token/announcement.ts";
import { peekCertificate } from "../token/certificate.ts";
import { thumbprint } from "../token/signed.ts";
import { Connection } from "./connection.ts";
import { Dealer } from "./dealer.ts";
import { Discovery, type Found } from "./discovery.ts";
import { Purchases } from "./purchase.ts";
import { fingerprint, Trust } from "./trust.ts";

export interface ConsumerPorts {
  clock: Clock;
  store: Store;
  link: Link;
  crypto: Crypto;
  entropy: Entropy;
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
  /** Ends the search early; every device found so far is in the result. */
  enough?: (found: Found) => boolean;
  /** Called for each device as it is found. */
  onFound?: (found: Found) => void;
}

export class Consumer {
  readonly #ports: ConsumerPorts;
  readonly #settings: ConsumerSettings;
  readonly connection: Connection;
  readonly purchases: Purchases;
  #trust: Trust | undefined;
  #discovery: Discovery | undefined;
  #listening = false;

  constructor(ports: ConsumerPorts, settings: ConsumerSettings) {
    this.#ports = ports;
    this.#settings = settings;
    this.connection = new Connection(ports, settings.connection, settings.boxSecret);
    this.purchases = new Purchases(ports.store);
  }

  /** Reads pins, listens for replies. Errors: `out-of-order` the second time. Throws HalError. */
  async setup(): Promise<Result<void>> {
    if (this.#trust !== undefined) return fail("out-of-order", "setup comes once");
    const { store, crypto, link } = this.#ports;
    this.#trust = await Trust.open(store, crypto, this.#settings.operators);
    this.#discovery = new Discovery(crypto, this.#trust);
    link.onMessage(({ topic, payload }) => {
      if (parseTopic(topic)?.is === "reply") this.connection.onPayload(payload);
      else this.#discovery?.onMessage(topic, payload);
    });
    await link.subscribe(this.connection.replies);
    return ok(undefined);
  }

  /**
   * Listens for announcements until the time is up, or there is enough. Ordered by name. Errors: `out-of-order`;
   * `untrusted` when all that announce themselves are of other operators than those given by hand.
   */
  async discover(options: DiscoverOptions): Promise<Result<readonly Found[]>> {
    const discovery = this.#discovery;
    if (discovery === undefined) return fail("out-of-order", "discover comes after setup");
    if (!this.#listening) await this.#ports.link.subscribe(ANNOUNCEMENTS);
    this.#listening = true;
    for (const found of discovery.list()) options.onFound?.(found);
    if (!discovery.list().some((found) => options.enough?.(found) === true)) {
      await this.#listen(discovery, options);
    }
    const all = discovery.list();
    if (all.length === 0 && discovery.heardOthers) {
      return fail(
        "untrusted",
        "no operator that you named vouches for any device here: check the key given with --operator",
        "operatorKey",
      );
    }
    return ok(all);
  }

  #listen(discovery: Discovery, options: DiscoverOptions): Promise<void> {
    return new Promise((resolve) => {
      const timer = after(this.#ports.clock, options.timeoutMs, () => finish());
      const stop = discovery.onFound((found) => {
        options.onFound?.(found);
        if (options.enough?.(found) === true) finish();
      });
      const finish = (): void => {
        timer.cancel();
        stop();
        resolve();
      };
    });
  }

  /**
   * Settles whether we deal with a device, asking it for its operator's key at first use, and gives what the
   * further steps are done with. Errors: `out-of-order`, `untrusted`, `key-changed`, `expired`, `bench-key`.
   */
  async init(found: Found): Promise<Result<Dealer>> {
    const trust = this.#trust;
    if (trust === undefined) return fail("out-of-order", "init comes after setup");
    const { crypto, clock } = this.#ports;
    const key = trust.operator(fromHex(found.operator) ?? new Uint8Array());
    const operatorKey = key === undefined ? await this.#firstUse(found, trust) : ok(key);
    if (!operatorKey.ok) return operatorKey;
    const verified = verifyAnnouncement(found.signed, found.device, operatorKey.value, crypto);
    if (!verified.ok) return verified;
    const checked = trust.check(found.device, verified.value.name, operatorKey.value);
    if (!checked.ok) return checked;
    const { expiresS, bench } = verified.value.verified;
    // A consumer without a clock cannot judge expiry; the device's operator can, by revoking.
    if (clock.wallQuality() !== "unset" && expiresS * 1000 <= clock.wallMs()) {
      return fail("expired", "the device's certificate has expired: its operator must renew it");
    }
    if (bench && !this.#settings.simulatedHost) {
      return fail("bench-key", "this device has bench keys: it sells only for simulated money");
    }
    if (!trust.strict) await this.#pin(trust, verified.value, operatorKey.value);
    return ok(this.#deal(verified.value, operatorKey.value));
  }

  async #pin(trust: Trust, announced: Announcement, operatorKey: Uint8Array): Promise<void> {
    const { device } = announced.verified;
    const { name } = announced;
    if (!trust.pinned(device)) await trust.pin({ device, name, operatorKey });
  }

  #deal(announced: Announcement, operatorKey: Uint8Array): Dealer {
    const { boxSecret } = this.#settings;
    const { clock, crypto, entropy } = this.#ports;
    const connection = this.connection;
    const purchases = this.purchases;
    const ports = { clock, crypto, entropy, connection, purchases, boxSecret };
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
    return ok(operatorKey);
  }

  /** Lets go of requests that wait; the link is the caller's to close. */
  close(): void {
    this.connection.close();
  }
}
