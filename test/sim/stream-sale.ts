// A payer of streamed orders who does not give up: pays, begins, proves, and takes up again what a cut of the power or of
// the network left; and what must hold of every order that was paid while it was delivered.

import { durableOrders } from "../../bench/invariants.ts";
import type { Site } from "../../bench/site.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import type { SessionReceipt } from "../../firmware/token/receipt.ts";
import { grantPulses } from "../../firmware/units.ts";
import { sleep } from "../../hal/clock.ts";
import type { RawPayer } from "./stream-payer-stand.ts";

export interface Streaming {
  units: number;
  step: number;
  window: number;
  unitsPerSession?: number;
  /** Ends a session once so much of it is delivered. */
  endAfterPulses?: number;
}

const AGAIN_MS = 1_500;
const QUIET_MS = 6_000;
const ROUNDS_MAX = 60;

/** True once the order is settled. */
export async function streamSale(payer: RawPayer, sale: Streaming): Promise<boolean> {
  await payUntilPaid(payer, sale.units);
  for (let round = 0; round < ROUNDS_MAX && payer.settlement() === undefined; round++) {
    await oneSession(payer, sale);
  }
  return payer.settlement() !== undefined;
}

async function payUntilPaid(payer: RawPayer, units: number): Promise<void> {
  const { clock } = payer.site.world;
  for (;;) {
    await payer.select(units).catch(() => sleep(clock, AGAIN_MS));
    if (payer.offer === undefined) continue;
    const payment = payer.payment();
    for (;;) {
      const answer = await payer.ask(payment);
      if (answer.is === "paid") return;
      if (answer.is !== "fault") throw new Error(`pay was answered by ${answer.is}`);
      const fault = await payer.faultOf(payment);
      if (fault.startsWith("offer-") || fault.startsWith("payment-lost")) break;
      await sleep(clock, AGAIN_MS);
    }
  }
}

async function oneSession(payer: RawPayer, sale: Streaming): Promise<void> {
  const { step, window, unitsPerSession, endAfterPulses = Number.POSITIVE_INFINITY } = sale;
  const { clock } = payer.site.world;
  const standing = await payer.get({ is: "get-order", order: payer.order }, "order");
  // Receipts of what has ended come to whoever asks.
  await payer.until(() => payer.sessions().length >= standing.sessions, QUIET_MS);
  if (payer.sessions().length < standing.sessions) return;
  if (standing.state !== "paid") {
    await payer.until(() => payer.settlement() !== undefined, QUIET_MS);
    return;
  }
  const session = standing.sessions + 1;
  const begun = await payer.ask(payer.begin(session, step, window, unitsPerSession));
  if (begun.is !== "begun") {
    await sleep(clock, AGAIN_MS);
    return;
  }
  const end: Message = { is: "end", order: payer.order, session };
  let isEnding = false;
  payer.habits.onMetering = ({ session: of, pulses }) => {
    if (isEnding || of !== session || pulses < endAfterPulses) return;
    isEnding = true;
    void payer.ask(end);
  };
  let heard = -1;
  // Silence for long is a device that has gone, or come again.
  while (heard !== payer.heard.length && payer.sessions().length < session) {
    heard = payer.heard.length;
    await payer.until(() => payer.sessions().length >= session, QUIET_MS);
  }
}

/** What is wrong with the orders that were paid while they were delivered. */
export function streamViolations(site: Site, receipts: readonly SessionReceipt[]): string[] {
  const wrong: string[] = [];
  for (const order of durableOrders(site)) {
    if (order.stream === undefined) continue;
    const { proved, unpaidPulses, window } = order.stream;
    const { numerator, denominator, priceMinor } = order.terms;
    const ratio = { numerator, denominator };
    if (order.pulses > grantPulses(proved, ratio))
      wrong.push(`I2: ${order.pulses} pulses are charged, and ${proved} units are proved`);
    const most = grantPulses(proved + window, ratio) - order.pulses;
    if (unpaidPulses > most) wrong.push(`I8: ${unpaidPulses} pulses went out on credit`);
    const open = receipts
      .filter((one) => one.order === order.id)
      .reduce((sum, { breakdown }) => {
        const { unpaidPulses: more = 0, caughtUpPulses: less = 0 } = breakdown?.streamed ?? {};
        return sum + more - less;
      }, 0);
    if (open !== unpaidPulses) wrong.push(`I3: receipts leave ${open} unpaid, not ${unpaidPulses}`);
    const { capturedMinor = 0 } = order.settlement ?? {};
    if (capturedMinor > proved * priceMinor)
      wrong.push(`I2: ${capturedMinor} captured with proof of ${proved} units`);
  }
  return wrong;
}

/** Never more than is proved, and as far ahead as was agreed: looked at all the time while a story goes on. */
export function watchExposure(site: Site, payer: RawPayer, runOnPulses: number): string[] {
  const wrong: string[] = [];
  const look = (): void => {
    const { stream } = payer;
    if (stream !== undefined) {
      const { energy } = site.board.metal.outlet("socket-1").meters;
      const most = grantPulses(
        Math.min(stream.released + stream.window, stream.units),
        stream.ratio,
      );
      const flowed = energy?.physical ?? 0;
      if (flowed > most + runOnPulses) wrong.push(`I8: ${flowed} flowed, of ${most} at most`);
    }
    site.world.after(10, look);
  };
  look();
  return wrong;
}
