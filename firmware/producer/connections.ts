// The device's end of the envelope: opens requests, takes each one once (a repeated frame gets the same bytes
// again), refuses old ones, and seals replies and pushes. Nothing unauthenticated changes anything here. A
// connection is never forgotten within an epoch: when there are too many, a new epoch begins without any.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Link } from "../../hal/link.ts";
import { assert } from "../assert.ts";
import { toHex } from "../bytes.ts";
import {
  decodeRequest,
  encodeHint,
  encodeReply,
  envelopeNonce,
  type RequestFrame,
} from "../protocol/envelope.ts";
import { faultMessage } from "../protocol/fault-message.ts";
import { decodeMessage, encodeMessage } from "../protocol/message-codec.ts";
import type { Message } from "../protocol/messages.ts";
import { replyTopic } from "../protocol/topics.ts";
import type { Fault } from "../result.ts";
import { allowance, allowances } from "./shares.ts";

/** So many in one epoch; another one begins the next epoch. */
const CONNECTIONS_MAX = 1000;
const REPLIES_KEPT = 8;
/** How far behind the highest id of its connection a request may come, when it was lost or overtaken. */
const WINDOW = 64;
/** What does not open must not make us talk without bound: an honest consumer repeats, and gets its hint later. */
const HINTS_PER_S = 50;
/** To one connection, so that no single one uses them all. */
const OWN_HINTS_PER_S = 4;
/** Of one consumer: each command of a person at a keyboard is one, a flood would end the epoch of everybody. */
const NEW_PER_S = 4;
const NEW_AT_ONCE = 64;

/** Where a request came from, and where its answers go. */
export interface Caller {
  /** The consumer's key, authenticated by the box: 64 hexadecimal digits. */
  consumer: string;
  connection: string;
  id: number;
  /** In which it asked: the answer goes nowhere in a later one, where the request is repeated. */
  epoch: number;
}

export interface ConnectionsPorts {
  link: Link;
  crypto: Crypto;
  clock: Clock;
  /** No room for one more: asks for renew() with a new epoch, once it is durable. Not called again until then. */
  full(): void;
}

export interface Connections {
  /** The message of a frame that is new, authentic and well formed; all else is answered or dropped here. */
  open(connection: string, payload: Uint8Array): { caller: Caller; message: Message } | undefined;
  /** The one answer to a request; repeated by itself when the frame comes again. */
  reply(caller: Caller, message: Message): void;
  refuse(caller: Caller, fault: Fault): void;
  /** Something that was not asked for, sent to the connection that last asked about it, in this epoch too. */
  push(caller: Caller, message: Message): void;
  /** Begins an epoch, which is higher than the last: every connection and every frame so far is void. */
  renew(epoch: number): void;
  /** Frames dropped so far: not ours, not authentic, or old. */
  dropped(): number;
}

interface Connection {
  consumer: string;
  shared: Uint8Array;
  highest: number;
  /** Bit k tells that the id `highest - k` was taken. */
  taken: bigint;
  /** Sealed answers by request id; undefined while one is being worked on. */
  replies: Map<number, Uint8Array | undefined>;
}

export function openConnections(
  ports: ConnectionsPorts,
  boxSecret: Uint8Array,
  epoch: number,
): Connections {
  return new SealedConnections(ports, boxSecret, epoch);
}

/** Takes an id, once: false for one that was taken before, or is too far behind. */
function take(connection: Connection, id: number): boolean {
  const ahead = id - connection.highest;
  if (ahead > 0) {
    const kept = ahead > WINDOW ? 0n : connection.taken << BigInt(ahead);
    connection.taken = BigInt.asUintN(WINDOW + 1, kept) | 1n;
    connection.highest = id;
    return true;
  }
  if (ahead < -WINDOW) return false;
  const bit = 1n << BigInt(-ahead);
  if ((connection.taken & bit) !== 0n) return false;
  connection.taken |= bit;
  return true;
}

