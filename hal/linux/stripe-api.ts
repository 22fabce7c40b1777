// The calls of Stripe's API that we use, through the `stripe` library, and what became of each. Nothing here
// remembers anything; every answer is checked before it is believed.

import { readFileSync } from "node:fs";
import Stripe from "stripe";
import type { Clock } from "../clock.ts";
import { HalError } from "../hal-error.ts";
import { readPrivateFile } from "./private-file.ts";
import {
  readIntent,
  readRefund,
  readRefunds,
  readTrouble,
  type SeenIntent,
  type SeenRefund,
  type SeenTrouble,
} from "./stripe-answers.ts";
import { openStripeHttp, type StripeHttp } from "./stripe-http.ts";

export interface StripeAddress {
  host: string;
  port: number;
  /** Plain http goes to this machine only. */
  protocol: "http" | "https";
  /** PEM file of the authorities to believe, in the place of the system's. */
  caFile?: string;
}

export interface StripeApiOptions {
  clock: Clock;
  /** A file with the secret or restricted key, which only we may read. */
  apiKeyFile: string;
  /** Stripe's own address when not given. */
  address?: StripeAddress;
  timeoutMs: number;
}

export type Called<T> = { kind: "ok"; seen: T } | SeenTrouble;

export interface NewIntent {
  amountMinor: number;
  currency: string;
  metadata: Record<string, string>;
}

const KEY = /^(?:sk|rk)_(test|live)_[A-Za-z0-9]{4,240}$/;
const LOOPBACK = /^(?:127\.0\.0\.1|::1|localhost)$/;
/** With what was charged, so that one answer says all. */
const EXPAND = { expand: ["latest_charge"] };

/** Throws HalError `refused` for a key or an address that cannot be used; the key is never named. */
export function openStripeApi({ clock, address, ...options }: StripeApiOptions): StripeApi {
  const { apiKeyFile, timeoutMs } = options;
  const bytes = readPrivateFile(apiKeyFile, 512);
  const key = bytes === undefined ? "" : String.fromCharCode(...bytes).trim();
  const [, mode] = KEY.exec(key) ?? [];
  if (mode === undefined) {
    const words = bytes === undefined ? "is not there" : "holds no secret or restricted API key";
    throw new HalError("refused", `${apiKeyFile} ${words}: put the key of the account into it`);
  }
  if (address?.protocol === "http" && !LOOPBACK.test(address.host)) {
    const words = "plain http would send the API key in clear: use https";
    throw new HalError("refused", `${address.host}: ${words}`);
  }
  const { caFile, ...base } = address ?? {};
  const http = openStripeHttp(clock, caFile === undefined ? undefined : readCa(caFile));
  const stripe = new Stripe(key, {
    ...base,
    httpClient: http.client,
    timeout: timeoutMs,
    maxNetworkRetries: 0,
    telemetry: false,
  });
  return new StripeApi(stripe, http, mode === "test");
}

function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new HalError("refused", `${path} cannot be read (${(error as { code?: unknown }).code})`);
  }
}

export class StripeApi {
  /** The key is one that moves no real money. */
  readonly isTest: boolean;
  readonly #stripe: Stripe;
  readonly #http: StripeHttp;

  constructor(stripe: Stripe, http: StripeHttp, isTest: boolean) {
    this.#stripe = stripe;
    this.#http = http;
    this.isTest = isTest;
  }

  /** Moves nothing: an intent holds money only when it is confirmed. */
  create(intent: NewIntent, idempotencyKey: string): Promise<Called<SeenIntent>> {
    const { amountMinor, currency, metadata } = intent;
    return this.#intent(
      () =>
        this.#stripe.paymentIntents.create(
          {
            ...{ amount: amountMinor, currency: currency.toLowerCase(), metadata },
            capture_method: "manual",
            allowed_payment_method_types: ["card"],
          },
          { idempotencyKey },
        ),
      ({ metadata: seen }) => seen["attempt"] === metadata["attempt"],
    );
  }

  /** Holds the money. Nobody is there who could prove to be the card's owner: what needs that is declined. */
  confirm(id: string, method: string, idempotencyKey: string): Promise<Called<SeenIntent>> {
    const how = { payment_method: method, error_on_requires_action: true, ...EXPAND };
    return this.#intent(
      () => this.#stripe.paymentIntents.confirm(id, how, { idempotencyKey }),
      (seen) => seen.id === id,
    );
  }

  capture(
    id: string,
    amountMinor: number,
    metadata: Record<string, string>,
    idempotencyKey: string,
  ): Promise<Called<SeenIntent>> {
    const what = { amount_to_capture: amountMinor, metadata, ...EXPAND };
    return this.#intent(
      () => this.#stripe.paymentIntents.capture(id, what, { idempotencyKey }),
      (seen) => seen.id === id,
    );
  }

  /** What is canceled can never be confirmed or captured. */
  cancel(id: string, idempotencyKey: string): Promise<Called<SeenIntent>> {
    return this.#intent(
      () => this.#stripe.paymentIntents.cancel(id, EXPAND, { idempotencyKey }),
      (seen) => seen.id === id,
    );
  }

  retrieve(id: string): Promise<Called<SeenIntent>> {
    return this.#intent(
      () => this.#stripe.paymentIntents.retrieve(id, EXPAND),
      (seen) => seen.id === id,
    );
  }

  refund(
    id: string,
    amountMinor: number,
    metadata: Record<string, string>,
    idempotencyKey: string,
  ): Promise<Called<SeenRefund>> {
    const what = { payment_intent: id, amount: amountMinor, metadata };
    return this.#call(
      () => this.#stripe.refunds.create(what, { idempotencyKey }),
      readRefund,
      (seen) => seen.intent === id && seen.amountMinor === amountMinor,
    );
  }

  refunds(id: string): Promise<Called<readonly SeenRefund[]>> {
    return this.#call(
      () => this.#stripe.refunds.list({ payment_intent: id, limit: 100 }),
      readRefunds,
      (seen) => seen.every((one) => one.intent === id),
    );
  }

  trouble(): string | undefined {
    return this.#http.trouble();
  }

  close(): void {
    this.#http.close();
  }

  #intent(
    call: () => Promise<unknown>,
    isRight: (seen: SeenIntent) => boolean,
  ): Promise<Called<SeenIntent>> {
    return this.#call(call, readIntent, (seen) => seen.livemode !== this.isTest && isRight(seen));
  }

  async #call<T>(
    call: () => Promise<unknown>,
    read: (json: unknown) => T | undefined,
    isRight: (seen: T) => boolean,
  ): Promise<Called<T>> {
    try {
      const seen = read(await call());
      if (seen !== undefined && isRight(seen)) return { kind: "ok", seen };
      return { kind: "unknown", message: "an answer that cannot be believed", spoilt: false };
    } catch (error) {
      return readTrouble(error);
    }
  }
}
