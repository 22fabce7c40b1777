// Which device to deal with: the one named, the only one there is, or none without asking; and the moment at
// which it is shown who vouches for it.

import type { Dealer } from "../firmware/consumer/dealer.ts";
import { type DeviceFilter, type Found, fits } from "../firmware/consumer/discovery.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { fingerprint } from "../firmware/consumer/trust.ts";
import type { FaultKind } from "../firmware/fault.ts";
import { type Fault, fail, type Result } from "../firmware/result.ts";
import type { Buyer } from "./consumer.ts";
import { textOption } from "./option-value.ts";

/** Announcements are retained: those that are there come in one go, and who is not in it is not there. */
const SETTLE_MS = 250;

/** Sixteen digits in groups of four, as fingerprint writes them. */
export function groupedThumbprint(hex: string): string {
  return hex.replace(/(....)(?=.)/g, "$1-");
}

export function deviceText({ name, device, operator, types, verified }: Found): string {
  const sells = types.length === 0 ? "" : `  ${types.join(", ")}`;
  const known = verified === undefined ? "unverified: its operator is not known yet" : "verified";
  return `${name}  ${device}  operator ${groupedThumbprint(operator)}  ${known}${sells}`;
}

/** What --to means: an id where a device has it, else a name. */
export function deviceFilter(all: readonly Found[], to: string | undefined): DeviceFilter {
  if (to === undefined) return {};
  return all.some(({ device }) => device === to) ? { id: to } : { name: to };
}

/** Why none was chosen, and what to type: `not-found` and, where the user has to choose, `usage`. */
export function unchosen(all: readonly Found[], to: string | undefined, kind: FaultKind): Fault {
  if (kind === "usage") {
    const fitting = all.filter((found) => fits(found, deviceFilter(all, to)));
    const list = fitting.map((found) => `\n  ${deviceText(found)}`).join("");
    const message = `${fitting.length} devices are there; choose one with --to ID:${list}`;
    return { kind, message, at: "--to" };
  }
  if (all.length === 0 || to === undefined) {
    const message =
      'no device announces itself: start one with "sluice run", or look longer with --timeout';
    return { kind, message };
  }
  const names = all.map(({ name, device }) => `${name} (${device})`).join(", ");
  return { kind, message: `there is no device ${to}; there is ${names}`, at: "--to" };
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
  const chosen = await consumer.choose(deviceFilter(all.value, to));
  if (chosen.ok) return deal(buyer, chosen.value);
  return { ok: false, fault: unchosen(all.value, to, chosen.fault.kind) };
}

/** Finds the device of an order again; or that of a token, whose name nobody has told us. */
export async function openDealerOf(
  buyer: Buyer,
  { device, name = "the device" }: Pick<Purchase, "device"> & Partial<Pick<Purchase, "name">>,
): Promise<Result<Dealer>> {
  const { consumer, timeoutMs, broker } = buyer;
  const filter = { id: device };
  const all = await consumer.discover({ timeoutMs, filter, enough: () => true });
  if (!all.ok) return all;
  const chosen = await consumer.choose(filter);
  if (chosen.ok) return deal(buyer, chosen.value);
  return fail(
    "not-found",
    `${name} (${device}) does not announce itself at ${broker.url}: is it running there? --broker names another`,
  );
}

async function deal(buyer: Buyer, found: Found): Promise<Result<Dealer>> {
  const { consumer, out, values, crypto } = buyer;
  out.emit({ step: "choose", device: found.device, name: found.name });
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
