// A payer of streamed orders for tests of the device: keeps to the protocol and no further, says what it is told to say,
// and notes all that the device pushes.

import { crypto, ENERGY, type Site } from "../../bench/site.ts";
import { type SealedFor, sealCard } from "../../firmware/consumer/credential.ts";
import { type PayerStream, unitsDue } from "../../firmware/consumer/stream-payer.ts";
import { faultKind } from "../../firmware/fault.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import { decodeReply, encodeRequest, envelopeNonce } from "../../firmware/protocol/envelope.ts";
import { decodeMessage, encodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Message, MessageOf } from "../../firmware/protocol/messages.ts";
import { encodeProof, type Proof } from "../../firmware/protocol/stream-proof.ts";
import {
  connectionName,
  proofTopic,
  replyTopic,
  requestTopic,
} from "../../firmware/protocol/topics.ts";
import {
  type Commitment,
  commitmentSigner,
  signCommitment,
} from "../../firmware/token/commitment.ts";
import { ChainHash, lastLink } from "../../firmware/token/hash-chain.ts";
import { type Offer, peekOffer } from "../../firmware/token/offer.ts";
import { type Receipt, verifyReceipt } from "../../firmware/token/receipt.ts";
import { shortDigest, thumbprint } from "../../firmware/token/signed.ts";
import { sleep } from "../../hal/clock.ts";
import type { Link } from "../../hal/link.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";

export const STREAMED: Service = {
  ...ENERGY,
  payment: { way: "hold" },
  stream: { windowUnitsMax: 4 },
};

const ANSWER_MS = 400;
const TRIES_MAX = 40;

export type Metering = MessageOf<"metering">;

/** What a test may want to be otherwise. */
export interface PayerHabits {
  /** Told of each metering, and whether proofs are then let go as they should be. */
  onMetering?: (metering: Metering) => void;
  /** Lets nothing go by itself. */
  byHand?: boolean;
}

/** By units, the root first. */
export function wholeChain(units: number, order: string, secret: Uint8Array): Uint8Array[] {
  const hash = new ChainHash(crypto, order);
  const links = [lastLink(crypto, secret, order)];
  for (let at = units; at > 0; at--) links.unshift(hash.before(at, links[0] ?? new Uint8Array()));
  return links;
}

export class RawPayer {
  readonly site: Site;
  readonly connection: string;
  readonly link: Link;
  readonly receipts = new Map<number, Receipt>();
  readonly heard: Metering[] = [];
  habits: PayerHabits = {};
  offer: Offer | undefined;
  signedOffer: Uint8Array = new Uint8Array();
  /** By units; the root first. */
  links: readonly Uint8Array[] = [];
  stream: PayerStream | undefined;
  /** Delivered by ended sessions. */
  beforePulses = 0;
  readonly #secret: Uint8Array;
  readonly #shared: Uint8Array;
  readonly #key: Uint8Array;
  readonly #answers = new Map<number, Message>();
  readonly #entropy;
  #epoch = 1;
  #id = 0;

