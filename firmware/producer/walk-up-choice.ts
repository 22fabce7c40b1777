// What a person at the board would get now: the service that he chose by a button or that is shown by itself, whether
// its outlet can deliver it, and how many units are held for.

import type { Clock } from "../../hal/clock.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Catalogue, Price, Service } from "./catalogue.ts";
import type { Delivery } from "./delivery.ts";
import { nearestTo, rangeOf } from "./quantity.ts";

/** A choice holds this long; then the first service is shown again. */
const CHOICE_MS = 30_000;
/** It may stand on the display for so much longer, and a card is seen a moment after it came. */
const SHOWN_MS = 1_000;

export interface ChoicePorts {
  clock: Clock;
  catalogue: Catalogue;
  delivery: Delivery;
  /** Errors: `expired` for a device for which nobody vouches any more. */
  vouched(): Result<void>;
}

export interface Chosen {
  service: Service;
  price: Price;
}

export class BoardChoice {
  readonly #ports: ChoicePorts;
  #chosen: { service: number; untilMs: number } | undefined;

  constructor(ports: ChoicePorts) {
    this.#ports = ports;
  }

  choose(service: number): void {
    this.#chosen = { service, untilMs: this.#ports.clock.monotonicMs() + CHOICE_MS };
  }

  /** Somebody acts upon what is shown: it does not change before he has got it. */
  keep(): void {
    const { service, untilMs } = this.#chosen ?? { service: 0, untilMs: Number.NEGATIVE_INFINITY };
    if (this.#ports.clock.monotonicMs() < untilMs + SHOWN_MS) this.choose(service);
  }

  /** The service, with the price at which it is sold at the board; undefined where nothing is. */
  sold(): Chosen | undefined {
    const { catalogue, clock } = this.#ports;
    const isOver = (this.#chosen?.untilMs ?? 0) <= clock.monotonicMs();
    const chosen = this.#chosen && !isOver ? catalogue.get(this.#chosen.service) : undefined;
    const service =
      chosen?.walkUp === undefined
        ? catalogue.list().find(({ walkUp }) => walkUp !== undefined)
        : chosen;
    const price = service?.prices.find(({ id }) => id === service.walkUp?.price);
    return service === undefined || price === undefined ? undefined : { service, price };
  }

  /** I5: as many as can be supplied now, by an outlet that is free and ready now. */
  units({ service, price }: Chosen): Result<number> {
    const able = this.able(service);
    if (!able.ok) return able;
    const range = rangeOf(service, price, this.#ports.delivery.available(service));
    if (range === undefined) return fail("not-ready", "there is not enough left to sell");
    return ok(nearestTo(service.walkUp?.units ?? range.min, range));
  }

  /** Errors: `expired`, `not-ready`, `busy`. */
  able({ outlet }: Service): Result<void> {
    const { delivery, vouched } = this.#ports;
    const isVouched = vouched();
    if (!isVouched.ok) return isVouched;
    const ready = delivery.ready(outlet);
    if (!ready.ok) return ready;
    return delivery.free(outlet) ? ok(undefined) : fail("busy", "the outlet is in use");
  }
}
