// The cheapest way to meet a standing need now: of all devices, services and prices that fit it, the one whose
// signed offer costs least. The offer's own total is what counts, with everything that it contains.

import { formatMinor } from "../money.ts";
import { type Fault, fail, ok, type Result } from "../result.ts";
import type { Offer } from "../token/offer.ts";
import type { Consumer } from "./consumer.ts";
import type { Dealer } from "./dealer.ts";
import { type DeviceFilter, type Found, fits } from "./discovery.ts";
import type { Purchase } from "./purchase.ts";

/** Which service: everything that is given must fit. */
export interface ServiceFilter {
  id?: number;
  name?: string;
  type?: string;
}

export interface Wanted {
  device: DeviceFilter;
  service: ServiceFilter;
  units: number;
  currency: string;
  /** The most that a unit may cost, everything included. */
  priceMinorMax?: number;
  /** The most that one purchase may cost. */
  totalMinorMax?: number;
}

export interface Choice {
  dealer: Dealer;
  purchase: Purchase;
  offer: Offer;
}

interface Candidate {
  dealer: Dealer;
  service: number;
  price: number;
  amountMinor: number;
}

/** How long to look for a device, and how long for others of the same burst. */
const SEARCH_MS = 5_000;
const BURST_MS = 250;
/** Offers asked for at once: those of the lowest prices per unit. */
const OFFERS_MAX = 4;
const DEVICES_MAX = 32;

export class Market {
  readonly #consumer: Consumer;
  readonly #dealers = new Map<string, { signed: Uint8Array; dealer: Dealer }>();

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** The dealer of a device by its id. Errors: `not-found`, and those of discover and init. */
  async dealerOf(device: string): Promise<Result<Dealer>> {
    const found = await this.#discover({ id: device });
    if (!found.ok) return found;
    const [first] = found.value;
    if (first !== undefined) return this.#dealer(first);
    return fail("not-found", `the device ${device} does not announce itself`);
  }

  /**
   * The cheapest offer within the limits; other offers that were asked for are forgotten. Errors: `not-found`,
   * `over-limit`, and, where all refuse, what the last of them says.
   */
  async cheapest(wanted: Wanted): Promise<Result<Choice>> {
    const found = await this.#discover(wanted.device);
    if (!found.ok) return found;
    const candidates: Candidate[] = [];
    let last: Fault | undefined;
    for (const one of found.value) {
      const offered = await this.#candidatesOf(one, wanted);
      if (offered.ok) candidates.push(...offered.value);
      else last = offered.fault;
    }
    candidates.sort((a, b) => a.amountMinor - b.amountMinor);
    let best: Choice | undefined;
    for (const candidate of candidates.slice(0, OFFERS_MAX)) {
      const made = await this.#offerOf(candidate, wanted);
      if (!made.ok) {
        last = made.fault;
      } else if (best === undefined || isCheaper(made.value, best)) {
        await this.forget(best);
        best = made.value;
      } else {
        await this.forget(made.value);
      }
    }
    if (best !== undefined) return ok(best);
    if (last !== undefined) return { ok: false, fault: last };
    return found.value.length === 0
      ? fail("not-found", "no device that fits announces itself", "device")
      : fail("not-found", `nothing that fits is sold in ${wanted.currency}`, "service");
  }

  /** An offer that is not taken: nothing was paid, so nothing is lost with it. */
  async forget(choice: Choice | undefined): Promise<void> {
    if (choice !== undefined) await this.#consumer.purchases.forget(choice.purchase.id);
  }

  async #discover(filter: DeviceFilter): Promise<Result<readonly Found[]>> {
    const isWanted = (found: Found): boolean => fits(found, filter);
    const first = await this.#consumer.discover({ timeoutMs: SEARCH_MS, enough: isWanted });
    if (!first.ok) return first;
    const all =
      filter.id === undefined && first.value.some(isWanted)
        ? await this.#consumer.discover({ timeoutMs: BURST_MS })
        : first;
    return all.ok ? ok(all.value.filter(isWanted).slice(0, DEVICES_MAX)) : all;
  }

  /** One for each announcement: a device that announces itself anew is looked at anew. */
  async #dealer(found: Found): Promise<Result<Dealer>> {
    const known = this.#dealers.get(found.device);
    if (known?.signed === found.signed) return ok(known.dealer);
    const made = await this.#consumer.init(found);
    if (!made.ok) return made;
    if (this.#dealers.size >= DEVICES_MAX) this.#dealers.clear();
    this.#dealers.set(found.device, { signed: found.signed, dealer: made.value });
    return made;
  }

  async #candidatesOf(found: Found, wanted: Wanted): Promise<Result<readonly Candidate[]>> {
    const opened = await this.#dealer(found);
    if (!opened.ok) return opened;
    const dealer = opened.value;
    const services = await dealer.requestServices();
    if (!services.ok) return services;
    const { id, name, type } = wanted.service;
    const candidates: Candidate[] = [];
    for (const line of services.value) {
      if (id !== undefined && line.service !== id) continue;
      if (name !== undefined && line.name !== name) continue;
      if (type !== undefined && line.type !== type) continue;
      const prices = await dealer.getPrices(line.service);
      if (!prices.ok) return prices;
      for (const { price, amountMinor, currency } of prices.value) {
        if (currency !== wanted.currency) continue;
        candidates.push({ dealer, service: line.service, price, amountMinor });
      }
    }
    return ok(candidates);
  }

  async #offerOf(candidate: Candidate, wanted: Wanted): Promise<Result<Choice>> {
    const { dealer, service, price } = candidate;
    const ask = (units: number) => dealer.select({ service, price, units });
    let made = await ask(wanted.units);
    const { units: less = 0 } = made.ok ? {} : (made.fault.supply ?? {});
    // What the device can supply is better than nothing, more than was wanted is not.
    if (less > 0 && less < wanted.units) made = await ask(less);
    if (!made.ok) return made;
    const choice = { dealer, ...made.value };
    const tooDear = overLimit(choice.offer, wanted);
    if (tooDear === undefined) return ok(choice);
    await this.forget(choice);
    return fail("over-limit", tooDear, "offer.totalMinor");
  }
}

function overLimit({ totalMinor, units, currency }: Offer, wanted: Wanted): string | undefined {
  const { priceMinorMax, totalMinorMax } = wanted;
  const money = (amountMinor: number): string => formatMinor(amountMinor, currency);
  if (currency !== wanted.currency) return `the offer is in ${currency}`;
  if (totalMinorMax !== undefined && totalMinor > totalMinorMax) {
    return `${units} cost ${money(totalMinor)}, your limit for a purchase is ${money(totalMinorMax)}`;
  }
  if (priceMinorMax !== undefined && totalMinor > priceMinorMax * units) {
    return `${units} cost ${money(totalMinor)}, your limit is ${money(priceMinorMax)} for each`;
  }
  return undefined;
}

/** By what a unit costs: an offer of fewer units is not the better one for being smaller. */
function isCheaper(one: Choice, other: Choice): boolean {
  return one.offer.totalMinor * other.offer.units < other.offer.totalMinor * one.offer.units;
}
