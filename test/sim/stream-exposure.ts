// What either side of a streamed sale stands to lose, by the meter itself, by what the device has on disk, and by what the
// consumer let go.

import { durableOrders } from "../../bench/invariants.ts";
import type { Site } from "../../bench/site.ts";
import type { StreamTerms } from "../../firmware/consumer/purchase.ts";
import { unitsAhead } from "../../firmware/consumer/stream-payer.ts";
import type { Order } from "../../firmware/producer/order.ts";
import { peekReceipt, type SessionReceipt } from "../../firmware/token/receipt.ts";
import { grantPulses } from "../../firmware/units.ts";

const RUN_ON = 3;
const LOOK_MS = 20;

export function sessionReceipts(site: Site): SessionReceipt[] {
  return site.store.durable("receipt").flatMap(({ body }) => {
    const signed = Buffer.from(JSON.parse(body).signed, "hex");
    const read = peekReceipt(signed);
    return read.ok && read.value.is === "session" ? [read.value] : [];
  });
}

/** What either side stands to lose, looked at again and again. */
export class Exposure {
  readonly #site: Site;
  readonly #terms: readonly StreamTerms[];
  readonly #released = new Map<string, number>();
  readonly #base = new Map<string, number>();
  readonly wrong = new Set<string>();
  sellerWorst = 0;
  sellerBeyond = Number.NEGATIVE_INFINITY;
  payerWorst = 0;
  payerBeyond = Number.NEGATIVE_INFINITY;

  constructor(site: Site, terms: readonly StreamTerms[]) {
    this.#site = site;
    this.#terms = terms;
  }

  /** Pulses that one session may give away: what ran on, and what was not paid. */
  get runOnMost(): number {
    return RUN_ON + 60 * Math.max(...this.#terms.map(({ window }) => window));
  }

  released(order: string, units: number): void {
    this.#released.set(order, Math.max(units, this.releasedOf(order)));
  }

  releasedOf(order: string): number {
    return this.#released.get(order) ?? 0;
  }

  watch(): void {
    for (const one of durableOrders(this.#site)) this.#look(one);
    this.#site.world.after(LOOK_MS, () => this.watch());
  }

  #look(one: Order): void {
    if (one.stream === undefined || one.state !== "paid") return;
    const { physical = 0 } = this.#site.board.metal.outlet("socket-1").meters["energy"] ?? {};
    const base = this.#base.get(one.id) ?? physical;
    this.#base.set(one.id, base);
    const flowed = physical - base;
    const { numerator, denominator, units } = one.terms;
    const ratio = { numerator, denominator };
    const { proved, window } = one.stream;
    // What ran on at the end of a session was given, and is on its receipt.
    const given = this.#given(one.id);
    const seller = flowed - given - grantPulses(proved, ratio);
    const sellerMost = grantPulses(Math.min(window, units - proved), ratio) + RUN_ON;
    this.sellerWorst = Math.max(this.sellerWorst, seller);
    this.sellerBeyond = Math.max(this.sellerBeyond, seller - sellerMost + RUN_ON);
    if (seller > sellerMost) this.#tell(`I8: the seller risks ${seller} of ${sellerMost} pulses`);
    const aheads = this.#terms.map(unitsAhead);
    const ahead = grantPulses(Math.max(...aheads), ratio);
    const begun = grantPulses(1, ratio) - 1;
    const payer = grantPulses(this.releasedOf(one.id), ratio) - flowed;
    const payerMost = Math.max(ahead, begun);
    this.payerWorst = Math.max(this.payerWorst, payer);
    this.payerBeyond = Math.max(this.payerBeyond, payer - ahead);
    if (payer > payerMost) this.#tell(`the payer risks ${payer} of ${payerMost} pulses`);
  }

  /** The first few are enough. */
  #tell(text: string): void {
    if (this.wrong.size < 4) this.wrong.add(text);
  }

  #given(order: string): number {
    return sessionReceipts(this.#site)
      .filter((one) => one.order === order)
      .reduce((sum, { runOnPulses, breakdown }) => {
        return sum + runOnPulses - (breakdown?.streamed?.unpaidPulses ?? 0);
      }, 0);
  }
}
