// One application of a card: selected, told of the purchase, read, and asked for its cryptogram, which comes with the first
// answer (the Visa way in the field) or by a command of its own.

import type { CryptogramType } from "../card-reader.ts";
import { fillDol, findTlv, readDol, readTlv, type TlvObject } from "./ber-tlv.ts";
import { beginsWith, type Candidate } from "./emv-select.ts";
import { type CardTalk, done, failed, type Step, SW } from "./emv-talk.ts";
import { isNumeric, TAG, verification } from "./emv-terminal.ts";

const RECORDS_MAX = 32;
/** Records from 11 on are the card's own affair, and are no EMV objects. */
const FILE_MAX = 10;

export interface ReadApplication {
  candidate: Candidate;
  /** 84. */
  fullName: Uint8Array;
  label?: Uint8Array;
  /** What card and terminal said, by tag; where both did, the terminal's counts. */
  data: ReadonlyMap<number, Uint8Array>;
  cryptogramType: CryptogramType;
  /** Transaction status information, 2 bytes. */
  status: Uint8Array;
}

type Objects = Map<number, Uint8Array>;

const malformed = (message: string) => failed("malformed", message);

/** `next` where this application does not want the purchase, and another one may. */
export async function readApplication(
  talk: CardTalk,
  way: "tap" | "insert",
  candidate: Candidate,
  terminal: ReadonlyMap<number, Uint8Array>,
  isExpired: (data: ReadonlyMap<number, Uint8Array>) => boolean,
): Promise<Step<ReadApplication | "next" | "blocked">> {
  const selected = await talk.select(candidate.name);
  if (!selected.ok) return selected;
  const { data: fciBytes, status } = selected.value;
  if (status === SW.applicationBlocked) return done("blocked");
  if (status !== SW.done) return done("next");
  const fci = findTlv(readTlv(fciBytes), 0x6f)?.parts;
  const fullName = findTlv(fci, TAG.dfName)?.value;
  const offered = findTlv(fci, 0xa5)?.parts;
  const isNamed = fullName !== undefined && beginsWith(fullName, candidate.known);
  if (!isNamed || fullName.length > 16) return malformed("the application is not what was asked");
  const list = readDol(findTlv(offered, TAG.processingList)?.value ?? new Uint8Array());
  if (list === undefined) return malformed("the application asks for what cannot be said");
  const begun = await talk.getProcessingOptions(fillDol(list, terminal, isNumeric));
  if (!begun.ok) return begun;
  if (begun.value.status === SW.conditions) return done("next");
  if (begun.value.status !== SW.done) return malformed("the card does not begin");
  const objects: Objects = new Map();
  if (!collectAnswer(objects, begun.value.data, [TAG.processing, 2], [TAG.files])) {
    return malformed("the card begins with what is no EMV data");
  }
  if (objects.get(TAG.processing)?.length !== 2) return malformed("the card has no profile");
  const inField = way === "tap" && objects.has(TAG.cryptogram);
  const records = await readRecords(talk, objects);
  if (!records.ok) return records;
  if (isExpired(objects)) return failed("expired", "the card has expired");
  const label = findTlv(offered, TAG.label)?.value ?? objects.get(TAG.label);
  const common = { candidate, fullName, ...(label !== undefined && { label }) };
  // What became of the cardholder only the terminal says.
  objects.delete(TAG.methodResult);
  const said = inField
    ? done({ ...withTerminal(objects, terminal), status: new Uint8Array(2) })
    : await generate(talk, objects, terminal);
  if (!said.ok) return said;
  const cryptogramType = cryptogramTypeOf(said.value.data, candidate.network, inField);
  if (cryptogramType === undefined) return malformed("the card's cryptogram is none");
  return done({ ...common, ...said.value, cryptogramType });
}

/** As the list of files (AFL) says: four bytes for each, file, first and last record, and how many are signed. */
async function readRecords(talk: CardTalk, objects: Objects): Promise<Step<undefined>> {
  const files = objects.get(TAG.files) ?? new Uint8Array();
  if (files.length % 4 !== 0) return malformed("the list of records is none");
  let left = RECORDS_MAX;
  for (let at = 0; at < files.length; at += 4) {
    const [place = 0, first = 0, last = 0] = files.subarray(at, at + 3);
    const file = place >> 3;
    const isList = file >= 1 && file <= 30 && (place & 7) === 0 && first >= 1 && last >= first;
    if (!isList || last - first >= left) return malformed("the list of records is none");
    for (let record = first; record <= last; record++, left--) {
      const read = await talk.readRecord(file, record);
      if (!read.ok) return read;
      const { data, status } = read.value;
      if (status !== SW.done) return malformed("a record cannot be read");
      if (file > FILE_MAX) continue;
      const parts = soleTlv(data, 0x70)?.parts;
      if (parts === undefined || !collect(objects, parts)) return malformed("a record is none");
    }
  }
  return done(undefined);
}

