// Flow services that come with the device, each a name and options in the device file, and each an example to copy.

import type { Clock } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import type { Store } from "../../../hal/store.ts";
import type { Log } from "../../log.ts";
import type { Type } from "../../protocol/schema.ts";
import { fail, ok, type Result } from "../../result.ts";
import type { FlowService } from "../engine/service.ts";
import {
  CUSTOMER_DISPLAY_USUAL,
  type CustomerDisplay,
  customerDisplayOptions,
  openCustomerDisplay,
} from "./customer-display.ts";
import {
  MEMBER_DISCOUNT_USUAL,
  memberDiscountOptions,
  openMemberDiscount,
} from "./member-discount.ts";
import { readOptions } from "./options.ts";
import { openPoints, POINTS_USUAL, pointsOptions } from "./points.ts";
import {
  openReceiptWriter,
  RECEIPT_WRITER_USUAL,
  receiptWriterOptions,
  type SignedReceipt,
} from "./receipt-writer.ts";
import { openRoundUp, roundUpOptions } from "./round-up.ts";
import { openStoredValue, STORED_VALUE_USUAL, storedValueOptions } from "./stored-value.ts";

export interface StockPorts {
  store: Store;
  clock: Clock;
  crypto: Pick<Crypto, "digest">;
  log: Log;
  /** What is before the customer; the log where there is none. */
  display?: CustomerDisplay;
  signedReceipt?: SignedReceipt;
}

export interface StockService {
  /** For people. */
  readonly meaning: string;
  open(id: string, options: unknown, ports: StockPorts): Result<FlowService>;
}

function stock<T extends object>(
  meaning: string,
  type: Type<T>,
  usual: Partial<T>,
  open: (id: string, options: T, ports: StockPorts) => FlowService,
): StockService {
  return {
    meaning,
    open: (id, given, ports) => {
      const options = readOptions(type, usual, given);
      return options.ok ? ok(open(id, options.value, ports)) : options;
    },
  };
}

/** By what a device file says under `use`. */
export const STOCK_SERVICES: Readonly<Record<string, StockService>> = {
  "stored-value": stock(
    "pays from gift cards or accounts that were paid into",
    storedValueOptions,
    STORED_VALUE_USUAL,
    openStoredValue,
  ),
  points: stock("points, redeemed and earned", pointsOptions, POINTS_USUAL, openPoints),
  "member-discount": stock(
    "a percentage off for members",
    memberDiscountOptions,
    MEMBER_DISCOUNT_USUAL,
    openMemberDiscount,
  ),
  "round-up": stock("asks the payer to round up for a charity", roundUpOptions, {}, openRoundUp),
  "receipt-writer": stock(
    "receipts as text, with the signed one as a QR code",
    receiptWriterOptions,
    RECEIPT_WRITER_USUAL,
    openReceiptWriter,
  ),
  "customer-display": stock(
    "what is to be paid, on a display",
    customerDisplayOptions,
    CUSTOMER_DISPLAY_USUAL,
    (id, options, { clock, log, display = logDisplay(log) }) =>
      openCustomerDisplay(id, options, { clock, display }),
  ),
};

/** Fails with `malformed`, naming the field: `use`, `id`, or an option by its path. */
export function openStockService(
  use: string,
  id: string,
  options: unknown,
  ports: StockPorts,
): Result<FlowService> {
  const service = Object.hasOwn(STOCK_SERVICES, use) ? STOCK_SERVICES[use] : undefined;
  if (service === undefined) {
    const names = Object.keys(STOCK_SERVICES).join(", ");
    return fail("malformed", `use must be one of ${names}`, "use");
  }
  if (!/^[\w.-]{1,32}$/.test(id)) {
    return fail("malformed", "id must be 1 to 32 letters, digits, dots, hyphens", "id");
  }
  return service.open(id, options ?? {}, ports);
}

/** On a bench. */
function logDisplay(log: Log): CustomerDisplay {
  return { show: (lines) => log("info", "display", { text: lines.join(" | ") }) };
}
