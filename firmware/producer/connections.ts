// The device's end of the envelope: opens requests, answers each one once (a repeated frame gets the same
// bytes again), refuses old ones, and seals replies and pushes. Nothing unauthenticated changes anything here.

import type { Crypto } from "../../hal/crypto.ts";
import type { Link } from "../../hal/link.ts";
import { toHex } from "../bytes.ts";
import {
  decodeRequest,
  encodeHint,
  encodeReply,
  envelopeNonce,
  type RequestFrame,
} from "../protocol/envelope.ts";
import { decodeMessage, encodeMessage, faultMessage, type Message } from "../protocol/messages.ts";
import { replyTopic } from "../protocol/topics.ts";
import type { Fault } from "../result.ts";

const CONNECTIONS_MAX = 1000;
const REPLIES_KEPT = 8;

/** Where a request came from, and where its answers go. */
export interface Caller {
  /** The consumer's key, authenticated by the box: 64 hexadecimal digits. */
  consumer: string;
  connection: string;
  id: number;
}

export interface Connections {
  /** The message of a frame that is new, authentic and well formed; all else is answered or dropped here. */
  open(connection: string, payload: Uint8Array): { caller: Caller; message: Message } | undefined;
  /** The one answer to a request; repeated by itself when the frame comes again. */
  reply(caller: Caller, message: Message): void;
  refuse(caller: Caller, fault: Fault): void;
  /** Something that was not asked for, sent to the connection that last asked about it. */
  push(caller: Caller, message: Message): void;
  /** Frames dropped so far: not ours, not authentic, or old. */
  dropped(): number;
}

interface Connection {
  consumer: string;
  shared: Uint8Array;
  highest: number;
  /** Sealed answers by request id; undefined while one is being worked on. */
  replies: Map<number, Uint8Array | undefined>;
}

export function openConnections(
  link: Link,
  crypto: Crypto,
  boxSecret: Uint8Array,
  epoch: number,
): Connections {
  return new SealedConnections(link, crypto, boxSecret, epoch);
}

class SealedConnections implements Connections {
  readonly #link: Link;
  readonly #crypto: Crypto;
  readonly #boxSecret: Uint8Array;
  readonly #epoch: number;
  readonly #connections = new Map<string, Connection>();
  #sent = 0;
  #dropped = 0;

  constructor(link: Link, crypto: Crypto, boxSecret: Uint8Array, epoch: number) {
    this.#link = link;
    this.#crypto = crypto;
    this.#boxSecret = boxSecret;
    this.#epoch = epoch;
  }

  open(name: string, payload: Uint8Array): { caller: Caller; message: Message } | undefined {
    const frame = decodeRequest(payload);
    if (!frame.ok) {
      this.#dropped += 1;
      return undefined;
    }
    const { id } = frame.value;
    const opened = this.#unseal(name, frame.value);
    if (opened === undefined) {
      this.#dropped += 1;
      this.#link.publish(replyTopic(name), encodeHint({ id, epoch: this.#epoch }));
      return undefined;
    }
    const [connection, plain] = opened;
    this.#remember(name, connection);
    if (!this.#isNew(name, connection, id)) return undefined;
    const caller = { consumer: connection.consumer, connection: name, id };
    const message = decodeMessage(plain);
    if (message.ok) return { caller, message: message.value };
    this.refuse(caller, message.fault);
    return undefined;
  }

  reply(caller: Caller, message: Message): void {
    const connection = this.#connectionOf(caller);
    if (connection === undefined) return;
    const payload = this.#seal(caller, connection.shared, message);
    if (connection.replies.has(caller.id)) connection.replies.set(caller.id, payload);
    this.#link.publish(replyTopic(caller.connection), payload);
  }

  refuse(caller: Caller, fault: Fault): void {
    this.reply(caller, faultMessage(fault));
  }

  push(caller: Caller, message: Message): void {
    const connection = this.#connectionOf(caller);
    if (connection === undefined) return;
    const payload = this.#seal(caller, connection.shared, message);
    this.#link.publish(replyTopic(caller.connection), payload);
  }

  dropped(): number {
    return this.#dropped;
  }

  #connectionOf(caller: Caller): Connection | undefined {
    const connection = this.#connections.get(caller.connection);
    return connection?.consumer === caller.consumer ? connection : undefined;
  }

  #seal(to: Caller, shared: Uint8Array, message: Message): Uint8Array {
    this.#sent += 1;
    const nonce = envelopeNonce("reply", to.connection, this.#epoch, to.id, this.#sent);
    const box = this.#crypto.seal(encodeMessage(message), nonce, shared);
    return encodeReply({ id: to.id, n: this.#sent, box });
  }

  #unseal(name: string, frame: RequestFrame): [Connection, Uint8Array] | undefined {
    const known = this.#connections.get(name);
    const nonce = envelopeNonce("request", name, this.#epoch, frame.id, 0);
    const given = frame.consumerKey;
    if (given === undefined || known?.consumer === toHex(given)) {
      const plain = known && this.#crypto.open(frame.box, nonce, known.shared);
      return known !== undefined && plain !== undefined ? [known, plain] : undefined;
    }
    if (known !== undefined) return undefined;
    const shared = this.#crypto.boxShared(given, this.#boxSecret);
    const plain = shared && this.#crypto.open(frame.box, nonce, shared);
    if (shared === undefined || plain === undefined) return undefined;
    const fresh = { consumer: toHex(given), shared, highest: 0, replies: new Map() };
    return [fresh, plain];
  }

  /** Keeps the connections that spoke last. */
  #remember(name: string, connection: Connection): void {
    this.#connections.delete(name);
    this.#connections.set(name, connection);
    if (this.#connections.size <= CONNECTIONS_MAX) return;
    for (const oldest of this.#connections.keys()) {
      this.#connections.delete(oldest);
      return;
    }
  }

  /** Takes a request's id, once: a repeated one gets its answer again, an old one is dropped. */
  #isNew(name: string, connection: Connection, id: number): boolean {
    if (connection.replies.has(id)) {
      const before = connection.replies.get(id);
      if (before !== undefined) this.#link.publish(replyTopic(name), before);
      return false;
    }
    if (id <= connection.highest) {
      this.#dropped += 1;
      return false;
    }
    connection.highest = id;
    connection.replies.set(id, undefined);
    for (const oldest of connection.replies.keys()) {
      if (connection.replies.size <= REPLIES_KEPT) break;
      connection.replies.delete(oldest);
    }
    return true;
  }
}
