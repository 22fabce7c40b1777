// Finding devices: listens to retained announcements. What chains to a known operator is verified at once; the
// rest is listed as unverified, with the operator's thumbprint, until init has asked the device for the key;
// where operators were given by hand there is no rest. Anybody may clear a topic, so that is only a hint.

import type { Crypto } from "../../hal/crypto.ts";
import { toHex } from "../bytes.ts";
import { parseTopic } from "../protocol/topics.ts";
import { type Announcement, peekAnnouncement, verifyAnnouncement } from "../token/announcement.ts";
import { certificateOperator } from "../token/certificate.ts";
import type { Trust } from "./trust.ts";

const DEVICES_MAX = 256;

export interface Found {
  device: string;
  name: string;
  /** Thumbprint of the operator that the certificate names: 16 hexadecimal digits. */
  operator: string;
  /** Present when the announcement chains to a known operator key. */
  verified?: Announcement;
  signed: Uint8Array;
}

export class Discovery {
  readonly #crypto: Crypto;
  readonly #trust: Trust;
  readonly #found = new Map<string, Found>();
  #heardOthers = false;
  readonly #listeners = new Set<(found: Found) => void>();

  constructor(crypto: Crypto, trust: Trust) {
    this.#crypto = crypto;
    this.#trust = trust;
  }

  onMessage(topic: string, payload: Uint8Array): void {
    const parsed = parseTopic(topic);
    if (parsed?.is !== "announcement") return;
    const { device } = parsed;
    if (payload.length === 0) {
      this.#found.delete(device);
      return;
    }
    const found = this.read(device, payload);
    if (found === undefined) return;
    if (found.verified === undefined && this.#trust.strict) {
      this.#heardOthers = true;
      return;
    }
    // A forged announcement never displaces a verified one.
    const before = this.#found.get(device);
    if (before?.verified !== undefined && found.verified === undefined) return;
    if (before === undefined && !this.#hasRoom(found)) return;
    this.#found.set(device, found);
    for (const listener of this.#listeners) listener(found);
  }

  /** Makes room for a verified device at the cost of an unverified one: forgeries are as many as anybody likes. */
  #hasRoom(found: Found): boolean {
    if (this.#found.size < DEVICES_MAX) return true;
    if (found.verified === undefined) return false;
    for (const { device, verified } of this.#found.values()) {
      if (verified === undefined) return this.#found.delete(device);
    }
    return false;
  }

  /** An announcement by what we trust now; undefined for what is none, or is badly signed. */
  read(device: string, signed: Uint8Array): Found | undefined {
    const claimed = peekAnnouncement(signed);
    if (!claimed.ok) return undefined;
    const operator = certificateOperator(claimed.value.certificate);
    if (operator === undefined) return undefined;
    const found = { device, name: claimed.value.name, operator: toHex(operator), signed };
    const key = this.#trust.operator(operator);
    if (key === undefined) return found;
    const verified = verifyAnnouncement(signed, device, key, this.#crypto);
    return verified.ok ? { ...found, verified: verified.value } : undefined;
  }

  /** Whether devices were left out because none of the operators given by hand vouches for them. */
  get heardOthers(): boolean {
    return this.#heardOthers;
  }

  /** Ordered by name, then by device. */
  list(): readonly Found[] {
    return [...this.#found.values()].sort(
      (a, b) => compare(a.name, b.name) || compare(a.device, b.device),
    );
  }

  /** Called for every announcement from now on; returns what stops it. */
  onFound(listener: (found: Found) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** By code point: the same order on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
