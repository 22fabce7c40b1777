// Topic strings. Short, because they are most of a small message, and of a shape that a broker's access list
// can hold: a device writes and reads under its own id, a consumer only under its connection, which is also
// its client id (`%c`). No secret and no name stands in a topic.
//
//   s1/a/DEVICE        retained announcement, signed; empty when withdrawn or, by the will, when it is gone
//   s1/q/DEVICE/CONN   requests of one connection to one device
//   s1/p/DEVICE/CONN   proofs of payment of one connection, unsealed: each proves itself (stream-proof.ts)
//   s1/r/CONN          replies and pushes to one connection
//   s1/f/DEVICE/SERV   from a device to a flow service that runs elsewhere (flow-frames.ts)
//   s1/g/DEVICE/SERV   from that service to the device
//
// As an access list (`sluice acl` writes it for mosquitto): a device writes s1/a/DEVICE and s1/r/+ and reads
// s1/q/DEVICE/+ and s1/p/DEVICE/+; anybody reads s1/a/+ and s1/r/%c and writes s1/q/+/%c and s1/p/+/%c. With a flow service a device writes
// s1/f/DEVICE/+ and reads s1/g/DEVICE/+, and the service reads s1/f/+/SERV and writes s1/g/+/SERV, SERV being
// the thumbprint of its key. A device's own client id is a secret
// (firmware/main.ts), because a broker ends a connection when another comes under its id.

import { PROTOCOL_MAJOR } from "./messages.ts";

const ROOT = `s${PROTOCOL_MAJOR}`;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Six bits a character; 8 bytes become 11 characters. */
export function base64url(bytes: Uint8Array): string {
  let out = "";
  for (let bit = 0; bit < 8 * bytes.length; bit += 6) {
    const high = bytes[bit >> 3] ?? 0;
    const low = bytes[(bit >> 3) + 1] ?? 0;
    out += ALPHABET[(((high << 8) | low) >> (10 - (bit & 7))) & 63] ?? "";
  }
  return out;
}

/** The bytes that base64url wrote so, or undefined. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((6 * text.length) / 8));
  for (const [place, character] of [...text].entries()) {
    const value = ALPHABET.indexOf(character);
    const bit = 6 * place;
    const at = bit >> 3;
    const shifted = value << (10 - (bit & 7));
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) | (shifted >> 8);
    if (at + 1 < bytes.length) bytes[at + 1] = (bytes[at + 1] ?? 0) | (shifted & 0xff);
  }
  return base64url(bytes) === text ? bytes : undefined;
}

/** 8 characters of the URL-safe base64 alphabet: 48 bits, drawn anew for every connection. */
export function connectionName(random: Uint8Array): string {
  return base64url(random.subarray(0, 6));
}

export function announcementTopic(device: string): string {
  return `${ROOT}/a/${device}`;
}

export const ANNOUNCEMENTS = `${ROOT}/a/+`;

export function requestTopic(device: string, connection: string): string {
  return `${ROOT}/q/${device}/${connection}`;
}

export function requestsFilter(device: string): string {
  return `${ROOT}/q/${device}/+`;
}

/** Proofs of payment: [units, link], 19 to 21 bytes. */
export function proofTopic(device: string, connection: string): string {
  return `${ROOT}/p/${device}/${connection}`;
}

export function proofsFilter(device: string): string {
  return `${ROOT}/p/${device}/+`;
}

export function replyTopic(connection: string): string {
  return `${ROOT}/r/${connection}`;
}

/** What a device says to a flow service; with "+" for any of either. */
export function toServiceTopic(device: string, service: string): string {
  return `${ROOT}/f/${device}/${service}`;
}

/** What a flow service says to a device. */
export function fromServiceTopic(device: string, service: string): string {
  return `${ROOT}/g/${device}/${service}`;
}

export type Topic =
  | { is: "announcement"; device: string }
  | { is: "to-service" | "from-service"; device: string; service: string }
  | { is: "request" | "proof"; device: string; connection: string }
  | { is: "reply"; connection: string };

const DEVICE = /^[A-Za-z0-9_-]{11}$/;
const CONNECTION = /^[A-Za-z0-9_-]{8}$/;

/** Undefined for anything that is not ours, whole. */
export function parseTopic(topic: string): Topic | undefined {
  if (topic.length > 64) return undefined;
  const [root, letter, first = "", second, ...rest] = topic.split("/");
  if (root !== ROOT || rest.length > 0) return undefined;
  if (letter === "q" || letter === "p") {
    if (!DEVICE.test(first) || second === undefined || !CONNECTION.test(second)) return undefined;
    return { is: letter === "q" ? "request" : "proof", device: first, connection: second };
  }
  if (letter === "f" || letter === "g") {
    if (!DEVICE.test(first) || second === undefined || !DEVICE.test(second)) return undefined;
    return { is: letter === "f" ? "to-service" : "from-service", device: first, service: second };
  }
  if (second !== undefined) return undefined;
  if (letter === "r")
    return CONNECTION.test(first) ? { is: "reply", connection: first } : undefined;
  if (letter !== "a" || !DEVICE.test(first)) return undefined;
  return { is: "announcement", device: first };
}
