// Prepaid tokens for a stand: minted by its operator, shown over the network or on a tag at the reader.

import { crypto, type Site } from "../../bench/site.ts";
import { fromHex, toHex } from "../../firmware/bytes.ts";
import { faultKind } from "../../firmware/fault.ts";
import type { Order } from "../../firmware/producer/order.ts";
import { encodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Message, MessageOf } from "../../firmware/protocol/messages.ts";
import { tokenMessage } from "../../firmware/token/prepaid-tag.ts";
import { type PrepaidToken, signPrepaid } from "../../firmware/token/prepaid-token.ts";
import { type Receipt, verifyReceipt } from "../../firmware/token/receipt.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import type { Signer } from "../../hal/crypto.ts";
import { ntag213 } from "../../hal/sim/sim-tag.ts";
import { RawClient } from "./raw-client.ts";
import { AT_BOARD } from "./walk-up-stand.ts";

export const DAY_S = 24 * 3600;
/** 45 a unit: a bearer token is good for up to 4 of them. */
export const WITH_BEARERS = { ...AT_BOARD, bearer: { valueMinorMax: 200 } };
export const ORDER = "a1b2c3d4e5f60718";

export function nowS(site: Site): number {
  return Math.floor(site.world.clock.wallMs() / 1000);
}

/** A bearer token for one unit of the first service, good for a day, but for what is said otherwise. */
export function mint(
  site: Site,
  said: Partial<PrepaidToken> = {},
  operator: Signer = site.operator,
): Uint8Array {
  const usual = { order: ORDER, device: site.device, service: 1, units: 1 };
  return signPrepaid({ ...usual, expiresS: nowS(site) + DAY_S, ...said }, operator);
}

export function tagWith(token: Uint8Array, name = "token") {
  const message = tokenMessage(token);
  if (message === undefined) throw new Error("it does not fit");
  return ntag213(name, { message });
}

/** Somebody with a key, on the network. */
export class Bearer {
  readonly #client: RawClient;
  readonly #key: Uint8Array;

  constructor(client: RawClient, key: Uint8Array) {
    this.#client = client;
    this.#key = key;
  }

  static async at(site: Site, name: string): Promise<Bearer> {
    const deviceKey = crypto.boxPublicKey(site.secrets.boxSecret);
    const client = new RawClient(site, name, deviceKey, name);
    const key = crypto.boxPublicKey(site.world.entropy(`consumer ${name}`).bytes(32));
    return new Bearer(await client.open(), key);
  }

  get print(): Uint8Array {
    return thumbprint(crypto, this.#key);
  }

  get consumer(): string {
    return toHex(this.#key);
  }

  /** "begun", or the kind of the fault and where it is. */
  async begin(token: Uint8Array, more: Partial<MessageOf<"begin">> = {}): Promise<string> {
    return this.#ask({ is: "begin", order: ORDER, session: 1, token, ...more });
  }

  async end(session = 1): Promise<string> {
    return this.#ask({ is: "end", order: ORDER, session });
  }

  async #ask(message: Message): Promise<string> {
    this.#client.epoch = this.#client.site.epochs.at(-1) ?? 1;
    this.#client.skipReceipts = true;
    return said(await this.#client.say(encodeMessage(message)));
  }
}

function said({ is, message }: Awaited<ReturnType<RawClient["say"]>>): string {
  if (message?.is !== "fault") return is;
  return [faultKind(message.code), message.at ?? ""].join(" ").trim();
}

export function receiptsOf(site: Site): Receipt[] {
  return site.store.durable("receipt").flatMap(({ body }) => {
    const signed = fromHex(JSON.parse(body).signed) ?? new Uint8Array();
    const read = verifyReceipt(signed, site.signKey, crypto);
    return read.ok ? [read.value] : [];
  });
}

export function orderOf(all: readonly Order[], id = ORDER): Order | undefined {
  return all.find((one) => one.id === id);
}
