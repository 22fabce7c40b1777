// Offers and receipts as people and machines read them: one fact a line, money by its currency, units in
// decimals, times in UTC.

import { formatMinor } from "../firmware/money.ts";
import type { Offer } from "../firmware/token/offer.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import { milliUnits } from "../firmware/units.ts";

/** "3 kWh", "0.250 L". */
export function unitsText(thousandths: number, unit: string): string {
  const whole = Math.floor(thousandths / 1000);
  const rest = thousandths % 1000;
  return rest === 0 ? `${whole} ${unit}` : `${whole}.${String(rest).padStart(3, "0")} ${unit}`;
}

export function pulsesText(pulses: number, offer: Offer): string {
  return unitsText(milliUnits(pulses, offer), offer.unit);
}

/** "2026-01-31 12:00:05Z". */
export function timeText(seconds: number): string {
  return new Date(1000 * seconds).toISOString().replace("T", " ").replace(".000", "");
}

/** "1 receipt", "3 receipts". */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(12)} ${value}`;
}

const UNDELIVERED_TEXT: Readonly<Record<Offer["undelivered"], string>> = {
  refund: "what is not delivered is refunded",
  "credit-refund": "what is not delivered stays credit until it expires, then is refunded",
  "credit-forfeit": "what is not delivered stays credit until it expires, then is forfeited",
};

export function offerRows(offer: Offer): readonly string[] {
  const { units, unit, service, price, priceMinor, currency } = offer;
  return [
    row("order", offer.id),
    row(
      "for",
      `${units} ${unit} of service ${service}, price ${price}: ${formatMinor(priceMinor, currency)} per ${unit}`,
    ),
    ...offer.lines.map(({ kind, amountMinor }) =>
      row(`- ${kind}`, formatMinor(amountMinor, currency)),
    ),
    row("total", formatMinor(offer.totalMinor, currency)),
    row("undelivered", UNDELIVERED_TEXT[offer.undelivered]),
  ];
}

export function offerFact(offer: Offer): Record<string, unknown> {
  const { id, consumer: _, ...terms } = offer;
  return { order: id, ...terms };
}

const CLOCK_TEXT: Readonly<Record<Receipt["clock"], string>> = {
  unset: "the device's clock was not set: do not rely on the time",
  set: "the device's clock was set, not known to be in step",
  synchronised: "the device's clock was in step with a time source",
};

export function receiptRows(receipt: Receipt, offer: Offer): readonly string[] {
  const { currency, unit } = offer;
  const money = (amountMinor: number): string => formatMinor(amountMinor, currency);
  const common = [
    row("payment", receipt.payment),
    row("stopped", receipt.reason),
    row("time", `${timeText(receipt.atS)} (${CLOCK_TEXT[receipt.clock]})`),
  ];
  const delivered = row(
    "delivered",
    `${unitsText(receipt.milliUnits, unit)} (${receipt.pulses} pulses)`,
  );
  if (receipt.is === "session") {
    const { startReading, endReading, runOnPulses } = receipt;
    return [
      `receipt ${receipt.number}: session ${receipt.session} of order ${receipt.order}`,
      row("readings", `${startReading} to ${endReading} pulses`),
      delivered,
      ...(runOnPulses === 0 ? [] : [row("ran on", `${runOnPulses} pulses more, not charged`)]),
      row("amount", money(receipt.amountMinor)),
      ...common,
    ];
  }
  return [
    `receipt ${receipt.number}: settlement of order ${receipt.order} (${countText(receipt.sessions, "session")})`,
    delivered,
    row("amount", money(receipt.amountMinor)),
    row("captured", money(receipt.capturedMinor)),
    row("refund", money(receipt.refundedMinor)),
    ...(receipt.forfeitedMinor === 0 ? [] : [row("forfeited", money(receipt.forfeitedMinor))]),
    ...(receipt.owedMinor === 0 ? [] : [row("still owed", money(receipt.owedMinor))]),
    ...common,
  ];
}

export function receiptFact(receipt: Receipt, offer: Offer): Record<string, unknown> {
  const { previous: _, offer: __, ...facts } = receipt;
  const { unit, currency } = offer;
  return { ...facts, units: receipt.milliUnits / 1000, unit, currency };
}
