// The consumer's end of the envelope: one connection to a broker, over which it speaks with any number of
// devices. A request is sealed once and sent, the same bytes each time, until it is answered; a hint makes it
// seal anew for the epoch that it names. Replies that do not open, or answer nothing asked, are dropped.
// Nothing that anybody may forge is remembered beyond the request it was said about.

import { after, type Clock, type Timer } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Link } from "../../hal/link.ts";
import { toHex } from "../bytes.ts";
import { decodeReply, encodeRequest, envelopeNonce } from "../protocol/envelope.ts";
import { toFault } from "../protocol/fault-message.ts";
import { decodeMessage, encodeMessage } from "../protocol/message-codec.ts";
import type { Message } from "../protocol/messages.ts";
import { encodeProof, type Proof } from "../protocol/stream-proof.ts";
import { proofTopic, replyTopic, requestTopic } from "../protocol/topics.ts";
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
  /** As announced, until a reply has opened under a newer one: what every timed resend is sealed for. */
  epoch: number;
  /** `order` is what the request was about under which the device pushes. */
  onPush(message: Message, order: string | undefined): void;
}

interface Asked {
  peer: Peer;
  key: SharedKey;
  plain: Uint8Array;
  order: string | undefined;
  withKey: boolean;
  /** Since it was last sent by the clock. */
  hints: number;
  /** The epochs that it was sealed for, newest last: an answer may come in any of them. */
  epochs: number[];
  /** Absent once the request has been answered. */
  answer?: (reply: Result<Message>) => void;
  timer?: Timer;
}

/** A key of a device, and what we share with it: by the key, because anybody can claim a device's name. */
interface SharedKey {
  hex: string;
  shared: Uint8Array;
}

/** A forged hint costs one more seal; this many between two resends are no accident. */
const HINTS_MAX = 8;
const EPOCHS_MAX = 2 * HINTS_MAX;
/** Keys that first contacts claim are as many as anybody likes. */
const KEYS_MAX = 256;

export class Connection {
  readonly #link: Link;
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #boxSecret: Uint8Array;
  /** Our own X25519 key, which costs too much to compute twice. */
  readonly boxKey: Uint8Array;
  readonly #asked = new Map<number, Asked>();
  readonly #keys = new Map<string, SharedKey>();
  /** Device keys that have answered us, and so know ours. */
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
    const asked = this.#about(peer, message);
    if (asked === undefined) {
      return Promise.resolve(fail("untrusted", "the device's key is of small order", "boxKey"));
    }
    this.#lastId += 1;
    const id = this.#lastId;
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
    const told = this.#about(peer, message);
    if (told === undefined) return;
    this.#lastId += 1;
    this.#publish(this.#lastId, told, peer.epoch);
  }

  /** Lets go of a proof of payment, which needs no seal and has no answer. */
  prove(peer: Peer, proof: Proof): void {
    this.#link.publish(proofTopic(peer.device, this.#name), encodeProof(proof));
  }

  isUp(): boolean {
    return this.#link.connected();
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
    const plain = this.#open(asked, id, n, box);
    const message = plain && decodeMessage(plain);
    if (message === undefined || !message.ok) return;
    this.#introduced.add(asked.key.hex);
    const { is } = message.value;
    if (is === "metering" || is === "receipts" || is === "payment-event") {
      asked.peer.onPush(message.value, asked.order);
    } else {
      const told = message.value;
      asked.answer?.(told.is === "fault" ? { ok: false, fault: toFault(told) } : ok(told));
    }
  }

  /** Lets every request that still waits go unanswered. */
  close(): void {
    for (const { answer } of this.#asked.values()) answer?.(fail("timed-out", "we have left"));
  }

  #about(peer: Peer, message: Message): Asked | undefined {
    const key = this.#sharedWith(peer.boxKey);
    if (key === undefined) return undefined;
    const order = "order" in message ? message.order : undefined;
    const withKey = !this.#introduced.has(key.hex);
    return { peer, key, plain: encodeMessage(message), order, withKey, hints: 0, epochs: [] };
  }

  #sharedWith(boxKey: Uint8Array): SharedKey | undefined {
    const hex = toHex(boxKey);
    const known = this.#keys.get(hex);
    if (known !== undefined) return known;
    const shared = this.#crypto.boxShared(boxKey, this.#boxSecret);
    if (shared === undefined) return undefined;
    for (const [oldest] of this.#keys) {
      if (this.#keys.size < KEYS_MAX) break;
      this.#keys.delete(oldest);
      this.#introduced.delete(oldest);
    }
    const key = { hex, shared };
    this.#keys.set(hex, key);
    return key;
  }

  /** Opens a reply in whichever epoch it was sealed; only what opens tells the device's epoch. */
  #open(asked: Asked, id: number, n: number, box: Uint8Array): Uint8Array | undefined {
    const { peer, key, epochs } = asked;
    for (const epoch of new Set([peer.epoch, ...epochs])) {
      const nonce = envelopeNonce("reply", this.#name, epoch, id, n);
      const plain = this.#crypto.open(box, nonce, key.shared);
      if (plain === undefined) continue;
      // An answer from before the device's last start may come late, or be replayed: epochs only rise.
      peer.epoch = Math.max(peer.epoch, epoch);
      return plain;
    }
    return undefined;
  }

  #send(id: number, asked: Asked, delayMs: number, deadlineMs: number): void {
    asked.hints = 0;
    const { peer, epochs } = asked;
    const hinted = epochs.at(-1);
    this.#publish(id, asked, peer.epoch);
    // Not all hints are forged, and a busy device gives few.
    if (hinted !== undefined && hinted !== peer.epoch) this.#publish(id, asked, hinted);
    const leftMs = deadlineMs - this.#clock.monotonicMs();
    asked.timer = after(this.#clock, Math.min(delayMs, leftMs), () => {
      if (this.#clock.monotonicMs() < deadlineMs) {
        this.#send(id, asked, Math.min(2 * delayMs, RESEND_MS_MAX), deadlineMs);
      } else {
        asked.answer?.(fail("timed-out", "the device does not answer: is it still there?"));
      }
    });
  }

  #publish(id: number, asked: Asked, epoch: number): void {
    const { peer, key, plain, withKey, epochs } = asked;
    if (!epochs.includes(epoch)) epochs.push(epoch);
    if (epochs.length > EPOCHS_MAX) epochs.shift();
    const nonce = envelopeNonce("request", this.#name, epoch, id, 0);
    const box = this.#crypto.seal(plain, nonce, key.shared);
    const frame = withKey ? { id, box, consumerKey: this.boxKey } : { id, box };
    this.#link.publish(requestTopic(peer.device, this.#name), encodeRequest(frame));
  }

  #onHint(id: number, asked: Asked, epoch: number): void {
    if (asked.answer === undefined || asked.hints >= HINTS_MAX) return;
    asked.hints += 1;
    asked.withKey = true;
    this.#publish(id, asked, epoch);
  }

  #forgetOldest(): void {
    for (const [id, { answer }] of this.#asked) {
      if (this.#asked.size <= ASKED_MAX) return;
      if (answer === undefined) this.#asked.delete(id);
    }
  }
}
