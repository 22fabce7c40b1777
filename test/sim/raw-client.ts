// A client that keeps to no rule: sends any plain text, sealed or not, and gives back what the device answers.

import { crypto, type Site } from "../../bench/site.ts";
import { decodeReply, encodeRequest, envelopeNonce } from "../../firmware/protocol/envelope.ts";
import { decodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Message } from "../../firmware/protocol/messages.ts";
import { connectionName, replyTopic, requestTopic } from "../../firmware/protocol/topics.ts";
import type { Link } from "../../hal/link.ts";

export interface Answer {
  is: Message["is"] | "hint" | "nothing";
  code?: number;
  message?: Message;
}

export class RawClient {
  readonly site: Site;
  readonly link: Link;
  readonly connection: string;
  readonly #shared: Uint8Array;
  readonly #consumerKey: Uint8Array;
  readonly sent: Uint8Array[] = [];
  epoch = 1;
  /** Takes no receipts for an answer. */
  skipReceipts = false;
  #id = 0;
  #answers: Uint8Array[] = [];

  /** With the keys of its own, or with those of the site's consumer of that name. */
  constructor(site: Site, name: string, deviceKey: Uint8Array, keysOf?: string) {
    const entropy = site.world.entropy(`raw ${name}`);
    this.site = site;
    const own = entropy.bytes(32);
    const secret = keysOf === undefined ? own : site.world.entropy(`consumer ${keysOf}`).bytes(32);
    this.#shared = crypto.boxShared(deviceKey, secret) ?? new Uint8Array(32);
    this.#consumerKey = crypto.boxPublicKey(secret);
    this.connection = connectionName(entropy.bytes(6));
    this.link = site.broker.connect(this.connection);
    this.link.onMessage(({ payload }) => this.#answers.push(payload));
  }

  async open(): Promise<this> {
    await this.link.subscribe(replyTopic(this.connection));
    return this;
  }

  /** Seals any bytes as the next request and waits a little for the answer. */
  say(plain: Uint8Array): Promise<Answer> {
    return this.send(this.seal(plain));
  }

  /** The next request, not sent. */
  seal(plain: Uint8Array): Uint8Array {
    this.#id += 1;
    const nonce = envelopeNonce("request", this.connection, this.epoch, this.#id, 0);
    const box = crypto.seal(plain, nonce, this.#shared);
    return encodeRequest({ id: this.#id, box, consumerKey: this.#consumerKey });
  }

  /** Sends a payload as it is. */
  async send(payload: Uint8Array): Promise<Answer> {
    this.#answers = [];
    this.sent.push(payload);
    this.link.publish(requestTopic(this.site.device, this.connection), payload);
    await new Promise<void>((resolve) => this.site.world.after(500, () => resolve()));
    const answers = this.#answers.map((payload) => this.#read(payload));
    const [first] = answers.filter(({ is }) => !(this.skipReceipts && is === "receipts"));
    return first ?? { is: "nothing" };
  }

  #read(payload: Uint8Array): Answer {
    const frame = decodeReply(payload);
    if (!frame.ok) throw new Error(frame.fault.message);
    if (!("box" in frame.value)) return { is: "hint" };
    const { id, n, box } = frame.value;
    const nonce = envelopeNonce("reply", this.connection, this.epoch, id, n);
    const plain = crypto.open(box, nonce, this.#shared);
    const message = plain && decodeMessage(plain);
    if (!message?.ok) throw new Error("the answer does not open");
    const { value } = message;
    return value.is === "fault"
      ? { is: "fault", code: value.code, message: value }
      : { is: value.is, message: value };
  }
}
