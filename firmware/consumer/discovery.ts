// Finding devices: listens to retained announcements. What chains to a known operator is verified at once; the
// rest is listed as unverified, with the operator's thumbprint, until init has asked the device for the key;
// where operators were given by hand there is no rest. Anybody may clear a topic, so that is only a hint.

import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { parseTopic } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Announcement, peekAnnouncement, verifyAnnouncement } from "../token/announcement.ts";
import { certificateOperator } from "../token/certificate.ts";
import type { Trust } from "./trust.ts";

/** Kept at once, unverified ones last: anybody may announce as many of those as he likes. */
const DEVICES_MAX = 256;
const LISTED_MAX = 8;

export interface Found {
  device: string;
  name: string;
  /** Thumbprint of the operator that the certificate names: 16 hexadecimal digits. */
  operator: string;
  /** What sorts of service it says that it sells. */
  types: readonly string[];
  /** Present when the announcement chains to a known operator key. */
  verified?: Announcement;
  signed: Uint8Array;
}

/** Which devices are looked for: those that fit all that is given. */
export interface DeviceFilter {
  name?: string;
  id?: string;
  /** The type of one of its services. */
  type?: string;
}

export function fits(found: Found, { name, id, type }: DeviceFilter): boolean {
  return (
    (name === undefined || found.name === name) &&
    (id === undefined || found.device === id) &&
    (type === undefined || found.types.includes(type))
  );
}

/** The only device of a list. Errors: `not-found`; `usage`, with the list, where there are several. */
export function onlyOne(all: readonly Found[]): Result<Found> {
  const [only] = all;
  if (only === undefined) return fail("not-found", "no such device announces itself");
  if (all.length === 1) return ok(only);
  const listed = all.slice(0, LISTED_MAX).map(({ name, device }) => `${name} (${device})`);
  const more = all.length > LISTED_MAX ? `, and ${all.length - LISTED_MAX} more` : "";
  return fail(
    "usage",
    `${all.length} devices fit; choose one by its id: ${listed.join(", ")}${more}`,
    "id",
  );
}

export interface DiscoveryListener {
  found(found: Found): void;
  gone(found: Found): void;
  /** What is looked for: when memory is short it goes before the rest. */
  filter: DeviceFilter;
}

export class Discovery {
  readonly #crypto: Crypto;
  readonly #trust: Trust;
  readonly #found = new Map<string, Found>();
  #heardOthers = false;
  #heardRevoked = false;
  readonly #listeners = new Set<DiscoveryListener>();

  constructor(crypto: Crypto, trust: Trust) {
    this.#crypto = crypto;
    this.#trust = trust;
  }

  onMessage(topic: string, payload: Uint8Array): void {
    const parsed = parseTopic(topic);
    if (parsed?.is !== "announcement") return;
    const { device } = parsed;
    const before = this.#found.get(device);
    if (payload.length === 0) {
      if (before !== undefined) this.#forget(before);
      return;
    }
    const isRepeated = before !== undefined && equalBytes(before.signed, payload);
    if (isRepeated && before.verified !== undefined) return;
    const found = this.read(device, payload);
    if (found === undefined) return;
    if (found.verified === undefined && this.#trust.strict) {
      this.#heardOthers = true;
      return;
    }
    if (found.verified !== undefined && this.#isRevoked(found.verified)) {
      this.#heardRevoked = true;
      if (before !== undefined) this.#forget(before);
      return;
    }
    // A forged announcement never displaces a verified one.
    if (found.verified === undefined && (isRepeated || before?.verified !== undefined)) return;
    if (before === undefined && !this.#makeRoom(found)) return;
    this.#found.set(device, found);
    for (const listener of [...this.#listeners]) listener.found(found);
  }

  #isRevoked({ verified, certificate }: Announcement): boolean {
    const key = this.#trust.operator(certificateOperator(certificate) ?? new Uint8Array());
    return key !== undefined && !this.#trust.notRevoked(verified, key).ok;
  }

  #forget(found: Found): void {
    this.#found.delete(found.device);
    for (const listener of [...this.#listeners]) listener.gone(found);
  }

  #isWanted(found: Found): boolean {
    return [...this.#listeners].some(({ filter }) => fits(found, filter));
  }

  /** At the cost of an unverified device, where the new one is verified, or looked for and that one not. */
  #makeRoom(found: Found): boolean {
    if (this.#found.size < DEVICES_MAX) return true;
    const isWanted = found.verified !== undefined || this.#isWanted(found);
    if (!isWanted) return false;
    for (const one of this.#found.values()) {
      if (one.verified !== undefined) continue;
      if (found.verified === undefined && this.#isWanted(one)) continue;
      this.#forget(one);
      return true;
    }
    return false;
  }

  /** An announcement by what we trust now; undefined for what is none, or is badly signed. */
  read(device: string, signed: Uint8Array): Found | undefined {
    const claimed = peekAnnouncement(signed);
    if (!claimed.ok) return undefined;
    const operator = certificateOperator(claimed.value.certificate);
    if (operator === undefined) return undefined;
    const { name, types = [] } = claimed.value;
    const found = { device, name, operator: toHex(operator), types, signed };
    const key = this.#trust.operator(operator);
    if (key === undefined) return found;
    const verified = verifyAnnouncement(signed, device, key, this.#crypto);
    return verified.ok ? { ...found, verified: verified.value } : undefined;
  }

  /** Whether devices were left out because none of the operators given by hand vouches for them. */
  get heardOthers(): boolean {
    return this.#heardOthers;
  }

  /** Whether devices were left out because their operator has revoked them. */
  get heardRevoked(): boolean {
    return this.#heardRevoked;
  }

  /** Ordered by name, then by device. */
  list(filter: DeviceFilter = {}): readonly Found[] {
    return [...this.#found.values()]
      .filter((found) => fits(found, filter))
      .sort((a, b) => compare(a.name, b.name) || compare(a.device, b.device));
  }

  /** Hears of every device that is new, changed or withdrawn from now on; returns what stops it. */
  listen(listener: DiscoveryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** By code point: the same order on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
