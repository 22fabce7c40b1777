// Which application of a card to ask: by the directory for contactless ones (PPSE), by the one for contacts (PSE), or by
// trying the names that we know. The highest priority comes first.

import { findTlv, readTlv, type TlvObject } from "./ber-tlv.ts";
import type { CardTalk, Step } from "./emv-talk.ts";
import { done, failed, SW } from "./emv-talk.ts";

const PPSE = "2PAY.SYS.DDF01";
const PSE = "1PAY.SYS.DDF01";
const CANDIDATES_MAX = 8;
const DIRECTORY_RECORDS_MAX = 8;
/** Applications whose names begin alike. */
const ALIKE_MAX = 3;

/** First bytes of an application's name, and whose it is. The longer of two that begin alike stands first. */
const KNOWN: readonly (readonly [hex: string, network: string])[] = [
  ["a0000000031010", "visa"],
  ["a0000000032010", "visa"],
  ["a0000000032020", "visa"],
  ["a0000000041010", "mastercard"],
  ["a0000000043060", "maestro"],
  ["a00000002501", "amex"],
  ["a0000000651010", "jcb"],
  ["a0000001523010", "discover"],
  ["a000000333010101", "unionpay"],
];

const NAMES: readonly { name: Uint8Array; network: string }[] = KNOWN.map(([hex, network]) => ({
  name: Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  ),
  network,
}));

export interface Candidate {
  /** As the card's directory has it. */
  name: Uint8Array;
  /** The one of ours that it begins with. */
  known: Uint8Array;
  network: string;
  /** 1 is the highest; 16 where the card says none. */
  priority: number;
}

/** In the order in which they are to be tried; at least one. */
export async function findApplications(
  talk: CardTalk,
  way: "tap" | "insert",
): Promise<Step<readonly Candidate[]>> {
  const found = way === "tap" ? await fieldDirectory(talk) : await contactApplications(talk);
  if (!found.ok) return found;
  if (found.value.length === 0) return failed("no-application", "no application that is known");
  const sorted = [...found.value].sort((a, b) => a.priority - b.priority);
  return done(sorted.slice(0, CANDIDATES_MAX));
}

async function fieldDirectory(talk: CardTalk): Promise<Step<readonly Candidate[]>> {
  const selected = await talk.select(ascii(PPSE));
  if (!selected.ok) return selected;
  const { data, status } = selected.value;
  if (isBlocked(status)) return failed("blocked", "the card is blocked");
  if (status !== SW.done) return done([]);
  const entries = findTlv(readTlv(data), 0x6f, 0xa5, 0xbf0c);
  if (entries === undefined) return failed("malformed", "the card's directory is none");
  return done(candidates(entries.parts));
}

async function contactApplications(talk: CardTalk): Promise<Step<readonly Candidate[]>> {
  const selected = await talk.select(ascii(PSE));
  if (!selected.ok) return selected;
  const { data, status } = selected.value;
  if (status === SW.cardBlocked) return failed("blocked", "the card is blocked");
  if (status === SW.done) {
    const listed = await contactDirectory(talk, data);
    if (!listed.ok || listed.value.length > 0) return listed;
  }
  return byName(talk);
}

async function contactDirectory(
  talk: CardTalk,
  fci: Uint8Array,
): Promise<Step<readonly Candidate[]>> {
  const [file = 0, ...more] = findTlv(readTlv(fci), 0x6f, 0xa5, 0x88)?.value ?? [];
  // Without a directory that can be read, the names are tried.
  if (file < 1 || file > 10 || more.length > 0) return done([]);
  const listed: Candidate[] = [];
  for (let record = 1; record <= DIRECTORY_RECORDS_MAX; record++) {
    const read = await talk.readRecord(file, record);
    if (!read.ok) return read;
    if (read.value.status !== SW.done) break;
    listed.push(...candidates(findTlv(readTlv(read.value.data), 0x70)?.parts));
  }
  return done(listed);
}

async function byName(talk: CardTalk): Promise<Step<readonly Candidate[]>> {
  const found: Candidate[] = [];
  let blocked = false;
  for (const { name } of NAMES) {
    for (let turn = 0; turn < ALIKE_MAX; turn++) {
      const selected = await talk.select(name, turn > 0);
      if (!selected.ok) return selected;
      const { data, status } = selected.value;
      if (status === SW.cardBlocked) return failed("blocked", "the card is blocked");
      blocked ||= status === SW.applicationBlocked;
      if (status !== SW.done) break;
      const fci = findTlv(readTlv(data), 0x6f);
      const full = findTlv(fci?.parts, 0x84)?.value;
      const candidate = full && candidateOf(full, findTlv(fci?.parts, 0xa5, 0x87)?.value);
      if (candidate !== undefined) found.push(candidate);
      // A name of its own length has no others that begin so.
      if (full === undefined || full.length <= name.length) break;
    }
  }
  if (found.length === 0 && blocked) return failed("blocked", "the card's application is blocked");
  return done(found);
}

function candidates(entries: readonly TlvObject[] | undefined): Candidate[] {
  return (entries ?? []).flatMap(({ tag, parts }) => {
    const name = tag === 0x61 ? findTlv(parts, 0x4f)?.value : undefined;
    const candidate = name && candidateOf(name, findTlv(parts, 0x87)?.value);
    return candidate === undefined ? [] : [candidate];
  });
}

function candidateOf(name: Uint8Array, indicator: Uint8Array | undefined): Candidate | undefined {
  const ours = NAMES.find((known) => beginsWith(name, known.name));
  if (ours === undefined || name.length > 16) return undefined;
  const priority = (indicator?.[0] ?? 0) & 0x0f || 16;
  return { name, known: ours.name, network: ours.network, priority };
}

function isBlocked(status: number): boolean {
  return status === SW.applicationBlocked || status === SW.cardBlocked;
}

export function beginsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
