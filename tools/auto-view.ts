// A standing need as it is followed: a line for each thing that happens, or with --json an object.

import type { AutoEvent, StandingNeed } from "../firmware/consumer/auto.ts";
import { plainText } from "../firmware/log.ts";
import { formatMinor } from "../firmware/money.ts";
import { stopWords } from "../firmware/token/stop-words.ts";
import { countText } from "../firmware/units.ts";
import type { Buyer } from "./consumer.ts";
import { keptOffer, tellReceipts } from "./receipt-keeping.ts";
import { pulsesText, unitsText } from "./sale-text.ts";

type Event<K extends AutoEvent["on"]> = Extract<AutoEvent, { on: K }>;
type Teller = { [K in AutoEvent["on"]]: (event: Event<K>) => void };

export function autoView(buyer: Buyer, need: StandingNeed): (event: AutoEvent) => void {
  const teller = openTeller(buyer, need);
  return (event) => (teller[event.on] as (event: AutoEvent) => void)(event);
}

function openTeller(buyer: Buyer, { currency, budgetMinor }: StandingNeed): Teller {
  const { out } = buyer;
  const money = (amountMinor: number): string => formatMinor(amountMinor, currency);
  const say = (text: string): void => out.say(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
  return {
    waiting: ({ waitMs, levelMilli }) => {
      out.emit({ step: "waiting", waitMs, levelMilli });
      const left = levelMilli === undefined ? "" : `${levelMilli / 1000} left, `;
      out.progress(`${left}next purchase in ${Math.ceil(waitMs / 1000)} s`);
    },
    refused: ({ fault, againMs }) => {
      const { kind } = fault;
      const message = plainText(fault.message);
      out.emit({ step: "refused", kind, message, againMs });
      say(`not now   ${message} [${kind}]; again in ${Math.ceil(againMs / 1000)} s`);
    },
    resumed: ({ order, device }) => {
      out.emit({ step: "resume", order, device });
      say(`going on  with order ${order}`);
    },
    paid: ({ order, device, units, unit, totalMinor }) => {
      out.emit({ step: "pay", order, device, units, unit, totalMinor, currency });
      say(`paid      ${unitsText(1000 * units, unit)} for ${money(totalMinor)}, order ${order}`);
    },
    progress: ({ order, pulses }) => {
      out.emit({ step: "progress", order, pulses });
      out.progress(`order ${order}: ${countText(pulses, "pulse")}`);
    },
    delivered: ({ purchase, receipts }) => {
      // The papers are kept like those of any purchase; a line for each order is enough to read.
      tellReceipts({ ...buyer, out: { ...out, say: () => undefined } }, purchase, receipts);
      const offer = keptOffer(purchase);
      for (const receipt of receipts) {
        if (receipt.is !== "session" || !offer.ok) continue;
        say(
          `delivered ${pulsesText(receipt.pulses, offer.value)}: ${stopWords({ reason: receipt.reason, cause: receipt.breakdown?.cause })}`,
        );
      }
    },
    settled: ({ order, chargedMinor, spentMinor }) => {
      out.emit({ step: "settled", order, chargedMinor, spentMinor, currency });
      say(`settled   ${money(chargedMinor)}; ${money(spentMinor)} of ${money(budgetMinor)} spent`);
    },
  };
}
