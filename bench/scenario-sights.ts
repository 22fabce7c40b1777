// What can be seen of a bench while a scenario runs, by subject, and whether it is what was expected.

import type { Order } from "../firmware/producer/order.ts";
import type { Bench } from "./bench.ts";
import type { BenchEvent, BoardState } from "./bench-state.ts";
import { durableOrders } from "./invariants.ts";
import type { EventPattern, Expectation, Subject, Want } from "./scenario.ts";
import type { BuyerOnBench } from "./scenario-buyer.ts";
import { watchFrames } from "./scenario-frames.ts";
import type { Site } from "./site.ts";

type Seen = Readonly<Record<string, unknown>>;

/** An expectation, and what came of it. */
export interface Finding {
  atMs: number;
  /** In plain words. */
  what: string;
  met: boolean;
  /** What was seen of what was expected. */
  seen: string;
}

/** Listens to a bench from its first moment on: counts events, keeps orders and papers. */
export class Sights {
  readonly #bench: Bench;
  readonly buyers = new Map<string, BuyerOnBench>();
  readonly #counts = new Map<string, { pattern: EventPattern; count: number; atStep: number }>();
  readonly #papers = new Map<string, string[]>();
  /** By board and order: a device forgets an order a day after it closed. */
  readonly #orders = new Map<string, Map<string, Order>>();
  /** The digest of all that went over the broker so far. */
  readonly frames: () => string;

  constructor(bench: Bench, patterns: readonly EventPattern[]) {
    this.#bench = bench;
    for (const pattern of patterns) {
      this.#counts.set(JSON.stringify(pattern), { pattern, count: 0, atStep: 0 });
    }
    this.frames = watchFrames(bench);
    bench.onEvent((event) => this.#note(event));
  }

  /** How often an event of that kind happened. */
  count(pattern: EventPattern): number {
    return this.#counts.get(JSON.stringify(pattern))?.count ?? 0;
  }

  /** A step begins: what it does at once has happened since it, too. */
  noteStep(): void {
    for (const each of this.#counts.values()) each.atStep = each.count;
  }

  countSinceStep(pattern: EventPattern): number {
    const { count = 0, atStep = 0 } = this.#counts.get(JSON.stringify(pattern)) ?? {};
    return count - atStep;
  }

  /** Looks at the orders of every board: at least twice a day. */
  noteOrders(): void {
    for (const [id, site] of this.#bench.sites) {
      const known = this.#orders.get(id) ?? new Map<string, Order>();
      this.#orders.set(id, known);
      for (const order of durableOrders(site)) known.set(order.id, order);
    }
  }

  /** Every order that the board ever had, oldest first. */
  orders(board: string): readonly Order[] {
    const known = [...(this.#orders.get(board)?.values() ?? [])];
    return known.sort((one, other) => one.madeS - other.madeS);
  }

  #note(event: BenchEvent): void {
    for (const each of this.#counts.values()) {
      if (fits(event, each.pattern)) each.count += 1;
    }
    if (event.is !== "paper") return;
    const papers = this.#papers.get(event.board) ?? [];
    this.#papers.set(event.board, [...papers, event.lines.join("\n")]);
  }

  async findings(expectations: readonly Expectation[]): Promise<readonly Finding[]> {
    this.noteOrders();
    const atMs = this.#bench.world.nowMs();
    const found: Finding[] = [];
    for (const { of, wants } of expectations) {
      const seen = await this.#seen(of);
      for (const [field, want] of Object.entries(wants)) {
        const is = seen[field];
        const what = `${subjectWords(of)}: ${field} ${wantWords(want)}`;
        found.push({ atMs, what, met: meets(is, want), seen: seenWords(is) });
      }
    }
    return found;
  }

  #seen(of: Subject): Promise<Seen> | Seen {
    switch (of.is) {
      case "order":
        return this.#order(of.board, of.order);
      case "orders":
        return { count: this.orders(of.board).filter(({ state }) => state === of.state).length };
      case "money":
        return this.#money(of.board, of.currency);
      case "outlet":
        return this.#outlet(of.board, of.outlet);
      case "device":
        return this.#device(of.board);
      case "display":
        return { text: this.#state(of.board)?.display?.join("\n") ?? "" };
      case "paper": {
        const papers = this.#papers.get(of.board) ?? [];
        return { sheets: papers.length, text: papers.at(-1) ?? "" };
      }
      case "event":
        return { count: this.count(of.event) };
      case "buyer":
        return this.buyers.get(of.buyer)?.seen() ?? {};
      case "frames":
        return { digest: this.frames() };
    }
  }

  site(board: string): Site {
    const site = this.#bench.sites.get(board);
    if (site === undefined) throw new RangeError(`there is no board ${board}`);
    return site;
  }

  #state(board: string): BoardState | undefined {
    return this.#bench.state().boards.find(({ id }) => id === board);
  }

  async #order(board: string, number: number): Promise<Seen> {
    const order = this.orders(board)[number - 1];
    if (order === undefined) return { state: "none" };
    const charges = await this.#bench.witnesses(board).host.charges();
    const charge = charges.get(order.reference ?? "");
    const { settlement, terms } = order;
    const isHeld = charge !== undefined && charge.capturedMinor === 0 && !charge.reversed;
    return {
      ...{ state: order.state, service: terms.service, units: terms.units },
      ...{ totalMinor: terms.totalMinor, pulses: order.pulses, sessions: order.sessions },
      ...{ reason: settlement?.reason ?? "none", why: order.why ?? "none" },
      ...{ owedMinor: settlement?.owedMinor ?? 0, chargedMinor: settlement?.amountMinor ?? 0 },
      ...{ receipts: order.receipts?.length ?? 0, unpaidPulses: order.stream?.unpaidPulses ?? 0 },
      heldMinor: isHeld ? charge.authorisedMinor : 0,
      capturedMinor: charge?.capturedMinor ?? 0,
      refundedMinor: charge?.refundedMinor ?? 0,
    };
  }

  async #money(board: string, currency: string): Promise<Seen> {
    const sums = { heldMinor: 0, capturedMinor: 0, refundedMinor: 0 };
    for (const charge of (await this.#bench.witnesses(board).host.charges()).values()) {
      if (charge.currency !== currency) continue;
      if (charge.capturedMinor === 0 && !charge.reversed) sums.heldMinor += charge.authorisedMinor;
      sums.capturedMinor += charge.capturedMinor;
      sums.refundedMinor += charge.refundedMinor;
    }
    return sums;
  }

  #outlet(board: string, outlet: string): Seen {
    const { coil, contact, meters } = this.site(board).board.metal.outlet(outlet);
    const [first] = Object.values(meters);
    return { coil, contact, flowed: first?.physical ?? 0 };
  }