  constructor(site: Site, name: string, life = "") {
    const entropy = site.world.entropy(`payer ${name}`);
    this.site = site;
    this.#secret = entropy.bytes(32);
    this.#entropy = site.world.entropy(`payer ${name} ${life}`);
    const deviceKey = crypto.boxPublicKey(site.secrets.boxSecret);
    this.#shared = crypto.boxShared(deviceKey, this.#secret) ?? new Uint8Array(32);
    this.#key = crypto.boxPublicKey(this.#secret);
    this.connection = connectionName(this.#entropy.bytes(6));
    this.link = site.broker.connect(this.connection);
    this.link.onMessage(({ payload }) => this.#hear(payload));
  }

  async open(): Promise<this> {
    await this.link.subscribe(replyTopic(this.connection));
    return this;
  }

  /** Asks until there is an answer; a fault is one. */
  async ask(message: Message): Promise<Message> {
    const plain = encodeMessage(message);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      this.#id += 1;
      const id = this.#id;
      const nonce = envelopeNonce("request", this.connection, this.#epoch, id, 0);
      const box = crypto.seal(plain, nonce, this.#shared);
      const frame = encodeRequest({ id, box, consumerKey: this.#key });
      this.link.publish(requestTopic(this.site.device, this.connection), frame);
      await sleep(this.site.world.clock, ANSWER_MS);
      const answer = this.#answers.get(id);
      const isLater = answer?.is === "fault" && faultKind(answer.code) === "payment-pending";
      if (answer !== undefined && !isLater) return answer;
    }
    throw new Error(`no answer to ${message.is}`);
  }

  /** As `ask`, for what must be answered so. */
  async get<K extends Message["is"]>(message: Message, is: K): Promise<MessageOf<K>> {
    const answer = await this.ask(message);
    if (answer.is === is) return answer as MessageOf<K>;
    throw new Error(`${message.is} was answered by ${JSON.stringify(answer)}`);
  }

  /** The name of the fault that answers, or what else does. */
  async faultOf(message: Message): Promise<string> {
    const answer = await this.ask(message);
    return answer.is === "fault"
      ? `${faultKind(answer.code)} ${answer.at ?? ""}`.trim()
      : answer.is;
  }

  async select(units: number, service = 1): Promise<Offer> {
    const { offer: signed } = await this.get({ is: "select", service, price: 1, units }, "offer");
    const read = peekOffer(signed);
    if (!read.ok) throw new Error(read.fault.message);
    this.signedOffer = signed;
    this.offer = read.value;
    this.links = wholeChain(units, this.offer.id, this.#secret);
    return this.offer;
  }

  get order(): string {
    return this.offer?.id ?? "";
  }

  /** The commitment for what was selected, but for what is said otherwise. */
  commitment(change: Partial<Commitment> = {}): Uint8Array {
    const { offer } = this;
    if (offer === undefined) throw new Error("select first");
    const whole: Commitment = {
      order: offer.id,
      expiresS: 4_000_000_000,
      device: thumbprint(crypto, this.site.signKey),
      offer: shortDigest(crypto, this.signedOffer),
      root: this.links[0] ?? new Uint8Array(16),
      units: offer.units,
      unitMinor: offer.priceMinor,
      currency: offer.currency,
      ...change,
    };
    return signCommitment(whole, commitmentSigner(crypto, this.#secret));
  }

  payment(commitment = this.commitment()): MessageOf<"pay"> {
    const digest = shortDigest(crypto, commitment);
    return { ...this.#pay({ commitment: digest }), commitment };
  }

  /** As for a sale that is paid at once. */
  plainPayment(): MessageOf<"pay"> {
    return this.#pay(shortDigest(crypto, this.signedOffer));
  }

  #pay(sealedFor: SealedFor): MessageOf<"pay"> {
    const { offer } = this;
    if (offer === undefined) throw new Error("select first");
    const card = { number: TEST_CARDS.approve, expiryYear: 30, expiryMonth: 12 };
    const ports = { crypto, entropy: this.#entropy };
    const hostKey = this.site.host.publicKey;
    const sealed = sealCard(card, offer, sealedFor, hostKey, this.#secret, ports);
    if (!sealed.ok) throw new Error(sealed.fault.message);
    const { nonce, box: credential } = sealed.value;
    return { is: "pay", offer: offer.id, nonce, credential };
  }

  /** Selects, commits and pays. */
  async buy(units: number): Promise<this> {
    await this.select(units);
    await this.get(this.payment(), "paid");
    return this;
  }

  proof(units: number): Proof {
    return { units, link: this.links[units] ?? new Uint8Array(16) };
  }

  /** Begins a session as an honest payer of such habits does: what is due before anything flows goes with it. */
  begin(session: number, step: number, window: number, units?: number): MessageOf<"begin"> {
    const { offer } = this;
    if (offer === undefined) throw new Error("select first");
    const released = this.stream?.released ?? 0;
    this.stream = { units: offer.units, ratio: offer, step, window, released };
    const due = unitsDue(this.stream, this.beforePulses, false);
    this.stream = { ...this.stream, released: due };
    return {
      is: "begin",
      order: this.order,
      session,
      step,
      window,
      ...(units !== undefined && { units }),
      ...(due > 0 && { proof: this.proof(due) }),
    };
  }

  /** Publishes a proof as it is. */
  release(units: number, link = this.links[units] ?? new Uint8Array(16)): void {
    const frame = encodeProof({ units, link });
    this.link.publish(proofTopic(this.site.device, this.connection), frame);
  }

  sessions(): Receipt[] {
    return [...this.receipts.values()].filter(({ is }) => is === "session");
  }

  settlement(): Receipt | undefined {
    return [...this.receipts.values()].find(({ is }) => is === "settlement");
  }

  /** Until there is one, or the time is over. */
  async until(isSo: () => boolean, limitMs = 120_000): Promise<boolean> {
    const endMs = this.site.world.nowMs() + limitMs;
    while (!isSo() && this.site.world.nowMs() < endMs) await sleep(this.site.world.clock, 20);
    return isSo();
  }

  #hear(payload: Uint8Array): void {
    const frame = decodeReply(payload);
    if (!frame.ok) throw new Error(frame.fault.message);
    if (!("box" in frame.value)) {
      this.#epoch = frame.value.epoch;
      return;
    }
    const { id, n, box } = frame.value;
    const nonce = envelopeNonce("reply", this.connection, this.#epoch, id, n);
    const plain = crypto.open(box, nonce, this.#shared);
    const read = plain && decodeMessage(plain);
    if (!read?.ok) return;
    const message = read.value;
    if (message.is === "metering") this.#onMetering(message);
    else if (message.is === "receipts") this.#onReceipts(message);
    else if (message.is !== "payment-event") this.#answers.set(id, message);
  }

  #onMetering(metering: Metering): void {
    this.heard.push(metering);
    this.habits.onMetering?.(metering);
    if (this.habits.byHand === true || this.stream === undefined) return;
    const delivered = this.beforePulses + metering.pulses;
    const due = unitsDue(this.stream, delivered, metering.ended === true);
    this.stream = { ...this.stream, released: due };
    if (due > (metering.proved ?? 0)) this.release(due);
  }

  #onReceipts({ receipts }: MessageOf<"receipts">): void {
    for (const signed of receipts) {
      const read = verifyReceipt(signed, this.site.signKey, crypto);
      if (!read.ok) throw new Error(read.fault.message);
      const receipt = read.value;
      if (receipt.is === "session" && !this.receipts.has(receipt.number)) {
        const { unpaidPulses = 0, caughtUpPulses = 0 } = receipt.breakdown?.streamed ?? {};
        this.beforePulses += receipt.pulses + unpaidPulses - caughtUpPulses;
      }
      this.receipts.set(receipt.number, receipt);
    }
    this.#acknowledge();
  }

  /** Says that every receipt so far is kept. */
  #acknowledge(): void {
    const receipt = Math.max(...this.receipts.keys());
    const plain = encodeMessage({ is: "acknowledge", order: this.order, receipt });
    this.#id += 1;
    const nonce = envelopeNonce("request", this.connection, this.#epoch, this.#id, 0);
    const box = crypto.seal(plain, nonce, this.#shared);
    const frame = encodeRequest({ id: this.#id, box, consumerKey: this.#key });
    this.link.publish(requestTopic(this.site.device, this.connection), frame);
  }
}
