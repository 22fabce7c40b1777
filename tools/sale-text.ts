// Offers and receipts as people and machines read them: one fact a line, money by its currency, units in
// decimals, times in UTC.

import { containedTax, formatMinor } from "../firmware/money.ts";
import { moneyPart } from "../firmware/token/charge.ts";
import type { AmountLine, Offer } from "../firmware/token/offer.ts";
import type { Receipt } from "../firmware/token/receipt.ts";
import { stopWords } from "../firmware/token/stop-words.ts";
import { countedUnits, countText, milliUnits, runsOf } from "../firmware/units.ts";
import { percentText, perUnitText } from "./price-text.ts";

/** "3 kWh", "0.250 L". */
export function unitsText(thousandths: number, unit: string): string {
  const whole = Math.floor(thousandths / 1000);
  const rest = thousandths % 1000;
  return rest === 0
    ? countedUnits(whole, unit)
    : `${whole}.${String(rest).padStart(3, "0")} ${unit}`;
}

export function pulsesText(pulses: number, offer: Offer): string {
  return unitsText(milliUnits(pulses, offer), offer.unit);
}

/** "2026-01-31 12:00:05Z". */
export function timeText(seconds: number): string {
  return new Date(1000 * seconds).toISOString().replace("T", " ").replace(".000", "");
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(12)} ${value}`;
}

const UNDELIVERED_TEXT: Readonly<Record<Offer["undelivered"], string>> = {
  refund: "what is not delivered is refunded",
  "credit-refund": "what is not delivered stays credit until it expires, then is refunded",
  "credit-forfeit": "what is not delivered stays credit until it expires, then is forfeited",
};

/** Lines of an offer, or of a receipt for it, each with the name that the offer, or for an extra the receipt, gives it. */
function namedLines(
  offer: Offer,
  lines: readonly AmountLine[],
  extraNames: readonly string[] = [],
): readonly NamedLine[] {
  const extras = [...extraNames];
  const fees = offer.lines.filter(({ kind }) => kind !== "units");
  const names = fees.map(({ kind }, i) => offer.tariff?.feeNames?.[i] ?? kind);
  const left = fees.map((fee, i) => ({ ...fee, name: names[i] ?? fee.kind }));
  return lines.map((line) => {
    if (line.kind === "units") return { ...line, name: "units" };
    if (line.kind === "extra") return { ...line, name: extras.shift() ?? line.kind };
    const found = left.findIndex(({ kind, amountMinor }) => {
      return kind === line.kind && amountMinor === line.amountMinor;
    });
    const [fee] = found === -1 ? [] : left.splice(found, 1);
    return { ...line, name: fee?.name ?? line.kind };
  });
}

type NamedLine = AmountLine & { name: string };

/** The line for the units as one row for each price of theirs. */
function unitRows(offer: Offer): readonly string[] {
  const { units, unit, currency, priceMinor, tariff } = offer;
  const runs = runsOf(units, { priceMinor, tiers: tariff?.tiers });
  if (runs.length === 1) {
    return [row("- units", formatMinor(units * (runs[0]?.priceMinor ?? 0), currency))];
  }
  return runs.map(({ units: count, priceMinor: each }) => {
    const amount = formatMinor(count * each, currency);
    return row(
      "- units",
      `${amount} for ${countedUnits(count, unit)}, ${perUnitText(each, currency, unit)}`,
    );
  });
}

function taxRows({ tariff, currency }: Offer, taxMinor: number | undefined): readonly string[] {
  const points = tariff?.taxBasisPoints;
  if (points === undefined || taxMinor === undefined) return [];
  return [row("of which tax", `${formatMinor(taxMinor, currency)} (${percentText(points)})`)];
}

function offerTax({ tariff, totalMinor }: Offer): number | undefined {
  const points = tariff?.taxBasisPoints;
  return points === undefined ? undefined : containedTax(totalMinor, points);
}

export function offerRows(offer: Offer): readonly string[] {
  const { units, unit, service, price, priceMinor, currency, lines } = offer;
  const fees = namedLines(offer, lines).filter(({ kind }) => kind !== "units");
  return [
    row("order", offer.id),
    row(
      "for",
      `${countedUnits(units, unit)} of service ${service}, price ${price}: ${perUnitText(priceMinor, currency, unit)}`,
    ),
    ...unitRows(offer),
    ...fees.map(({ name, amountMinor }) => row(`- ${name}`, formatMinor(amountMinor, currency))),
    row("total", formatMinor(offer.totalMinor, currency)),
    ...taxRows(offer, offerTax(offer)),
    row("undelivered", UNDELIVERED_TEXT[offer.undelivered]),
  ];
}

export function offerFact(offer: Offer): Record<string, unknown> {
  const { id, consumer: _, tariff, ...terms } = offer;
  if (tariff === undefined) return { order: id, ...terms };
  const { feeNames: __, ...rest } = tariff;
  const taxMinor = offerTax(offer);
  const lines = namedLines(offer, offer.lines);
  return { order: id, ...terms, ...rest, lines, ...(taxMinor === undefined ? {} : { taxMinor }) };
}

const CLOCK_TEXT: Readonly<Record<Receipt["clock"], string>> = {
  unset: "the device's clock was not set: do not rely on the time",
  set: "the device's clock was set, not known to be in step",
  synchronised: "the device's clock was in step with a time source",
};

/** By what the payer himself has said for what he is charged. */
function streamedRows({ breakdown }: Receipt): readonly string[] {
  if (breakdown?.streamed === undefined) return [];
  const { proof, unpaidPulses, caughtUpPulses } = breakdown.streamed;
  return [
    row("proved", `${countText(proof.units, "unit")} of the order, by the payer's own proof`),
    ...(unpaidPulses === 0
      ? []
      : [row("not paid", `${countText(unpaidPulses, "pulse")} of those, without proof`)]),
    ...(caughtUpPulses === 0
      ? []
      : [
          row(
            "caught up",
            `${countText(caughtUpPulses, "pulse")} of earlier sessions, charged here`,
          ),
        ]),
  ];
}