  #device(board: string): Seen {
    const { powered = false, ready = false, reasons = [] } = this.#state(board) ?? {};
    return { powered, ready, why: reasons.join("; ") };
  }
}

/** The first pulse meter of an outlet: what really flowed. */
export function flowedPulses(site: Site, outlet: string): number {
  const [first] = Object.values(site.board.metal.outlet(outlet).meters);
  return first?.physical ?? 0;
}

function fits(event: BenchEvent, pattern: EventPattern): boolean {
  const fields = event as unknown as Seen;
  return Object.entries(pattern).every(([name, value]) => fields[name] === value);
}

function meets(seen: unknown, want: Want): boolean {
  if (typeof want !== "object") return seen === want;
  if ("has" in want) return typeof seen === "string" && seen.includes(want.has);
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = want;
  return typeof seen === "number" && seen >= least && seen <= most;
}

function subjectWords(of: Subject): string {
  switch (of.is) {
    case "order":
      return `${of.board}, order ${of.order}`;
    case "orders":
      return `${of.board}, orders that are ${of.state}`;
    case "money":
      return `${of.board}, money in ${of.currency}`;
    case "outlet":
      return `${of.board}, ${of.outlet}`;
    case "event":
      return `event ${JSON.stringify(of.event)}`;
    case "buyer":
      return of.buyer;
    case "frames":
      return "frames";
    default:
      return `${of.board}, ${of.is}`;
  }
}

function wantWords(want: Want): string {
  if (typeof want !== "object") return `is ${want}`;
  if ("has" in want) return `has "${want.has}"`;
  const { least, most } = want;
  const words = [
    ...(least === undefined ? [] : [`is at least ${least}`]),
    ...(most === undefined ? [] : [`is at most ${most}`]),
  ];
  return words.join(" and ");
}

function seenWords(seen: unknown): string {
  if (typeof seen !== "string") return seen === undefined ? "nothing" : JSON.stringify(seen);
  return seen.replace(/\s*\n\s*/g, " | ");
}