async function generate(
  talk: CardTalk,
  objects: Objects,
  terminal: ReadonlyMap<number, Uint8Array>,
): Promise<Step<{ data: Objects; status: Uint8Array }>> {
  const list = objects.get(TAG.dol1);
  const wanted = list && readDol(list);
  if (wanted === undefined) return malformed("the card has no cryptogram to give");
  const { data } = withTerminal(objects, terminal);
  const profile = objects.get(TAG.processing) ?? new Uint8Array(2);
  const { results, method } = verification(objects.get(TAG.methods), profile);
  data.set(TAG.verification, results).set(TAG.methodResult, method);
  const answered = await talk.generateCryptogram(fillDol(wanted, data, isNumeric));
  if (!answered.ok) return answered;
  if (answered.value.status !== SW.done) return malformed("the card gives no cryptogram");
  const said: Objects = new Map();
  const heads = [[TAG.cryptogramSort, 1] as const, [TAG.counter, 2] as const];
  const tail = [TAG.cryptogram, 8] as const;
  if (!collectAnswer(said, answered.value.data, ...heads, tail, [TAG.issuerData])) {
    return malformed("the card's cryptogram is none");
  }
  for (const tag of [TAG.cryptogramSort, TAG.counter, TAG.cryptogram, TAG.issuerData]) {
    const value = said.get(tag);
    if (value === undefined) data.delete(tag);
    else data.set(tag, value);
  }
  // Cardholder, card and terminal were looked at, as far as this terminal does.
  return done({ data, status: Uint8Array.of(0x68, 0) });
}

function withTerminal(
  objects: Objects,
  terminal: ReadonlyMap<number, Uint8Array>,
): { data: Objects } {
  return { data: new Map([...objects, ...terminal]) };
}

/** Undefined for what is no cryptogram of eight bytes with its counter. */
function cryptogramTypeOf(
  data: ReadonlyMap<number, Uint8Array>,
  network: string,
  inField: boolean,
): CryptogramType | undefined {
  const isWhole =
    data.get(TAG.cryptogram)?.length === 8 &&
    data.get(TAG.counter)?.length === 2 &&
    (data.get(TAG.issuerData)?.length ?? 0) <= 32;
  if (!isWhole) return undefined;
  const sort = data.get(TAG.cryptogramSort);
  if (sort !== undefined && sort.length !== 1) return undefined;
  // In the field Visa's cards may leave it to their own data, whose fifth byte says the same two bits further right.
  const told = inField && network === "visa" ? data.get(TAG.issuerData)?.[4] : undefined;
  const bits = sort?.[0] !== undefined ? sort[0] >> 6 : told !== undefined ? (told >> 4) & 3 : 3;
  const type = ([undefined, "TC", "ARQC"] as const)[bits];
  // Whoever is asked for a cryptogram to be sent may not approve by himself.
  if (type === "TC" && !inField) return undefined;
  return bits === 0 ? "AAC" : type;
}

/** An answer in either form: objects in a template, or their bare values one after another, the last one open-ended. */
function collectAnswer(
  objects: Objects,
  bytes: Uint8Array,
  ...bare: readonly (readonly [tag: number, length?: number])[]
): boolean {
  const template = soleTlv(bytes, 0x77)?.parts;
  if (template !== undefined) {
    return collect(objects, template);
  }
  const values = soleTlv(bytes, 0x80)?.value;
  if (values === undefined) return false;
  let offset = 0;
  for (const [tag, length = values.length - offset] of bare) {
    if (offset + length > values.length) return false;
    objects.set(tag, values.subarray(offset, offset + length));
    offset += length;
  }
  return true;
}

/** False where the card says one thing in two ways. */
function collect(objects: Objects, parts: readonly TlvObject[]): boolean {
  for (const { tag, value, parts: inner } of parts) {
    if (inner !== undefined) continue;
    const before = objects.get(tag);
    const isSame = before?.length === value.length && before.every((byte, i) => byte === value[i]);
    if (before !== undefined && !isSame) return false;
    objects.set(tag, value);
  }
  return true;
}

function soleTlv(bytes: Uint8Array, tag: number): TlvObject | undefined {
  const [object, ...more] = readTlv(bytes) ?? [];
  return object?.tag === tag && more.length === 0 ? object : undefined;
}
