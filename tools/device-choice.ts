// Which device to deal with: the one named, the only one there is, or none without asking; and the moment at
// which it is shown who vouches for it.

import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { Found } from "../firmware/consumer/discovery.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Buyer } from "./consumer.ts";
import { textOption } from "./option-value.ts";

/** Announcements are retained: those that are there come in one go, and who is not in it is not there. */
const SETTLE_MS = 250;

/** Sixteen digits in groups of four, as fingerprint writes them. */
export function groupedThumbprint(hex: string): string {
  return hex.replace(/(....)(?=.)/g, "$1-");
}

export function deviceText({ name, device, operator, verified }: Found): string {
  const known = verified === undefined ? "unverified: its operator is not known yet" : "verified";
  return `${name}  ${device}  operator ${groupedThumbprint(operator)}  ${known}`;
}

/** Errors: `not-found` and, where the user has to choose, `usage`. */
export function chooseDevice(all: readonly Found[], to: string | undefined): Result<Found> {
  const byId = all.find(({ device }) => device === to);
  if (byId !== undefined) return ok(byId);
  const fitting = to === undefined ? all : all.filter(({ name }) => name === to);
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined) return ok(only);
  if (fitting.length > 1) {
    const list = fitting.map((found) => `\n  ${deviceText(found)}`).join("");
    return fail(
      "usage",
      `${fitting.length} devices are there; choose one with --to ID:${list}`,
      "--to",
    );
  }
  if (all.length === 0) {
    return fail(
      "not-found",
      'no device announces itself: start one with "sluice run", or look longer with --timeout',
    );
  }
  const names = all.map(({ name, device }) => `${name} (${device})`).join(", ");
  return fail("not-found", `there is no device ${to}; there is ${names}`, "--to");
}

/** Finds the device that --to names, or the only one, and settles whether we deal with it. */
export async function openDealer(buyer: Buyer): Promise<Result<Dealer>> {
  const { consumer, values, timeoutMs } = buyer;
  const to = textOption(values, "to");
  const wanted = (found: Found): boolean =>
    to === undefined || [found.device, found.name].includes(to);
  const first = await consumer.discover({ timeoutMs, enough: wanted });
  if (!first.ok) return first;
  // Another of the same name, or a second device, may be in the same burst.
  const isSure = first.value.some(({ device }) => device === to);
  const all = isSure ? first : await consumer.discover({ timeoutMs: SETTLE_MS });
  if (!all.ok) return all;
  const chosen = chooseDevice(all.value, to);
  return chosen.ok ? deal(buyer, chosen.value) : chosen;
}

/** Finds the device of an order again. */
export async function openDealerOf(buyer: Buyer, purchase: Purchase): Promise<Result<Dealer>> {
  const { consumer, timeoutMs, broker } = buyer;
  const isIts = ({ device }: Found): boolean => device === purchase.device;
  const all = await consumer.discover({ timeoutMs, enough: isIts });
  if (!all.ok) return all;
  const found = all.value.find(isIts);
  if (found !== undefined) return deal(buyer, found);
  const { name, device } = purchase;
  return fail(
    "not-found",
    `${name} (${device}) does not announce itself at ${broker.url}: is it running there?`,
  );
}

async function deal(buyer: Buyer, found: Found): Promise<Result<Dealer>> {
  const { consumer, out, values, crypto } = buyer;
  const dealer = await consumer.init(found);
  if (!dealer.ok) return dealer;
  const { announcement, operatorKey, device } = dealer.value;
  const { name, verified } = announcement;
  const operator = fingerprint(operatorKey, crypto);
  const isKnown = found.verified !== undefined;
  const trust = values["operator"] === undefined ? (isKnown ? "pinned" : "first-use") : "given";
  const { bench } = verified;
  out.emit({ step: "init", device, name, operator, trust, bench });
  const keys = bench ? "; bench keys: simulated money only" : "";
  out.say(`device ${name} (${device}), operator ${operator} (${TRUST[trust]}${keys})`);
  return dealer;
}

const TRUST = {
  given: "the one you named",
  pinned: "known",
  "first-use": "new to us, pinned from now on",
} as const;
