// What somebody holds to a reader of the board that is no payment card: a tag with a prepaid token, which begins at
// once, or a member's card, by whose owner what is shown is bought.

import type { CardReader, Presence } from "../../hal/card-reader.ts";
import type { Crypto } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import { toHex } from "../bytes.ts";
import type { FaultKind } from "../fault.ts";
import type { Log } from "../log.ts";
import { fail, type Result } from "../result.ts";
import { tokenOf } from "../token/prepaid-tag.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Delivery } from "./delivery.ts";
import { askMember } from "./member-tag.ts";
import type { Order } from "./order.ts";
import type { Prepaid } from "./prepaid.ts";
import type { WalkUp } from "./walk-up.ts";
import type { HandFirst } from "./walk-up-readers.ts";

const TAG_MS = 2_000;

/** Displays have rows of 20 characters. */
const WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  "token-expired": "Token has expired",
  "token-exhausted": "Token is used up",
  "order-closed": "Token was closed",
  "wrong-device": "Not for this machine",
  "wrong-consumer": "Token is personal",
  "service-unknown": "Not sold here",
  busy: "In use: please wait",
  "not-ready": "Out of order",
};

export interface HandPorts {
  crypto: Crypto;
  entropy: Entropy;
  log: Log;
  /** Id of the device. */
  device: string;
  /** The device's own X25519 key, in hexadecimal digits: whoever stands there shows none. */
  consumer: string;
  catalogue: Pick<Catalogue, "list">;
  prepaid: Prepaid;
  delivery: Pick<Delivery, "begin">;
  board(): Pick<WalkUp, "say" | "sellTo" | "progress" | "isClosed"> | undefined;
  /** Its service was removed with a refund. */
  withdrawn(order: string): boolean;
  begun(one: Order): void;
  /** The runtime's queue (runtime.ts). */
  offer(work: () => Promise<void>, lost: () => void): void;
}

/** Asks a card whether it is a member's, and reads a tag; anything else is left to whoever sells to payment cards. */
export function openHand(ports: HandPorts): HandFirst {
  return (reader, presence) => look(ports, reader, presence);
}

async function look(ports: HandPorts, reader: CardReader, presence: Presence): Promise<boolean> {
  if (presence.sort === "tag") return readTag(ports, reader);
  if (presence.sort !== "card") return false;
  if (await isMember(ports, reader)) return true;
  // An NDEF message may lie on a card as well; a payment card is only troubled where that could be of use.
  const mayBeToken = ports.catalogue.list().some(({ bearer }) => bearer !== undefined);
  return mayBeToken && readTag(ports, reader);
}

async function isMember(ports: HandPorts, reader: CardReader): Promise<boolean> {
  const member = await askMember(reader, ports);
  const board = ports.board();
  switch (member.kind) {
    case "member":
      board?.sellTo({ consumer: toHex(member.publicKey) });
      return true;
    case "forged":
      ports.log("warn", "member-forged", { reader: reader.id });
      board?.say("Card not accepted");
      return true;
    case "torn":
      board?.say("Hold it still", "and try again");
      return true;
    case "absent":
      return true;
    default:
      return false;
  }
}

async function readTag(ports: HandPorts, reader: CardReader): Promise<boolean> {
  const read = await reader.readTag(TAG_MS);
  if (read.kind === "torn") ports.board()?.say("Hold it still", "and try again");
  if (read.kind === "torn" || read.kind === "absent") return true;
  const signed = read.kind === "ndef" ? tokenOf(read.message) : undefined;
  if (signed === undefined) return false;
  await present(ports, signed);
  return true;
}

function present(ports: HandPorts, signed: Uint8Array): Promise<void> {
  const { log, offer } = ports;
  const refuse = (kind: FaultKind, message: string): void => {
    log("info", "token-refused", { why: kind, message });
    ports.board()?.say(WORDS[kind] ?? "Token not accepted");
  };
  return new Promise((resolve) => {
    const work = async (): Promise<void> => {
      // What runs is being ended: nothing begins behind it.
      if (ports.board()?.isClosed !== false) return resolve();
      const begun = await beginOf(ports, signed).finally(resolve);
      if (!begun.ok) return refuse(begun.fault.kind, begun.fault.message);
      ports.begun(begun.value);
      ports.board()?.progress(begun.value, 0);
    };
    offer(work, () => {
      refuse("not-ready", "the device is in trouble");
      resolve();
    });
  });
}

async function beginOf(ports: HandPorts, signed: Uint8Array): Promise<Result<Order>> {
  const { prepaid, consumer, delivery, withdrawn } = ports;
  const taken = await prepaid.take({ signed, consumer, atBoard: true });
  if (!taken.ok) return taken;
  const one = taken.value;
  // Held there once more, or left lying: what runs goes on.
  if (one.running !== undefined) return fail("busy", "it is in use");
  if (withdrawn(one.id)) return fail("order-closed", "its service was removed");
  return delivery.begin(one, one.sessions + 1, undefined);
}
