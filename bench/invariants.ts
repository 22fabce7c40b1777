// The invariants of money, metal and power, checked after a whole run against three witnesses that know nothing
// of each other: the payment host's books, the physical meters, and the device's durable records.

import { fromHex } from "../firmware/bytes.ts";
import { capturedMinor, type Order, orderRecord } from "../firmware/producer/order.ts";
import { readJson } from "../firmware/protocol/schema.ts";
import { dueExtras, extrasMinor } from "../firmware/token/charge.ts";
import { type Receipt, verifyChain } from "../firmware/token/receipt.ts";
import { countText } from "../firmware/units.ts";
import type { SimCharge } from "../hal/sim/sim-books.ts";
import type { SimMetal } from "../hal/sim/sim-metal.ts";
import type { SimStore } from "../hal/sim/sim-store.ts";
import { crypto } from "./site.ts";

export interface Expectation {
  outlet: string;
  meter: string;
  /** Reserved ahead of delivery, and pulses that may run on after each opening. */
  quantumPulses: number;
  runOnPulsesMax: number;
  /** The meter's register survives a cut, so nothing at all may be forgotten. */
  retains: boolean;
  /** Who bears what a cut forgets. */
  loss: "seller" | "payer";
  /** Its metal was broken on purpose: what flows is no longer what is metered. */
  isBroken?: boolean;
}

/** What was done with somebody's money, whoever keeps the books of it: a payment host or a card terminal. */
export type BookedCharge = Omit<SimCharge, "card" | "stream">;

/** What is looked at: a whole site, or what a killed program left of one. */
export interface Witnesses {
  store: Pick<SimStore, "durable">;
  host: { charges(): Promise<ReadonlyMap<string, BookedCharge>> };
  board: { metal: Pick<SimMetal, "outlet"> };
  signKey: Uint8Array;
  cuts: number;
  epochs: readonly number[];
}

/** Of a site as it is when nothing else was asked for: the first socket of the virtual charger. */
export const SOCKET_1: Expectation = {
  outlet: "socket-1",
  meter: "energy",
  quantumPulses: 100,
  runOnPulsesMax: 3,
  retains: true,
  loss: "seller",
};

export function durableOrders(site: Pick<Witnesses, "store">): Order[] {
  return site.store.durable("order").map(({ id, body }) => {
    const read = readJson(orderRecord, JSON.parse(body), "order");
    if (!read.ok) throw new Error(`order ${id}: ${read.fault.message}`);
    return read.value;
  });
}

function durableReceipts(site: Witnesses): readonly Receipt[] | string {
  const signed = site.store
    .durable("receipt")
    .map(({ body }) => fromHex(JSON.parse(body).signed) ?? new Uint8Array());
  const chain = verifyChain(signed, site.signKey, crypto);
  return chain.ok ? chain.value : chain.fault.message;
}

function checkMoney(
  orders: readonly Order[],
  charges: ReadonlyMap<string, BookedCharge>,
  mayBeOpen: boolean,
): string[] {
  const wrong: string[] = [];
  const byReference = new Map(orders.map((order) => [order.reference ?? "", order]));
  for (const [reference, charge] of charges) {
    const order = byReference.get(reference);
    const net = charge.capturedMinor - charge.refundedMinor;
    if (order === undefined) {
      if (net !== 0) wrong.push(`I6: ${net} were taken by ${reference} and no order knows of it`);
      if (!charge.reversed) wrong.push(`I6: ${reference} is held and no order knows of it`);
      continue;
    }
    const accepted = extrasMinor(order.extras ?? []);
    if (charge.capturedMinor > order.terms.totalMinor + accepted)
      wrong.push("I2: more was taken than offered and accepted");
    const settlement = order.settlement;
    if (mayBeOpen && isOpen(order)) continue;
    if (order.state !== "closed" || settlement === undefined) {
      wrong.push(`I6: order ${order.id} is left ${order.state} with ${net} taken`);
      continue;
    }
    const { amountMinor, refundMinor, forfeitMinor, owedMinor } = settlement;
    if (net === 0 && charge.capturedMinor === 0 && !charge.reversed) {
      wrong.push(`I6: ${reference} is held and the order is closed`);
    }
    if (order.way === "hold" && charge.capturedMinor !== settlement.capturedMinor) {
      wrong.push(`I1: ${charge.capturedMinor} captured, not ${settlement.capturedMinor}`);
    }
    if (charge.capturedMinor !== amountMinor + refundMinor + forfeitMinor + owedMinor) {
      wrong.push(
        `I1: ${charge.capturedMinor} taken, ${amountMinor} delivered, ${refundMinor} back`,
      );
    }
    if (charge.refundedMinor !== refundMinor) {
      wrong.push(`I1: ${charge.refundedMinor} came back, ${refundMinor} are on the record`);
    }
  }
  return wrong;
}

/**
 * What the device says it was paid stands in the host's books. What was paid in parts or otherwise, or while the host was out
 * of reach, goes by a name of the device's own, in which the order's stands.
 */
function checkClaims(
  orders: readonly Order[],
  charges: ReadonlyMap<string, BookedCharge>,
): string[] {
  return orders.flatMap((order) => {
    const { id, reference, prepaid } = order;
    const claimedMinor = capturedMinor(order);
    const isHosts = prepaid === undefined && reference !== undefined && !reference.includes(id);
    if (!isHosts || claimedMinor === 0 || charges.has(reference)) return [];
    return [
      `I1: order ${id} claims ${claimedMinor} by ${reference}, and the host has no such charge`,
    ];
  });
}