class SealedConnections implements Connections {
  readonly #link: Link;
  readonly #crypto: Crypto;
  readonly #full: () => void;
  readonly #mayHint: () => boolean;
  readonly #mayHintTo: (connection: string) => boolean;
  readonly #mayConnect: (consumer: string) => boolean;
  readonly #boxSecret: Uint8Array;
  #epoch: number;
  /** A new epoch was asked for and has not begun. */
  #ending = false;
  readonly #connections = new Map<string, Connection>();
  #sent = 0;
  #dropped = 0;

  constructor(ports: ConnectionsPorts, boxSecret: Uint8Array, epoch: number) {
    this.#link = ports.link;
    this.#crypto = ports.crypto;
    this.#full = () => ports.full();
    const { clock } = ports;
    this.#mayHint = allowance(clock, HINTS_PER_S);
    this.#mayHintTo = allowances(clock, OWN_HINTS_PER_S, OWN_HINTS_PER_S, CONNECTIONS_MAX);
    this.#mayConnect = allowances(clock, NEW_PER_S, NEW_AT_ONCE, CONNECTIONS_MAX);
    this.#boxSecret = boxSecret;
    this.#epoch = epoch;
  }

  open(name: string, payload: Uint8Array): { caller: Caller; message: Message } | undefined {
    const frame = decodeRequest(payload);
    if (!frame.ok) {
      this.#dropped += 1;
      return undefined;
    }
    // A hint for an epoch that is about to end would help nobody.
    if (this.#ending && !this.#connections.has(name)) {
      this.#dropped += 1;
      return undefined;
    }
    const { id } = frame.value;
    const opened = this.#unseal(name, frame.value);
    if (opened === undefined) {
      this.#dropped += 1;
      if (this.#mayHintTo(name) && this.#mayHint()) {
        this.#link.publish(replyTopic(name), encodeHint({ id, epoch: this.#epoch }));
      }
      return undefined;
    }
    const [connection, plain] = opened;
    if (!this.#admit(name, connection) || !this.#isNew(name, connection, id)) return undefined;
    const caller = { consumer: connection.consumer, connection: name, id, epoch: this.#epoch };
    const message = decodeMessage(plain);
    if (message.ok) return { caller, message: message.value };
    this.refuse(caller, message.fault);
    return undefined;
  }

  reply(caller: Caller, message: Message): void {
    const connection = this.#connectionOf(caller);
    if (connection === undefined || caller.epoch !== this.#epoch) return;
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

  renew(epoch: number): void {
    assert(epoch > this.#epoch, "an epoch never comes twice");
    this.#epoch = epoch;
    this.#sent = 0;
    this.#connections.clear();
    this.#ending = false;
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
    const fresh = { consumer: toHex(given), shared, highest: 0, taken: 1n, replies: new Map() };
    return [fresh, plain];
  }

  /** Forgetting one to make room would make its recorded frames new again: they are voided all at once. */
  #admit(name: string, connection: Connection): boolean {
    if (this.#connections.has(name)) return true;
    if (!this.#mayConnect(connection.consumer)) {
      this.#dropped += 1;
      return false;
    }
    if (this.#connections.size < CONNECTIONS_MAX) {
      this.#connections.set(name, connection);
      return true;
    }
    this.#dropped += 1;
    this.#ending = true;
    this.#full();
    return false;
  }

  /** Takes a request's id, once: a repeated one gets its answer again while it is kept, an old one is dropped. */
  #isNew(name: string, connection: Connection, id: number): boolean {
    if (connection.replies.has(id)) {
      const before = connection.replies.get(id);
      if (before !== undefined) this.#link.publish(replyTopic(name), before);
      return false;
    }
    if (!take(connection, id)) {
      this.#dropped += 1;
      return false;
    }
    connection.replies.set(id, undefined);
    for (const oldest of connection.replies.keys()) {
      if (connection.replies.size <= REPLIES_KEPT) break;
      connection.replies.delete(oldest);
    }
    return true;
  }
}
