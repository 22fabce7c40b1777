// Opens what pays for one session of an order by the unit: the chain again from the payer's secret, how far earlier
// sessions came from their receipts, and a journal that follows what is let go of. It is behind, and may be: what is due
// follows from what is delivered.

import { after, type Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { STEP_UNITS_MAX, WINDOW_UNITS_MAX } from "../protocol/messages.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ChainLink } from "../token/hash-chain.ts";
import { peekOffer } from "../token/offer.ts";
import { peekReceipt, type Receipt } from "../token/receipt.ts";
import type { Events } from "./events.ts";
import { type Purchase, type Purchases, type StreamChange, withStream } from "./purchase.ts";
import { chainOf, deliveredPulses, provedUnits, sessionPulses } from "./stream-order.ts";
import { Streaming } from "./streaming.ts";

/** How the payer wants to pay a session by the unit. */
export interface StreamChoice {
  /** Units that one proof pays for, and units that the device delivers ahead of proof: as before where nothing is said. */
  step?: number;
  window?: number;
  /**
   * Units of the order, over all its sessions, that the payer's own meter has counted, fractions included. Nothing is
   * paid beyond it; nor at all while it says undefined, because it does not know.
   */
  ownUnits?(): number | undefined;
}

export interface StreamsPorts {
  clock: Clock;
  crypto: Crypto;
  purchases: Purchases;
  events: Events;
  boxSecret: Uint8Array;
  device: string;
  sendProof(proof: ChainLink): void;
  isUp(): boolean;
}

/** Receipts of earlier sessions follow by themselves when the order was asked about. */
const RECEIPTS_MS = 10_000;

export interface SessionStream {
  /** With the receipts of all sessions before. */
  purchase: Purchase;
  streaming: Streaming;
  step: number;
  window: number;
  /** The device has taken step and window: they are kept, for the next session and for a dispute. */
  agreed(): void;
}

export class Streams {
  readonly #ports: StreamsPorts;

  constructor(ports: StreamsPorts) {
    this.#ports = ports;
  }

  /**
   * Undefined for an order that was paid in one piece. Errors: `not-streamed` where one was to be paid by the unit,
   * `out-of-range`, `timed-out` when receipts of earlier sessions do not come. Throws HalError.
   */
  async open(
    purchase: Purchase,
    session: number,
    units: number | undefined,
    choice: StreamChoice | undefined,
  ): Promise<Result<SessionStream | undefined>> {
    if (purchase.stream === undefined) {
      if (choice === undefined) return ok(undefined);
      return fail("not-streamed", "the order was paid in one piece, not by the unit", "purchase");
    }
    const { step = purchase.stream.step, window = purchase.stream.window } = choice ?? {};
    if (!isWithin(step, 1, STEP_UNITS_MAX)) {
      return fail("out-of-range", `the step is 1 to ${STEP_UNITS_MAX} units`, "step");
    }
    if (!isWithin(window, 0, WINDOW_UNITS_MAX)) {
      return fail("out-of-range", `the window is 0 to ${WINDOW_UNITS_MAX} units`, "window");
    }
    const latest = await this.#withReceipts(purchase, session - 1);
    if (!latest.ok) return latest;
    const { clock, events, sendProof, isUp } = this.#ports;
    const { now, receipts, released } = latest.value;
    const offer = peekOffer(purchase.offer);
    if (!offer.ok) return offer;
    const { id } = purchase;
    const beforePulses = deliveredPulses(receipts);
    const { numerator, denominator } = offer.value;
    const keep = this.#keeper(id);
    keep({ released });
    const streaming = new Streaming(
      {
        clock,
        send: sendProof,
        isConnected: isUp,
        released: ({ units: paid }) => {
          keep({ released: paid });
          const { device } = this.#ports;
          events.tell({ event: "proof", device, order: id, session, units: paid });
        },
      },
      {
        session,
        stream: {
          units: offer.value.units,
          ratio: { numerator, denominator },
          ...{ step, window, released },
        },
        chain: chainOf({ ...offer.value, signedOffer: purchase.offer }, released, this.#ports),
        beforePulses,
        mostPulses: sessionPulses(offer.value, beforePulses, units),
        ownUnits: choice?.ownUnits && (() => events.guard("progress", () => choice.ownUnits?.())),
      },
    );
    const agreed = (): void => keep({ step, window });
    return ok({ purchase: now, streaming, step, window, agreed });
  }

  /** The receipts of so many sessions, and what was let go of. */
  async #withReceipts(
    purchase: Purchase,
    sessions: number,
  ): Promise<Result<{ now: Purchase; receipts: readonly Receipt[]; released: number }>> {
    const { clock, purchases } = this.#ports;
    const deadlineMs = clock.monotonicMs() + RECEIPTS_MS;
    for (let now = purchase; ; now = (await purchases.get(purchase.id)) ?? now) {
      const read = now.receipts.map((signed) => peekReceipt(signed));
      const receipts = read.flatMap((one) => (one.ok ? [one.value] : []));
      const known = receipts.filter(({ is }) => is === "session").length;
      if (known >= sessions) {
        const released = Math.max(now.stream?.released ?? 0, provedUnits(receipts));
        return ok({ now, receipts, released });
      }
      if (clock.monotonicMs() >= deadlineMs) {
        return fail("timed-out", "receipts of earlier sessions have not come: try again");
      }
      await new Promise<void>((resolve) => after(clock, 100, resolve));
    }
  }

  /** Journals how far we are, one write at a time, whatever comes meanwhile in the next. */
  #keeper(id: string): (change: StreamChange) => void {
    const { purchases } = this.#ports;
    let latest: StreamChange = {};
    let kept: StreamChange | undefined;
    let isKeeping = false;
    const keep = async (): Promise<void> => {
      isKeeping = true;
      while (kept !== latest) {
        const next = latest;
        await purchases.change(id, (current) => withStream(current, next));
        kept = next;
      }
      isKeeping = false;
    };
    return (change) => {
      latest = { ...latest, ...change };
      // A journal that breaks is told by the delivery, which writes it too.
      if (!isKeeping) keep().catch(() => undefined);
    };
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
