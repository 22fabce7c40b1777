// The objects of the Stripe mock and what may happen to them, by the public API reference: payment intents with
// manual capture, their charges, and refunds. Pure bookkeeping; the HTTP around it is in stripe-mock.ts.

export interface MockIntent {
  id: string;
  amount: number;
  currency: string;
  metadata: Record<string, string>;
  status: "requires_payment_method" | "requires_capture" | "succeeded" | "canceled";
  amountCapturable: number;
  amountReceived: number;
  method: string | undefined;
  /** Ever held. */
  authorised: number;
  refunded: number;
  decline: { code: string; declineCode: string } | undefined;
  created: number;
}

export interface MockRefund {
  id: string;
  intent: string;
  amount: number;
  metadata: Record<string, string>;
}

export type Params = ReadonlyMap<string, string>;
export interface Reply {
  status: number;
  body: Record<string, unknown>;
}

const DECLINES: Readonly<Record<string, readonly [code: string, declineCode: string]>> = {
  pm_card_visa_chargeDeclined: ["card_declined", "generic_decline"],
  pm_card_visa_chargeDeclinedInsufficientFunds: ["card_declined", "insufficient_funds"],
  pm_card_visa_chargeDeclinedLostCard: ["card_declined", "lost_card"],
  pm_card_visa_chargeDeclinedStolenCard: ["card_declined", "stolen_card"],
  pm_card_chargeDeclinedExpiredCard: ["expired_card", "expired_card"],
  pm_card_chargeDeclinedProcessingError: ["processing_error", "processing_error"],
  pm_card_threeDSecure2Required: ["authentication_required", "authentication_required"],
};
/** Last four digits and brand. */
const APPROVED: Readonly<Record<string, readonly [last4: string, brand: string]>> = {
  pm_card_visa: ["1111", "visa"],
  pm_card_visa_debit: ["5556", "visa"],
  pm_card_mastercard: ["4444", "mastercard"],
  pm_card_amex: ["0005", "amex"],
  pm_card_discover: ["1117", "discover"],
};
const SMALLEST = 50;
const CREATED_S = 1_767_225_600;

export function apiError(
  status: number,
  type: string,
  code: string,
  more: Record<string, unknown> = {},
): Reply {
  return { status, body: { error: { type, code, message: `mock: ${code}`, ...more } } };
}

const invalid = (code: string, param?: string): Reply =>
  apiError(400, "invalid_request_error", code, param === undefined ? {} : { param });
const missing = (param: string): Reply =>
  apiError(404, "invalid_request_error", "resource_missing", { param });

function metadataOf(params: Params): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of params) {
    const [, key] = /^metadata\[(\w{1,40})\]$/.exec(name) ?? [];
    if (key !== undefined) found[key] = value;
  }
  return found;
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,8}$/.test(text) ? Number(text) : undefined;
}

export class MockLedger {
  readonly intents = new Map<string, MockIntent>();
  readonly refunds: MockRefund[] = [];
  /** Approve so many per cent of what is asked. */
  approvedPercent = 100;

  create(params: Params): Reply {
    const amount = whole(params.get("amount"));
    const currency = params.get("currency") ?? "";
    if (amount === undefined) return invalid("parameter_invalid_integer", "amount");
    if (amount < SMALLEST) return invalid("amount_too_small", "amount");
    if (!["eur", "usd", "gbp"].includes(currency)) return invalid("invalid_currency", "currency");
    if (params.get("capture_method") !== "manual") return invalid("mock_only_manual");
    if (params.get("allowed_payment_method_types[0]") !== "card") return invalid("mock_only_card");
    const id = `pi_3Mock${String(this.intents.size + 1).padStart(19, "0")}`;
    const intent: MockIntent = {
      ...{ id, amount, currency, metadata: metadataOf(params) },
      ...{ status: "requires_payment_method", amountCapturable: 0, amountReceived: 0 },
      ...{ method: undefined, authorised: 0, refunded: 0, decline: undefined },
      created: CREATED_S + this.intents.size,
    };
    this.intents.set(id, intent);
    return { status: 200, body: shown(intent, false) };
  }

  confirm(id: string, params: Params): Reply {
    const intent = this.intents.get(id);
    if (intent === undefined) return missing("intent");
    if (intent.status !== "requires_payment_method")
      return invalid("payment_intent_unexpected_state");
    const method = params.get("payment_method") ?? "";
    const [code, declineCode] = DECLINES[method] ?? [];
    if (code !== undefined && declineCode !== undefined) {
      intent.decline = { code, declineCode };
      return apiError(402, "card_error", code, { decline_code: declineCode });
    }
    if (APPROVED[method] === undefined) {
      return apiError(400, "invalid_request_error", "resource_missing", {
        param: "payment_method",
      });
    }
    intent.method = method;
    intent.status = "requires_capture";
    intent.decline = undefined;
    intent.amountCapturable = Math.floor((intent.amount * this.approvedPercent) / 100);
    intent.authorised = intent.amountCapturable;
    return { status: 200, body: shown(intent, true) };
  }

