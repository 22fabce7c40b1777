// sluice status: our orders and the devices that are there; or how one order stands at its device, which also
// sends again the receipts that we lack.

import { toHex } from "../../firmware/bytes.ts";
import { type Purchase, Purchases } from "../../firmware/consumer/purchase.ts";
import { formatMinor } from "../../firmware/money.ts";
import type { MessageOf } from "../../firmware/protocol/messages.ts";
import { ok, type Result } from "../../firmware/result.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import { countedUnits, countText } from "../../firmware/units.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import {
  type Buyer,
  CONSUMER_HELP,
  CONSUMER_OPTIONS,
  NOTHING_MORE,
  refuse,
  withBuyer,
} from "../consumer.ts";
import { deviceText, groupedThumbprint, openDealerOf } from "../device-choice.ts";
import { type Identity, identityFolder, openIdentity } from "../identity.ts";
import { OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { askHistory, deferredText } from "../operator-flows.ts";
import { textOption } from "../option-value.ts";
import { consumerLog, writeLog } from "../order-log.ts";
import { byAge, resolveOrder } from "../order-reference.ts";
import { keptOffer, keptReceipts, tellReceipts } from "../receipt-keeping.ts";
import { awaitReceipts } from "../receipt-waiting.ts";
import { pulsesText } from "../sale-text.ts";

/** Announcements are retained: who is there is heard of at once. */
const LOOK_MS = 1_000;

export const status: Command = {
  name: "status",
  summary: "your orders and the devices there are; or how one order stands",
  usage: "[REF [--log FILE]] | --device [options]",
  help: `Without REF: the name by which devices know this identity, its orders, latest first, and the devices
that announce themselves.
With REF (an id, the beginning of one, or last): asks the order's device how it stands; receipts
that are missing here are sent again and kept.
Of finished orders the last 1,000 stay here; open ones and the receipt bundles on disk always do.

  --save FILE        with REF: also keep the receipt bundle there
  --log FILE         with REF: write what you can show of the order there, for sluice dispute
  --device           for its operator: whether a running device can sell, why not, and its figures;
                     what was sold without the payment host, where the device file allows that
  --operator-key FILE  with --device: private key of the operator (default: the one among the keys
                     of the device that runs here, as a bench has it)
  --passphrase-file FILE  with --device: the key's passphrase; else it is asked for
  --to NAME|ID       with --device: which (default: the one that runs here)
${CONSUMER_HELP}

example: sluice status last`,
  options: {
    ...CONSUMER_OPTIONS,
    ...OPERATOR_OPTIONS,
    save: { type: "string" },
    log: { type: "string" },
    device: { type: "boolean" },
  },
  positionalsMax: 1,
  run: (invocation) =>
    invocation.values["device"] === true
      ? withOperator(invocation, ok, tellHealth)
      : tellStatus(invocation),
};

/** How the device is, and what it risks; once it is known how it is, nothing makes this fail. */
export async function tellHealth(operator: Operator): Promise<Result<void>> {
  const { out, device } = operator;
  const done = await operator.do({ do: "status" });
  if (!done.ok) return done;
  // Its flows say what it sold without its payment host; how it is does not depend on them.
  const history = await askHistory(operator, { most: 1 });
  const deferred = history.ok ? history.value.deferred : undefined;
  const { ready, reasons, ...figures } = done.value;
  out.emit({ step: "status", device, ready, reasons, ...figures, ...(deferred && { deferred }) });
  out.say(`${device} is ${ready === true ? "ready to sell" : "not ready to sell"}`);
  for (const reason of Array.isArray(reasons) ? reasons : []) out.say(`  ${String(reason)}`);
  for (const [name, value] of Object.entries(figures)) {
    out.say(`  ${name.padEnd(20)}  ${figureText(name, value)}`);
  }
  if (deferred !== undefined) out.say(`  ${deferredText(deferred)}`);
  return ok(undefined);
}

function figureText(name: string, value: unknown): string {
  if (name === "certificateExpiresS" && typeof value === "number") {
    return new Date(Math.min(1000 * value, 8.64e15)).toISOString().slice(0, 10);
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What is in the journal is told first: that needs no broker. */
async function tellStatus(invocation: Invocation): Promise<ExitCode> {
  const { values, positionals, out } = invocation;
  const identity = await openIdentity(identityFolder(textOption(values, "identity"), process.env));
  let told: Result<Purchase | undefined>;
  try {
    const orders = await new Purchases(identity.store).list();
    const [reference] = positionals;
    if (reference === undefined && values["log"] !== undefined) {
      const message = "whose log? name the order: sluice status REF --log FILE";
      return refuse(out, { kind: "usage", message, at: "--log" });
    }
    if (reference === undefined) tellPayer(identity, out);
    told = reference === undefined ? tellOrders(orders, out) : resolveOrder(orders, reference);
    if (told.ok && told.value !== undefined) {
      tellOrder(told.value, out);
      // As it is known here, also when the device cannot be asked.
      const kept = keepLog(told.value, identity, invocation);
      if (!kept.ok) return refuse(out, kept.fault);
      // The device forgets an offer that was never paid, and an order some time after it is closed.
      const { state } = told.value;
      if (state === "quoted" || state === "failed") return 0;
      if (state === "closed") {
        const kept = keptReceipts(told.value);
        const shown = tellReceipts({ identity, values, out }, told.value, kept);
        return shown.ok ? 0 : refuse(out, shown.fault);
      }
    }
  } finally {
    await identity.store.close();
  }
  if (!told.ok) return refuse(out, told.fault);
  const order = told.value;
  return withBuyer(invocation, NOTHING_MORE, (buyer) =>
    order === undefined ? tellDevices(buyer) : askDevice(buyer, order),
  );
}

/** Errors: those of consumerLog. Throws HalError `refused`. */
function keepLog(
  purchase: Purchase,
  { boxSecret }: Identity,
  { values, out }: Pick<Invocation, "values" | "out">,
): Result<void> {
  const file = textOption(values, "log");
  if (file === undefined) return ok(undefined);
  const log = consumerLog(purchase, { crypto: openNodeCrypto(), boxSecret });
  if (!log.ok) return log;
  writeLog(log.value, file, out);
  return ok(undefined);
}

/** As devices know it: an operator loads an account, or enters a member, under this name. */
function tellPayer({ boxSecret }: Identity, out: Output): void {
  const crypto = openNodeCrypto();
  const customer = toHex(thumbprint(crypto, crypto.boxPublicKey(boxSecret)));
  out.emit({ step: "identity", customer });
  out.say(`you are the customer ${customer}`);
}

function tellOrders(orders: readonly Purchase[], out: Output): Result<undefined> {
  out.say(orders.length === 0 ? "no orders" : "orders, latest first:");
  for (const purchase of byAge(orders)) tellOrder(purchase, out);
  return ok(undefined);
}

async function tellDevices({ consumer, out, timeoutMs, values }: Buyer): Promise<Result<void>> {
  const limitMs = values["timeout"] === undefined ? LOOK_MS : timeoutMs;
  const found = await consumer.discover({ timeoutMs: limitMs });
  if (!found.ok) return found;
  out.say(found.value.length === 0 ? "no device announces itself" : "devices:");
  for (const one of found.value) {
    const { device, name, verified } = one;
    const operator = groupedThumbprint(one.operator);
    out.emit({ step: "discover", device, name, operator, verified: verified !== undefined });
    out.say(`  ${deviceText(one)}`);
  }
  return ok(undefined);
}

function tellOrder(purchase: Purchase, out: Output): void {
  const { id, state, device, name, why } = purchase;
  const offer = keptOffer(purchase);
  if (!offer.ok) {
    out.fault(offer.fault);
    return;
  }
  const { units, unit, service, totalMinor, currency } = offer.value;
  const receipts = purchase.receipts.length;
  const prepaid = purchase.prepaid && true;
  const bought = { service, units, unit, totalMinor, currency, prepaid };
  out.emit({ type: "order", order: id, state, device, name, ...bought, receipts, why });
  const reason = why === undefined ? "" : ` (${why})`;
  const total = prepaid ? "a prepaid token" : formatMinor(totalMinor, currency);
  out.say(
    `  ${id}  ${state}${reason}  ${countedUnits(units, unit)} for ${total} from ${name}, ${countText(receipts, "receipt")}`,
  );
}

async function askDevice(buyer: Buyer, purchase: Purchase): Promise<Result<void>> {
  const dealer = await openDealerOf(buyer, purchase);
  if (!dealer.ok) return dealer;
  const standing = await dealer.value.standing(purchase);
  if (!standing.ok) return standing;
  const told = tellStanding(buyer, purchase, standing.value);
  if (!told.ok) return told;
  const { state, sessions } = standing.value;
  const closing = state === "closing" || state === "closed";
  const now = await awaitReceipts(buyer, dealer.value, purchase, (one) =>
    closing ? one.state === "closed" : one.sessions >= sessions,
  );
  if (!now.ok) return now;
  const kept = keepLog(now.value, buyer.identity, buyer);
  if (!kept.ok) return kept;
  const receipts = keptReceipts(now.value);
  return receipts.length === 0 ? ok(undefined) : tellReceipts(buyer, now.value, receipts);
}

function tellStanding(
  { out }: Buyer,
  purchase: Purchase,
  { is: _, token: __, ...standing }: MessageOf<"order">,
): Result<void> {
  const offer = keptOffer(purchase, standing.grantPulses);
  if (!offer.ok) return offer;
  out.emit({ type: "standing", order: purchase.id, ...standing });
  const { state, sessions, running, pulses, grantPulses } = standing;
  const runs = running ? ", a delivery is running" : "";
  const delivered = pulsesText(pulses, offer.value);
  const left = pulsesText(grantPulses - pulses, offer.value);
  out.say(
    `  at the device: ${state}, ${countText(sessions, "session")}, ${delivered} delivered, ${left} left${runs}`,
  );
  return ok(undefined);
}
