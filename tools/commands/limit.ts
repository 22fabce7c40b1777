// sluice limit: what this identity may spend in all, and how much of it is used.

import { Purchases } from "../../firmware/consumer/purchase.ts";
import { Spending, type SpendingLimit } from "../../firmware/consumer/spending.ts";
import { formatMinor } from "../../firmware/money.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { refuse } from "../consumer.ts";
import { identityFolder, openIdentity } from "../identity.ts";
import { integerOption, type OptionValues, textOption } from "../option-value.ts";
import { AMOUNT_BOUNDS } from "../selection.ts";

export const limit: Command = {
  name: "limit",
  summary: "limit what this identity may spend in all",
  usage: "[--max MINOR --currency CODE | --off] [--identity DIR] [--json]",
  help: `Without options: the limits, and how much of each is used. Orders count in full while they are
open, and as they were charged once they are settled. What would pass a limit is refused when it is
selected and again when it is paid, by every process of this identity together. Where there is any
limit, nothing is bought in another currency.

  --max MINOR        from now on no more than this in all, in minor units (2500 is 25.00 EUR);
                     begins to count from nothing
  --currency CODE    of which currency (ISO 4217)
  --off              no limit any more
  --identity DIR     your key, pins, orders and receipts
                     (default: ~/.local/state/sluice/consumer)
  --json             one JSON object a line

example: sluice limit --max 2500 --currency EUR`,
  options: {
    max: { type: "string" },
    currency: { type: "string" },
    off: { type: "boolean" },
    identity: { type: "string" },
  },
  positionalsMax: 0,
  run: changeLimit,
};

async function changeLimit({ values, out }: Invocation): Promise<ExitCode> {
  const wanted = readLimit(values);
  if (!wanted.ok) return refuse(out, wanted.fault);
  const { store } = await openIdentity(identityFolder(textOption(values, "identity"), process.env));
  try {
    const spending = new Spending(store, new Purchases(store));
    if (values["off"] === true) await spending.unlimit();
    if (wanted.value !== undefined) await spending.limit(wanted.value);
    const all = await spending.list();
    if (all.length === 0) out.say("no limit: set one with --max MINOR --currency CODE");
    for (const spent of all) {
      const { currency, limitMinor, spentMinor, openMinor } = spent;
      const leftMinor = Math.max(0, limitMinor - spentMinor - openMinor);
      out.emit({ type: "limit", ...spent, leftMinor });
      const money = (minor: number): string => formatMinor(minor, currency);
      const used = `${money(spentMinor)} spent, ${money(openMinor)} open`;
      out.say(`limit ${money(limitMinor)}: ${used}, ${money(leftMinor)} left`);
    }
    return 0;
  } finally {
    await store.close();
  }
}

/** Error: `usage`. */
function readLimit(values: OptionValues): Result<SpendingLimit | undefined> {
  const max = integerOption(values, "max", AMOUNT_BOUNDS);
  if (!max.ok) return max;
  const currency = textOption(values, "currency");
  const isOff = values["off"] === true;
  if (max.value === undefined && currency === undefined) return ok(undefined);
  if (isOff) return fail("usage", "--off takes every limit away: leave the others out", "--off");
  if (max.value === undefined || currency === undefined) {
    return fail("usage", "a limit needs both --max MINOR and --currency CODE", "--max");
  }
  if (!/^[A-Z]{3}$/.test(currency)) {
    return fail("usage", "a currency is three capital letters, such as EUR", "--currency");
  }
  return ok({ currency, amountMinor: max.value });
}
