// Orders that a prepaid token brings. It is judged when it is first shown, and written with the beginning of the
// delivery, so that one that is busy or out of order leaves nothing behind. That record is what makes it spent once.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { equalBytes, fromHex } from "../bytes.ts";
import { fail, ok, type Result } from "../result.ts";
import { type PrepaidToken, verifyPrepaid } from "../token/prepaid-token.ts";
import { thumbprint } from "../token/signed.ts";
import { countedUnits, grantPulses, milliUnits } from "../units.ts";
import type { Catalogue, Service } from "./catalogue.ts";
import type { Delivery } from "./delivery.ts";
import type { Journal } from "./journal.ts";
import { handedOver, type Order, prepaidOrder, ratioOf, remainingPulses } from "./order.ts";
import { totalOf } from "./quantity.ts";

/** Of all tokens that have something left: they wait in memory until they expire. */
const OPEN_MAX = 1000;

export interface Shown {
  signed: Uint8Array;
  /** X25519 key of whoever shows it, in hexadecimal digits; the device's own at its board. */
  consumer: string;
  /** What was asked for, where that was said. */
  order?: string;
  atBoard?: true;
}

export interface Prepaid {
  /**
   * The order that begins with this token: a new one, or what is left of one. Nothing is written yet. Errors:
   * `token-invalid`, `token-expired`, `token-exhausted`, `order-closed`, `wrong-device`, `wrong-consumer`, `over-limit`,
   * `units-out-of-range`, `service-unknown`, `not-ready`, `busy`, `too-many`, at the field of the token.
   */
  take(shown: Shown): Promise<Result<Order>>;
  /** As `take`, by what is in memory. */
  would(shown: Shown): Result<Order>;
}

export interface PrepaidPorts {
  clock: Clock;
  crypto: Crypto;
  /** Id of the device. */
  device: string;
  operatorKey: Uint8Array;
  catalogue: Catalogue;
  journal: Journal;
  delivery: Pick<Delivery, "available">;
}

export function openPrepaid(ports: PrepaidPorts): Prepaid {
  return new TokenOrders(ports);
}

/** Why a closed prepaid order delivers nothing. Errors: `token-expired`, `order-closed`, `token-exhausted`. */
export function spent({ settlement, terms }: Order): Result<never> {
  const { reason } = settlement ?? {};
  if (reason === "expired") return fail("token-expired", "the token has expired", "token");
  if (reason === "operator-stop") return fail("order-closed", "the operator has closed it");
  const all = countedUnits(terms.units, terms.unit);
  return fail("token-exhausted", `all of its ${all} are used: nothing is left`, "token");
}

/** More than is left of it is refused, with what is left. Errors: `units-out-of-range`. */
export function enoughLeft(one: Order, units: number | undefined): Result<void> {
  const ratio = ratioOf(one);
  const left = remainingPulses(one);
  if (units === undefined || grantPulses(units, ratio) <= left) return ok(undefined);
  const milli = milliUnits(left, ratio);
  const { unit, currency } = one.terms;
  const text = (milli / 1000).toFixed(3).replace(/\.?0+$/, "");
  const { fault } = fail("units-out-of-range", `only ${text} ${unit} of it are left`, "units");
  const supply = { units: Math.floor(milli / 1000), totalMinor: 0, currency };
  return { ok: false, fault: { ...fault, supply } };
}

class TokenOrders implements Prepaid {
  readonly #ports: PrepaidPorts;

  constructor(ports: PrepaidPorts) {
    this.#ports = ports;
  }

  async take(shown: Shown): Promise<Result<Order>> {
    const token = this.#read(shown);
    if (!token.ok) return token;
    // One that is closed may be on disk only.
    const known = await this.#ports.journal.find(token.value.order);
    return this.#judge(shown, token.value, known);
  }

  would(shown: Shown): Result<Order> {
    const token = this.#read(shown);
    if (!token.ok) return token;
    return this.#judge(shown, token.value, this.#ports.journal.order(token.value.order));
  }