  capture(id: string, params: Params): Reply {
    const intent = this.intents.get(id);
    if (intent === undefined) return missing("intent");
    if (intent.status !== "requires_capture") return invalid("payment_intent_unexpected_state");
    const amount = whole(params.get("amount_to_capture"));
    if (amount === undefined || amount < 1) return invalid("parameter_invalid_integer");
    if (amount > intent.amountCapturable) return invalid("amount_too_large", "amount_to_capture");
    intent.status = "succeeded";
    intent.amountReceived = amount;
    intent.amountCapturable = 0;
    Object.assign(intent.metadata, metadataOf(params));
    return { status: 200, body: shown(intent, true) };
  }

  cancel(id: string): Reply {
    const intent = this.intents.get(id);
    if (intent === undefined) return missing("intent");
    if (intent.status === "succeeded" || intent.status === "canceled") {
      return invalid("payment_intent_unexpected_state");
    }
    intent.status = "canceled";
    intent.amountCapturable = 0;
    return { status: 200, body: shown(intent, true) };
  }

  retrieve(id: string, isExpanded: boolean): Reply {
    const intent = this.intents.get(id);
    return intent === undefined
      ? missing("intent")
      : { status: 200, body: shown(intent, isExpanded) };
  }

  list(): Reply {
    const data = [...this.intents.values()].reverse().map((one) => shown(one, false));
    return { status: 200, body: { object: "list", data, has_more: false } };
  }

  refund(params: Params): Reply {
    const intent = this.intents.get(params.get("payment_intent") ?? "");
    if (intent === undefined) return missing("payment_intent");
    if (intent.status !== "succeeded") return invalid("payment_intent_unexpected_state");
    const amount = whole(params.get("amount"));
    if (amount === undefined || amount < 1) return invalid("parameter_invalid_integer", "amount");
    const left = intent.amountReceived - intent.refunded;
    if (left === 0) return invalid("charge_already_refunded");
    if (amount > left) return invalid("amount_too_large", "amount");
    intent.refunded += amount;
    const id = `re_3Mock${String(this.refunds.length + 1).padStart(16, "0")}`;
    const refund = { id, intent: intent.id, amount, metadata: metadataOf(params) };
    this.refunds.push(refund);
    return { status: 200, body: this.#shownRefund(refund) };
  }

  listRefunds(intent: string): Reply {
    const mine = this.refunds.filter((one) => one.intent === intent);
    const data = mine.reverse().map((one) => this.#shownRefund(one));
    return { status: 200, body: { object: "list", data, has_more: false } };
  }

  #shownRefund({ id, intent, amount, metadata }: MockRefund): Record<string, unknown> {
    const { currency } = this.intents.get(intent) ?? {};
    const object = "refund";
    return { id, object, amount, currency, payment_intent: intent, status: "succeeded", metadata };
  }
}

function shown(intent: MockIntent, isExpanded: boolean): Record<string, unknown> {
  const { id, amount, currency, metadata, status, method, decline } = intent;
  const charge = intent.authorised > 0 ? shownCharge(intent, method ?? "") : null;
  return {
    ...{ id, object: "payment_intent", amount, currency, metadata: { ...metadata }, status },
    ...{ amount_capturable: intent.amountCapturable, amount_received: intent.amountReceived },
    ...{ capture_method: "manual", created: intent.created, livemode: false },
    latest_charge: isExpanded || charge === null ? charge : charge["id"],
    last_payment_error:
      decline === undefined
        ? null
        : { type: "card_error", code: decline.code, decline_code: decline.declineCode },
  };
}

function shownCharge(intent: MockIntent, method: string): Record<string, unknown> {
  const [last4, brand] = APPROVED[method] ?? ["0000", "unknown"];
  const released = intent.status === "canceled" ? intent.authorised : 0;
  return {
    ...{ id: intent.id.replace("pi_", "ch_"), object: "charge", created: intent.created },
    ...{ amount: intent.authorised, amount_captured: intent.amountReceived },
    amount_refunded: intent.refunded + released,
    outcome: { network_status: "approved_by_network", type: "authorized" },
    payment_method_details: {
      type: "card",
      card: {
        ...{ brand, network: brand, last4, exp_month: 12, exp_year: 2030 },
        fingerprint: `Mock${method.replaceAll("_", "").padEnd(12, "0")}`,
        authorization_code: "A1B2C3",
      },
    },
  };
}