export function isOpen({ state }: Order): boolean {
  return state !== "closed" && state !== "failed";
}

function checkUnits(site: Witnesses, orders: readonly Order[], expected: Expectation): string[] {
  const wrong: string[] = [];
  const receipts = durableReceipts(site);
  if (typeof receipts === "string") return [`I13: the chain of receipts is broken: ${receipts}`];
  let accounted = 0;
  for (const order of orders) {
    const mine = receipts.filter((one) => one.order === order.id);
    const sessions = mine.filter((one) => one.is === "session");
    const charged = sessions.reduce((sum, { pulses }) => sum + pulses, 0);
    accounted += sessions.reduce((sum, one) => sum + one.pulses + one.runOnPulses, 0);
    // Delivered once, and told twice: given by one session, and charged by a later one.
    accounted -= sessions.reduce((sum, one) => sum + streamedOf(one).caughtUpPulses, 0);
    if (charged !== order.pulses)
      wrong.push("I3: receipts and record differ about what was delivered");
    if (charged > order.grantPulses)
      wrong.push(`I3: ${charged} delivered of ${order.grantPulses} paid`);
    for (const one of sessions) {
      const runOnPulses = one.runOnPulses - streamedOf(one).unpaidPulses;
      if (expected.isBroken !== true && runOnPulses > expected.runOnPulsesMax)
        wrong.push(`I8: ${countText(runOnPulses, "pulse")} ran on`);
    }
    const delivered = sessions.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const told = delivered + extrasMinor(dueExtras(order.pulses, order.extras));
    if (order.state === "closed" && told !== order.settlement?.amountMinor)
      wrong.push(`I4: sessions charge ${told}, the order ${order.settlement?.amountMinor}`);
    const settled = mine.filter(({ is }) => is === "settlement").length;
    if (order.state === "closed" && settled !== 1) wrong.push(`I6: ${settled} settlement receipts`);
  }
  return expected.isBroken === true ? wrong : [...wrong, ...checkFlow(site, accounted, expected)];
}

/** What really flowed, against what is on receipts. */
function checkFlow(site: Witnesses, accounted: number, expected: Expectation): string[] {
  const physical = site.board.metal.outlet(expected.outlet).meters[expected.meter]?.physical ?? 0;
  const forgotten = physical - accounted;
  const mostForgotten = expected.retains
    ? 0
    : site.cuts * (expected.quantumPulses + expected.runOnPulsesMax);
  const least = expected.loss === "payer" ? -mostForgotten : 0;
  if (forgotten >= least && forgotten <= mostForgotten) return [];
  return [
    `I10: ${physical} flowed and ${accounted} are accounted for, after ${countText(site.cuts, "cut")}`,
  ];
}

/** Of what was paid while it was delivered. */
function streamedOf({ breakdown }: Receipt): { unpaidPulses: number; caughtUpPulses: number } {
  return breakdown?.streamed ?? { unpaidPulses: 0, caughtUpPulses: 0 };
}

/** Called at the very instant a coil is driven closed. */
export function checkClosing(site: Witnesses, outlet: string): string[] {
  const running = durableOrders(site).find((one) => one.outlet === outlet && one.running);
  if (running?.running === undefined) return ["I7: the switch closes and no grant is on disk"];
  const { reserved, recorded } = running.running;
  return reserved > recorded ? [] : ["I7: the switch closes with nothing left of its grant"];
}

/** Everything that must hold when the story is over and nothing runs any more. */
export async function violations(site: Witnesses, expected: Expectation): Promise<string[]> {
  const orders = durableOrders(site);
  const charges = await site.host.charges();
  const wrong = [
    ...checkMoney(orders, charges, false),
    ...checkClaims(orders, charges),
    ...checkUnits(site, orders, expected),
  ];
  const { coil, contact } = site.board.metal.outlet(expected.outlet);
  if (coil || contact) wrong.push("I7: the switch is closed and nothing is sold");
  if (new Set(site.epochs).size !== site.epochs.length) wrong.push("I11: an epoch came twice");
  return wrong;
}

/**
 * The same for every outlet of a site, and of all orders that it ever had: it forgets them a day after they closed. Where it
 * may be open, of what is settled only.
 */
export async function siteViolations(
  site: Witnesses,
  orders: readonly Order[],
  outlets: readonly Expectation[],
  mayBeOpen: boolean,
): Promise<string[]> {
  const charges = await site.host.charges();
  const wrong = [...checkMoney(orders, charges, mayBeOpen), ...checkClaims(orders, charges)];
  for (const expected of outlets) {
    const here = orders.filter(({ outlet }) => outlet === expected.outlet);
    const isRunning = mayBeOpen && here.some(isOpen);
    // Where one meter is charged by and another flows, its pulses have nothing to be compared with.
    const isMixed = here.some(({ meter }) => meter !== expected.meter);
    const isBroken = expected.isBroken === true || isMixed || isRunning;
    wrong.push(...checkUnits(site, here, { ...expected, isBroken }));
    const { coil, contact } = site.board.metal.outlet(expected.outlet);
    const isClosed = coil || (contact && expected.isBroken !== true);
    if (isClosed && !isRunning) wrong.push("I7: the switch is closed and nothing is sold");
  }
  if (new Set(site.epochs).size !== site.epochs.length) wrong.push("I11: an epoch came twice");
  return wrong;
}