  #read({ signed, order }: Shown): Result<PrepaidToken> {
    const { crypto, operatorKey, device } = this.#ports;
    const read = verifyPrepaid(signed, operatorKey, crypto);
    if (!read.ok) {
      const forged = read.fault.kind === "signature";
      const words = forged ? "this device's operator did not sign it" : read.fault.message;
      return fail("token-invalid", words, "token");
    }
    const token = read.value;
    if (token.device !== device) {
      return fail("wrong-device", `it is good on device ${token.device} only`, "token.device");
    }
    if (order !== undefined && order !== token.order) {
      return fail("token-invalid", "it is another order's token", "token.order");
    }
    return ok(token);
  }

  #judge(shown: Shown, token: PrepaidToken, known: Order | undefined): Result<Order> {
    const mine = this.#isFor(shown, token);
    if (!mine.ok) return mine;
    return known === undefined ? this.#first(shown, token) : this.#next(shown, known);
  }

  /** A bearer's is anybody's; another one only his whose key it names, and a person at the board shows no key. */
  #isFor({ consumer, atBoard }: Shown, token: PrepaidToken): Result<void> {
    if (token.consumer === undefined) return ok(undefined);
    const at = "token.consumer";
    if (atBoard === true) {
      return fail("wrong-consumer", "it is bound to a key: show it over the network", at);
    }
    const print = thumbprint(this.#ports.crypto, fromHex(consumer) ?? new Uint8Array());
    if (equalBytes(print, token.consumer)) return ok(undefined);
    return fail("wrong-consumer", "it is bound to another consumer's key", at);
  }

  #first(shown: Shown, token: PrepaidToken): Result<Order> {
    const { catalogue } = this.#ports;
    const dated = this.#isDated(token);
    if (!dated.ok) return dated;
    const service = catalogue.get(token.service);
    if (service === undefined) {
      return fail("service-unknown", "it is for a service that is not sold here", "token.service");
    }
    const sold = this.#isSold(service, token);
    if (!sold.ok) return sold;
    const room = this.#hasRoom();
    if (!room.ok) return room;
    return ok(this.#order(shown, token, service));
  }

  /** Who cannot tell the time cannot tell a token that was used up, and forgotten when it had expired. */
  #isDated({ expiresS }: PrepaidToken): Result<void> {
    const { clock, journal } = this.#ports;
    if (clock.wallQuality() === "unset") {
      return fail("not-ready", "the device's clock is not set: a new token cannot be judged");
    }
    const isOver = expiresS <= Math.max(this.#nowS(), journal.forgottenToS);
    return isOver ? fail("token-expired", "the token has expired", "token.expires") : ok(undefined);
  }

  #isSold(service: Service, token: PrepaidToken): Result<void> {
    const { catalogue, delivery } = this.#ports;
    const { unit } = catalogue.meter(service);
    if (service.prices.length === 0) {
      return fail("not-ready", "the service is not sold now", "token.service");
    }
    if (token.units > service.unitsMax) {
      const most = countedUnits(service.unitsMax, unit);
      return fail("units-out-of-range", `the service allows ${most} at most`, "token.units");
    }
    if (token.consumer === undefined) {
      const bearer = bearerAllowed(service, token.units);
      if (!bearer.ok) return bearer;
    }
    const left = delivery.available(service);
    if (left === undefined || left >= token.units) return ok(undefined);
    return fail("not-ready", `only ${countedUnits(left, unit)} can be supplied now: come later`);
  }

  #hasRoom(): Result<void> {
    let open = 0;
    for (const { prepaid, state } of this.#ports.journal.orders()) {
      if (prepaid !== undefined && state === "paid") open += 1;
    }
    return open < OPEN_MAX ? ok(undefined) : fail("too-many", "too many tokens are in use here");
  }

  #order({ signed, consumer, atBoard }: Shown, token: PrepaidToken, service: Service): Order {
    const { unit, pulsesPerUnit } = this.#ports.catalogue.meter(service);
    const madeS = this.#nowS();
    const { order: id, units, expiresS } = token;
    return prepaidOrder({
      id,
      consumer,
      terms: {
        ...{ service: service.id, price: 0, units, unit, priceMinor: 0 },
        currency: service.prices[0]?.currency ?? "",
        ...pulsesPerUnit,
        lines: [{ kind: "units", amountMinor: 0 }],
        totalMinor: 0,
        // What is left of it stays good until it expires; then there is nothing here to give back.
        undelivered: "credit-forfeit",
      },
      outlet: service.outlet,
      meter: service.meter,
      tokenLifeS: Math.max(0, expiresS - madeS),
      // What the receipts name by its digest.
      offer: signed,
      madeS,
      expiresS,
      prepaid: token.consumer === undefined ? { expiresS, bearer: true } : { expiresS },
      ...(atBoard === true && { atBoard }),
    });
  }

  /** What is left of a token that was used before. */
  #next({ signed, consumer, atBoard }: Shown, known: Order): Result<Order> {
    const { prepaid, expiresS = 0, running } = known;
    if (prepaid === undefined || !equalBytes(known.offer, signed)) {
      return fail("token-invalid", "its order is another one here", "token.order");
    }
    if (known.state !== "paid") return spent(known);
    // A repeated question of whoever began it is answered as before.
    if (running !== undefined && known.consumer === consumer) return ok(known);
    if (running !== undefined) return fail("busy", "somebody is using the token now", "token");
    const isDated = this.#ports.clock.wallQuality() !== "unset";
    if (isDated && expiresS <= this.#nowS()) {
      return fail("token-expired", "the token has expired", "token.expires");
    }
    return ok(prepaid.bearer === true ? handedOver(known, consumer, atBoard === true) : known);
  }

  #nowS(): number {
    return Math.floor(this.#ports.clock.wallMs() / 1000);
  }
}

/** Anybody may have found it: so it may be worth no more than the service says. */
function bearerAllowed(service: Service, units: number): Result<void> {
  if (service.bearer === undefined) {
    return fail("token-invalid", "the service takes no bearer tokens", "token.consumer");
  }
  const { valueMinorMax } = service.bearer;
  const dearest = service.prices.find((price) => totalOf(units, price) > valueMinorMax);
  if (dearest === undefined) return ok(undefined);
  const worth = `${totalOf(units, dearest)} minor units of ${dearest.currency}`;
  return fail("over-limit", `it is worth ${worth}, above ${valueMinorMax}`, "token.units");
}
