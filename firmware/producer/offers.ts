// Offers that are open: made on request, signed, kept in memory only, gone when they expire or are paid, and
// after a restart. They reserve nothing and cost no disk, so asking for many does no harm.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { fromHex, toHex } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Offer, type OfferTerms, signOffer, type Tariff } from "../token/offer.ts";
import { thumbprint } from "../token/signed.ts";
import { priceOfUnits } from "../units.ts";
import type { Catalogue, Price, Service } from "./catalogue.ts";
import { isWithin, nearestTo, rangeOf, rangeText, totalOf, unitPrice } from "./quantity.ts";

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
  /** Its service was removed, and what is not paid is not honoured. */
  withdrawn?: true;
}

export interface Selection {
  service: number;
  price: number;
  units: number;
}

export interface Offers {
  make(consumer: string, selection: Selection): Result<OpenOffer>;
  /** Errors: `offer-unknown`, also for another consumer's; `offer-expired`; `offer-withdrawn`. */
  find(id: string, consumer: string): Result<OpenOffer>;
  remove(id: string): void;
  /** Those of a service, for good; they answer so until they expire. */
  withdraw(service: number): void;
  count(): number;
}

export interface OffersPorts {
  clock: Clock;
  crypto: Crypto;
  entropy: Entropy;
  signer: Signer;
  catalogue: Catalogue;
  /** Units that can be supplied now, where a level limits them. */
  available(service: Service): number | undefined;
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
    if (found.withdrawn) {
      return fail("offer-withdrawn", "its service was removed: select another", "offer");
    }
    return ok(found);
  }

  remove(id: string): void {
    this.#open.delete(id);
  }

  withdraw(service: number): void {
    for (const [id, open] of this.#open) {
      if (open.service.id === service) this.#open.set(id, { ...open, withdrawn: true });
    }
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
    const able = this.#supplied(selection.units, service, chosen);
    if (!able.ok) return able;
    const expiresS = Math.floor((clock.wallMs() + OFFER_LIFE_MS) / 1000);
    const { unit, pulsesPerUnit } = catalogue.meter(service);
    const { service: serviceId, price: priceId, units } = selection;
    const terms = {
      service: serviceId,
      price: priceId,
      units,
      unit,
      priceMinor: chosen.amountMinor,
      currency: chosen.currency,
      ...pulsesPerUnit,
      lines: linesOf(units, chosen),
      totalMinor: totalOf(units, chosen),
      undelivered: service.undelivered,
      expiresS,
    };
    const tariff = tariffOf(chosen);
    return ok([service, tariff === undefined ? terms : { ...terms, tariff }]);
  }

  /** Errors: `units-out-of-range` with the nearest that can be supplied, `not-ready` where nothing can. */
  #supplied(units: number, service: Service, price: Price): Result<void> {
    const { available, catalogue } = this.#ports;
    const range = rangeOf(service, price, available(service));
    if (range === undefined) return fail("not-ready", "there is not enough left to sell", "units");
    if (isWithin(units, range)) return ok(undefined);
    const words = rangeText(range, catalogue.meter(service).unit);
    const nearest = nearestTo(units, range);
    const { currency } = price;
    const supply = { units: nearest, totalMinor: totalOf(nearest, price), currency };
    const { ok: _, fault } = fail("units-out-of-range", words, "units");
    return { ok: false, fault: { ...fault, supply } };
  }
}

function linesOf(units: number, price: Price): OfferTerms["lines"] {
  const fees = (price.fees ?? []).map(({ start, amountMinor }) => {
    return { kind: start ? ("start" as const) : ("fee" as const), amountMinor };
  });
  return [{ kind: "units", amountMinor: priceOfUnits(units, unitPrice(price)) }, ...fees];
}

/** Undefined for a price that is an amount per unit and nothing else: its offers stay as short as they were. */
function tariffOf({ taxBasisPoints, tiers = [], fees = [] }: Price): Tariff | undefined {
  const tariff: Tariff = {};
  if (taxBasisPoints !== undefined) tariff.taxBasisPoints = taxBasisPoints;
  if (tiers.length > 0) tariff.tiers = tiers;
  if (fees.length > 0) tariff.feeNames = fees.map(({ name }) => name);
  return Object.keys(tariff).length === 0 ? undefined : tariff;
}
