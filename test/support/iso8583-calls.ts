// What tests of the ISO 8583 host do with it: one payment's calls, and what passed on the line.

import { DE } from "../../hal/drivers/iso8583-fields.ts";
import { decodeIso8583 } from "../../hal/drivers/iso8583-message.ts";
import type { HostAnswer } from "../../hal/payment-host.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { order, paying } from "../contract/payment-host-payer.ts";
import type { IsoBench } from "./iso8583-bench.ts";

const EUR = "EUR";
const EVIDENCE = new Uint8Array(8).fill(7);
export const KEY = `${order(1)}/1`;

const eur = (amountMinor: number) => ({ amountMinor, currency: EUR });

export async function authorise(
  bench: IsoBench,
  key = KEY,
  card: string = TEST_CARDS.approve,
): Promise<HostAnswer> {
  const nonce = Number.parseInt(key.slice(0, 16), 16);
  return bench.settle(bench.host.authorise(`${key}/authorise`, ...paying(bench, { card, nonce })));
}

export const capture = (bench: IsoBench, reference: string, amountMinor = 700) =>
  bench.settle(bench.host.capture(`${KEY}/capture`, reference, eur(amountMinor), EVIDENCE));
export const refund = (bench: IsoBench, reference: string, amountMinor = 200) =>
  bench.settle(bench.host.refund(`${KEY}/refund`, reference, eur(amountMinor)));
export const reverse = (bench: IsoBench) =>
  bench.settle(bench.host.reverse(`${KEY}/reverse`, `${KEY}/authorise`));

export const sent = (bench: IsoBench, way: "up" | "down" = "up") =>
  bench.line.seen.filter((one) => one.way === way).map(({ bytes }) => bytes);

/** Type, trace number and response code of all that passed. */
export function told(bench: IsoBench): string[] {
  return bench.line.seen.map(({ bytes }) => {
    const read = decodeIso8583(bytes);
    if (!read.ok) return read.why;
    const { type, fields } = read.message;
    return [type, fields.get(DE.trace), fields.get(DE.responseCode)].filter(Boolean).join(" ");
  });
}
