// The bytes of one sale, packet by packet: the tap says what passed, the consumer's own crypto says which
// message each sealed frame holds. Every byte of the connection is counted.

import { toHex } from "../../firmware/bytes.ts";
import { decodeReply, decodeRequest } from "../../firmware/protocol/envelope.ts";
import { decodeMessage } from "../../firmware/protocol/message-codec.ts";
import type { Buyer, TimedSale } from "./buyer.ts";
import type { Packet, PacketTap } from "./packet-tap.ts";

const TRIES_MAX = 20;

export interface PacketRow {
  from: Packet["from"];
  /** The MQTT packet, or what it carries: a message by its name, or `announcement`. */
  what: string;
  bytes: number;
  topicBytes: number;
  /** What is behind the topic; of a message: its envelope, and the message itself before it was sealed. */
  payloadBytes: number;
  plainBytes: number;
}

export interface SaleBytes {
  total: number;
  rows: readonly PacketRow[];
  sale: TimedSale;
}

/** Only a sale with a metering message counts: one without is cheaper than is fair. */
export async function countSale(buyer: Buyer, tap: PacketTap): Promise<SaleBytes> {
  for (let i = 0; i < TRIES_MAX; i++) {
    const counted = await countOnce(buyer, tap);
    if (counted.sale.meteredMs !== undefined) return counted;
  }
  throw new Error("the device sends no metering messages");
}

async function countOnce(buyer: Buyer, tap: PacketTap): Promise<SaleBytes> {
  const plains = new Map<string, Uint8Array>();
  tap.take();
  const sale = await buyer.buy(tap.url, (_direction, plain, box) => plains.set(toHex(box), plain));
  const rows = tap.take().map((packet) => rowOf(packet, plains));
  return { total: rows.reduce((sum, { bytes }) => sum + bytes, 0), rows, sale };
}

function rowOf(packet: Packet, plains: ReadonlyMap<string, Uint8Array>): PacketRow {
  const { from, type, bytes, topic, topicBytes, payload } = packet;
  const row = { from, bytes, topicBytes, payloadBytes: payload?.length ?? 0, plainBytes: 0 };
  if (payload === undefined || topic === undefined) return { ...row, what: type };
  const frame = topic === "request" ? decodeRequest(payload) : decodeReply(payload);
  if (!frame.ok || topic === "announcement" || topic === "other") return { ...row, what: topic };
  if (!("box" in frame.value)) return { ...row, what: "hint" };
  const plain = plains.get(toHex(frame.value.box));
  if (plain === undefined) return { ...row, what: `${topic} (not opened)` };
  const message = decodeMessage(plain);
  const what = message.ok ? message.value.is : "?";
  return { ...row, what, plainBytes: plain.length };
}

export function bytesOf(sale: SaleBytes, what: string): number {
  return sale.rows.find((row) => row.what === what)?.bytes ?? Number.NaN;
}
