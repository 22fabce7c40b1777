// Offers that are open: made on request, signed, kept in memory only, gone when they expire or are paid, and
// after a restart. They reserve nothing and cost no disk, so asking for many does no harm.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { fromHex, toHex } from "../bytes.ts";
import { AMOUNT_MINOR_MAX } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Offer, signOffer } from "../token/offer.ts";
import { thumbprint } from "../token/signed.ts";
import type { Catalogue, Service } from "./catalogue.ts";

const OPEN_MAX = 1000;
const OPEN_PER_CONSUMER_MAX = 8;
const OFFER_LIFE_MS = 120_000;

export interface OpenOffer {
  offer: Offer;
  signed: Uint8Array;
  consumer: string;
  /** As it was when the offer was made. */
  service: Service;
  expiresMs: number;
}

export interface Selection {
  service: number;
  price: number;
  units: number;
}

export interface Offers {
  make(consumer: string, selection: Selection): Result<OpenOffer>;
  /** Errors: `offer-unknown`, also for another consumer's; `offer-expired`. */
  find(id: string, consumer: string): Result<OpenOffer>;
  remove(id: string): void;
  count(): number;
}

export interface OffersPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  signer: Signer;
  catalogue: Catalogue;
}

export function openOffers(ports: OffersPorts): Offers {
  return new OffersInMemory(ports);
}

class OffersInMemory implements Offers {
  readonly #ports: OffersPorts;
  readonly #open = new Map<string, OpenOffer>();

  constructor(ports: OffersPorts) {
    this.#ports = ports;
  }

  make(consumer: string, selection: Selection): Result<OpenOffer> {
    const { clock, crypto, entropy, signer } = this.#ports;
    const priced = this.#price(selection);
    if (!priced.ok) return priced;
    const [service, terms] = priced.value;
    const consumerThumbprint = thumbprint(crypto, fromHex(consumer) ?? new Uint8Array());
    const offer = { id: toHex(entropy.bytes(8)), consumer: consumerThumbprint, ...terms };
    this.#makeRoom(consumer);
    const signed = signOffer(offer, signer);
    const expiresMs = clock.monotonicMs() + OFFER_LIFE_MS;
    const made = { offer, signed, consumer, service, expiresMs };
    this.#open.set(offer.id, made);
    return ok(made);
  }

  find(id: string, consumer: string): Result<OpenOffer> {
    const found = this.#open.get(id);
    if (found === undefined || found.consumer !== consumer) {
      return fail("offer-unknown", "there is no such offer of yours: select again", "offer");
    }
    // Monotonic time: a jump of the wall clock neither kills an offer nor keeps it alive.
    if (found.expiresMs <= this.#ports.clock.monotonicMs()) {
      return fail("offer-expired", "the offer has expired: select again", "offer");
    }
    return ok(found);
  }

  remove(id: string): void {
    this.#open.delete(id);
  }

  count(): number {
    return this.#open.size;
  }

  #makeRoom(consumer: string): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const mine: string[] = [];
    for (const [id, offer] of this.#open) {
      if (offer.expiresMs <= nowMs) this.#open.delete(id);
      else if (offer.consumer === consumer) mine.push(id);
    }
    const [myOldest] = mine;
    if (mine.length >= OPEN_PER_CONSUMER_MAX && myOldest !== undefined) this.#open.delete(myOldest);
    const [oldest] = this.#open.keys();
    if (this.#open.size >= OPEN_MAX && oldest !== undefined) this.#open.delete(oldest);
  }

  #price(selection: Selection): Result<[Service, Omit<Offer, "id" | "consumer">]> {
    const { clock, catalogue } = this.#ports;
    const service = catalogue.get(selection.service);
    if (service === undefined)
      return fail("service-unknown", "there is no such service", "service");
    const chosen = service.prices.find(({ id }) => id === selection.price);
    if (chosen === undefined)
      return fail("price-unknown", "the service has no such price", "price");
    const { units } = selection;
    if (units < 1 || units > service.unitsMax) {
      return fail("units-out-of-range", `from 1 to ${service.unitsMax} can be bought`, "units");
    }
    const totalMinor = units * chosen.amountMinor;
    if (totalMinor > AMOUNT_MINOR_MAX) {
      const most = Math.floor(AMOUNT_MINOR_MAX / chosen.amountMinor);
      return fail("units-out-of-range", `from 1 to ${most} can be bought`, "units");
    }
    const { unit, pulsesPerUnit } = catalogue.meter(service);
    const expiresS = Math.floor((clock.wallMs() + OFFER_LIFE_MS) / 1000);
    const terms = {
      ...selection,
      unit,
      priceMinor: chosen.amountMinor,
      currency: chosen.currency,
      ...pulsesPerUnit,
      lines: [{ kind: "units" as const, amountMinor: totalMinor }],
      totalMinor,
      undelivered: service.undelivered,
      expiresS,
    };
    return ok([service, terms]);
  }
}
