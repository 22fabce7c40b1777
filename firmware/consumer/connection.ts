// The consumer's end of the envelope: one connection to a broker, over which it speaks with any number of
// devices. A request is sealed once and sent, the same bytes each time, until it is answered; a hint makes it
// seal anew for the device's present epoch. Replies that do not open, or answer nothing asked, are dropped.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Link } from "../../hal/link.ts";
import { decodeReply, encodeRequest, envelopeNonce } from "../protocol/envelope.ts";
import { decodeMessage, encodeMessage, type Message, toFault } from "../protocol/messages.ts";
import { replyTopic, requestTopic } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";

const RESEND_MS_MIN = 1_000;
const RESEND_MS_MAX = 8_000;
const TIMEOUT_MS = 20_000;
/** Devices push under the number of the request that asked: so many are remembered. */
const ASKED_MAX = 256;

/** A device as a connection knows it: whom to seal to, and where to listen for its pushes. */
export interface Peer {
  device: string;
  boxKey: Uint8Array;
  epoch: number;
  onPush(message: Message): void;
}

interface Asked {
  peer: Peer;
  shared: Uint8Array;
  plain: Uint8Array;
  withKey: boolean;
  hints: number;
  /** Absent once the request has been answered. */
  answer?: (reply: Result<Message>) => void;
  timer?: Timer;
}

/** A forged hint costs one more seal; this many in one request are no accident. */
const HINTS_MAX = 8;

export class Connection {
  readonly #link: Link;
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #boxSecret: Uint8Array;
  /** Our own X25519 key, which costs too much to compute twice. */
  readonly boxKey: Uint8Array;
  readonly #asked = new Map<number, Asked>();
  readonly #shared = new Map<string, Uint8Array>();
  readonly #introduced = new Set<string>();
  #lastId = 0;

  constructor(
    ports: { link: Link; crypto: Crypto; clock: Clock },
    name: string,
    boxSecret: Uint8Array,
  ) {
    this.#link = ports.link;
    this.#crypto = ports.crypto;
    this.#clock = ports.clock;
    this.#name = name;
    this.#boxSecret = boxSecret;
    this.boxKey = ports.crypto.boxPublicKey(boxSecret);
  }

  get replies(): string {
    return replyTopic(this.#name);
  }

  /** Errors: the device's own faults, `timed-out`, `untrusted` for a device key that is no key. */
  request(peer: Peer, message: Message, timeoutMs = TIMEOUT_MS): Promise<Result<Message>> {
    const shared = this.#sharedWith(peer);
    if (shared === undefined) {
      return Promise.resolve(fail("untrusted", "the device's key is of small order", "boxKey"));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const withKey = !this.#introduced.has(peer.device);
    const asked: Asked = { peer, shared, plain: encodeMessage(message), withKey, hints: 0 };
    this.#asked.set(id, asked);
    this.#forgetOldest();
    return new Promise((resolve) => {
      asked.answer = (reply) => {
        asked.timer?.cancel();
        delete asked.answer;
        resolve(reply);
      };
      this.#send(id, asked, RESEND_MS_MIN, this.#clock.monotonicMs() + timeoutMs);
    });
  }

  /** Says something that needs no answer: sent once, and told again when the device shows that it was lost. */
  tell(peer: Peer, message: Message): void {
    const shared = this.#sharedWith(peer);
    if (shared === undefined) return;
    this.#lastId += 1;
    const plain = encodeMessage(message);
    const withKey = !this.#introduced.has(peer.device);
    this.#publish(this.#lastId, { peer, shared, plain, withKey, hints: 0 });
  }

  /** Takes a payload from the reply topic. */
  onPayload(payload: Uint8Array): void {
    const frame = decodeReply(payload);
    if (!frame.ok) return;
    const asked = this.#asked.get(frame.value.id);
    if (asked === undefined) return;
    if (!("box" in frame.value)) {
      this.#onHint(frame.value.id, asked, frame.value.epoch);
      return;
    }
    const { id, n, box } = frame.value;
    const nonce = envelopeNonce("reply", this.#name, asked.peer.epoch, id, n);
    const plain = this.#crypto.open(box, nonce, asked.shared);
    const message = plain && decodeMessage(plain);
    if (message === undefined || !message.ok) return;
    this.#introduced.add(asked.peer.device);
    if (message.value.is === "metering" || message.value.is === "receipts") {
      asked.peer.onPush(message.value);
    } else {
      const told = message.value;
      asked.answer?.(told.is === "fault" ? { ok: false, fault: toFault(told) } : ok(told));
    }
  }

  /** Lets every request that still waits go unanswered. */
  close(): void {
    for (const { answer } of this.#asked.values()) answer?.(fail("timed-out", "we have left"));
  }

  #sharedWith(peer: Peer): Uint8Array | undefined {
    const known = this.#shared.get(peer.device);
    if (known !== undefined) return known;
    const shared = this.#crypto.boxShared(peer.boxKey, this.#boxSecret);
    if (shared !== undefined) this.#shared.set(peer.device, shared);
    return shared;
  }

  #send(id: number, asked: Asked, delayMs: number, deadlineMs: number): void {
    this.#publish(id, asked);
    const leftMs = deadlineMs - this.#clock.monotonicMs();
    asked.timer = after(this.#clock, Math.min(delayMs, leftMs), () => {
      if (this.#clock.monotonicMs() < deadlineMs) {
        this.#send(id, asked, Math.min(2 * delayMs, RESEND_MS_MAX), deadlineMs);
      } else {
        asked.answer?.(fail("timed-out", "the device does not answer: is it still there?"));
      }
    });
  }

  #publish(id: number, asked: Asked): void {
    const { peer, shared, plain, withKey } = asked;
    const nonce = envelopeNonce("request", this.#name, peer.epoch, id, 0);
    const box = this.#crypto.seal(plain, nonce, shared);
    const frame = withKey ? { id, box, consumerKey: this.boxKey } : { id, box };
    this.#link.publish(requestTopic(peer.device, this.#name), encodeRequest(frame));
  }

  #onHint(id: number, asked: Asked, epoch: number): void {
    if (asked.answer === undefined || asked.hints >= HINTS_MAX) return;
    asked.hints += 1;
    asked.peer.epoch = epoch;
    asked.withKey = true;
    this.#publish(id, asked);
  }

  #forgetOldest(): void {
    for (const [id, { answer }] of this.#asked) {
      if (this.#asked.size <= ASKED_MAX) return;
      if (answer === undefined) this.#asked.delete(id);
    }
  }
}