/** What it cost, and with a settlement what became of the money; of a prepaid token, that it was one. */
function moneyRows(receipt: Receipt, offer: Offer): readonly string[] {
  const { prepaid, lines = [], extraNames, taxMinor } = receipt.breakdown ?? {};
  if (prepaid !== undefined) return [row("payment", `prepaid token, ${PREPAID_TEXT[prepaid]}`)];
  const money = (amountMinor: number): string => formatMinor(amountMinor, offer.currency);
  const charged = [
    row("amount", money(receipt.amountMinor)),
    ...namedLines(offer, lines, extraNames).map(({ name, amountMinor }) =>
      row(`- ${name}`, money(amountMinor)),
    ),
    ...taxRows(offer, taxMinor),
  ];
  const payment = row("payment", receipt.payment);
  if (receipt.is === "session") return [...charged, payment];
  const { capturedMinor, refundedMinor, forfeitedMinor, owedMinor } = receipt;
  return [
    ...charged,
    row("captured", money(capturedMinor)),
    row("refund", money(refundedMinor)),
    ...(forfeitedMinor === 0 ? [] : [row("forfeited", money(forfeitedMinor))]),
    ...(owedMinor === 0 ? [] : [row("still owed", money(owedMinor))]),
    payment,
  ];
}

const PREPAID_TEXT = { consumer: "of the consumer's", bearer: "to bearer" } as const;

export function receiptRows(receipt: Receipt, offer: Offer): readonly string[] {
  const common = [
    ...moneyRows(receipt, offer),
    row("stopped", stopWords({ reason: receipt.reason, cause: receipt.breakdown?.cause })),
    row("time", `${timeText(receipt.atS)} (${CLOCK_TEXT[receipt.clock]})`),
  ];
  const delivered = row(
    "delivered",
    `${unitsText(receipt.milliUnits, offer.unit)} (${countText(receipt.pulses, "pulse")})`,
  );
  if (receipt.is === "session") {
    const { startReading, endReading, runOnPulses } = receipt;
    return [
      `receipt ${receipt.number}: session ${receipt.session} of order ${receipt.order}`,
      row("readings", `${startReading} to ${endReading} pulses`),
      delivered,
      ...(runOnPulses === 0
        ? []
        : [row("ran on", `${countText(runOnPulses, "pulse")} more, not charged`)]),
      ...streamedRows(receipt),
      ...common,
    ];
  }
  return [
    `receipt ${receipt.number}: settlement of order ${receipt.order} (${countText(receipt.sessions, "session")})`,
    delivered,
    ...common,
  ];
}

export function receiptFact(receipt: Receipt, offer: Offer): Record<string, unknown> {
  const { previous: _, offer: __, breakdown, ...facts } = receipt;
  const { unit, currency } = offer;
  const fact = { ...facts, units: receipt.milliUnits / 1000, unit, currency };
  const money = moneyPart(breakdown);
  if (money === undefined) return { ...fact, ...breakdown, lines: undefined };
  return { ...fact, ...breakdown, lines: namedLines(offer, money.lines, money.extraNames) };
}
