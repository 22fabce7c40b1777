// A payment card of the bench that speaks EMV: directory, application, records, and real cryptograms under a test issuer's
// key, with a counter that rises. It encodes for itself.

import { tripleDesEncrypt } from "./des.ts";
import {
  cryptogramOf,
  fromHex,
  type IssuedCard,
  TERMINAL_TAGS,
  transactionKey,
} from "./emv-cryptogram.ts";
import type { SimCard } from "./sim-card.ts";

/** What an application is made of. All but numbers and texts is hexadecimal. */
export interface EmvProfile extends IssuedCard {
  /** `field`: its cryptogram comes with the first answer; otherwise it is asked for. */
  way: "field" | "asked";
  /** Whether it has a directory, and which. */
  directory: "2PAY.SYS.DDF01" | "1PAY.SYS.DDF01" | undefined;
  aid: string;
  label: string;
  /** YYMMDD. */
  expiry: string;
  /** After expiry and before the filling of track 2. */
  track2: string;
  /** AIP, 2 bytes. */
  profile: string;
  /** Issuer application data of an ARQC. */
  issuerData: string;
  /** The application or all of the card is blocked; it says no to every purchase. */
  flaw?: "blocked" | "card-blocked" | "declines";
}

export interface EmvCounter {
  /** The last one that was used. */
  atc?: number;
  /** Called with each new one: a counter that falls back is taken for a copied card. */
  onAtc?: (atc: number) => void;
}

const PDOL = "9f66049f02069f03069f1a0295055f2a029a039c019f3704";
const CDOL1 = "9f02069f03069f1a0295055f2a029a039c019f37049f35019f45029f4c089f3403";
const CDOL2 = "910a8a0295059f37049f4c08";
const SW_DONE = "9000";
const ATC_MAX = 0xffff;

const CVR_BYTE = 2;

type Values = Map<number, Uint8Array>;

interface Transaction {
  atc: number;
  terminal: Values;
  cryptogram?: Uint8Array;
  isOver: boolean;
}

export function emvCard(
  link: Pick<SimCard, "name" | "atr" | "field">,
  profile: EmvProfile,
  counter: EmvCounter = {},
): SimCard {
  const chip = new EmvChip(profile, counter);
  return { ...link, apdu: (command) => chip.answer(command), reset: () => chip.reset() };
}

class EmvChip {
  readonly #profile: EmvProfile;
  readonly #onAtc: ((atc: number) => void) | undefined;
  #atc: number;
  #selected: "none" | "directory" | "application" = "none";
  #transaction: Transaction | undefined;

  constructor(profile: EmvProfile, { atc = 0, onAtc }: EmvCounter) {
    this.#profile = profile;
    this.#atc = atc;
    this.#onAtc = onAtc;
  }

  reset(): void {
    this.#selected = "none";
    this.#transaction = undefined;
  }

  answer(command: Uint8Array): Uint8Array {
    const [cla = 0, ins = 0, p1 = 0, p2 = 0, length = 0] = command;
    const data = command.length > 5 ? command.subarray(5, 5 + length) : new Uint8Array();
    const isWhole =
      command.length <= 5 || command.length === 5 + length || command.length === 6 + length;
    if (command.length < 4 || !isWhole) return fromHex("6700");
    switch (cla * 256 + ins) {
      case 0x00a4:
        return fromHex(p1 === 4 ? this.#select(data, p2) : "6a86");
      case 0x00b2:
        return fromHex(this.#readRecord(p2 >> 3, p1));
      case 0x80a8:
        return fromHex(this.#begin(data));
      case 0x80ae:
        return fromHex(this.#generate(p1 & 0xc0, data));
      default:
        return fromHex(cla === 0x00 || cla === 0x80 ? "6d00" : "6e00");
    }
  }

  #select(name: Uint8Array, p2: number): string {
    const { directory, aid, flaw } = this.#profile;
    this.reset();
    if (flaw === "card-blocked") return "6a81";
    const wanted = hex(name);
    if (directory !== undefined && wanted === ascii(directory)) {
      this.#selected = "directory";
      return tlv("6f", tlv("84", wanted), tlv("a5", this.#directoryHead())) + SW_DONE;
    }
    // There is one application, so there is no next one.
    if (wanted.length < 10 || !aid.startsWith(wanted) || p2 !== 0) return "6a82";
    if (flaw === "blocked") return "6283";
    this.#selected = "application";
    return tlv("6f", tlv("84", aid), tlv("a5", this.#applicationHead())) + SW_DONE;
  }

  #directoryHead(): string {
    if (this.#profile.directory === "1PAY.SYS.DDF01")
      return tlv("88", "01") + tlv("5f2d", ascii("en"));
    return tlv("bf0c", this.#entry());
  }

  #entry(): string {
    const { aid, label } = this.#profile;
    return tlv("61", tlv("4f", aid), tlv("50", ascii(label)), tlv("87", "01"));
  }

  #applicationHead(): string {
    const { label, way } = this.#profile;
    const common = tlv("50", ascii(label)) + tlv("87", "01") + tlv("5f2d", ascii("en"));
    if (way === "asked") return common;
    return common + tlv("9f38", PDOL) + tlv("bf0c", tlv("9f5a", "4009780276"));
  }

  #readRecord(file: number, record: number): string {
    const isDirectory = this.#selected === "directory";
    if (isDirectory && file === 1) {
      return record === 1 ? tlv("70", this.#entry()) + SW_DONE : "6a83";
    }
    if (this.#selected !== "application") return "6985";
    const body = this.#record(file, record);
    return body === undefined ? "6a83" : tlv("70", body) + SW_DONE;
  }

  #record(file: number, record: number): string | undefined {
    const { number, expiry, sequence, way } = this.#profile;
    const place = `${file}/${record}`;
    const pan = tlv("5a", filled(number));
    if (way === "field") {
      const rest = tlv("5f24", expiry) + tlv("5f28", "0276") + tlv("9f07", "ff00");
      return place === "2/1" ? pan + rest : undefined;
    }
    switch (place) {
      case "1/1":
        return tlv("57", this.#track2()) + tlv("5f20", ascii("TEST/CARD"));
      case "2/1":
        return [
          ...[pan, tlv("5f24", expiry), tlv("5f25", "250101"), tlv("5f28", "0276")],
          ...[tlv("5f34", sequence), tlv("9f07", "ff00"), tlv("8e", "00000000000000001f03")],
        ].join("");
      case "2/2":
        return [
          ...[tlv("8c", CDOL1), tlv("8d", CDOL2), tlv("9f08", "0002"), tlv("9f0d", "b050ac8000")],
          ...[tlv("9f0e", "0000000000"), tlv("9f0f", "b070ac9800"), tlv("9f42", "0978")],
        ].join("");
      default:
        return undefined;
    }
  }

  #track2(): string {
    const { number, expiry, track2 } = this.#profile;
    return filled(`${number}d${expiry.slice(0, 4)}${track2}`);
  }

  #begin(data: Uint8Array): string {
    const { way, profile, sequence, flaw } = this.#profile;
    const wanted = way === "field" ? PDOL : "";
    const terminal = data[0] === 0x83 ? listed(wanted, data.subarray(2)) : undefined;
    if (this.#selected !== "application" || this.#transaction !== undefined) return "6985";
    if (terminal === undefined || data[1] !== data.length - 2) return "6700";
    if (this.#atc >= ATC_MAX) return "6985";
    this.#atc++;
    this.#onAtc?.(this.#atc);
    this.#transaction = { atc: this.#atc, terminal, isOver: way === "field" };
    if (way === "asked") {
      return tlv("77", tlv("82", profile), tlv("94", "0801010010010200")) + SW_DONE;
    }
    const sort = flaw === "declines" ? "00" : "80";
    const issuerData = this.#issuerData(sort);
    const made = this.#cryptogram(this.#transaction, issuerData);
    const objects = [
      ...[tlv("82", profile), tlv("94", "10010100"), tlv("57", this.#track2())],
      ...[tlv("5f34", sequence), tlv("9f10", issuerData), tlv("9f26", hex(made))],
      ...[tlv("9f27", sort), tlv("9f36", word(this.#atc)), tlv("9f6c", "0000")],
      tlv("9f6e", "20700000"),
    ];
    return tlv("77", ...objects) + SW_DONE;
  }

  #generate(asked: number, data: Uint8Array): string {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.isOver) return "6985";
    const isFirst = transaction.cryptogram === undefined;
    const terminal = listed(isFirst ? CDOL1 : CDOL2, data);
    if (terminal === undefined) return "6700";
    for (const [tag, value] of terminal) transaction.terminal.set(tag, value);
    const isRefused = this.#profile.flaw === "declines" || asked === 0;
    let sort = isRefused ? "00" : "80";
    // A card of the bench never approves by itself: after the issuer's word it may.
    if (!isFirst) sort = !isRefused && this.#isIssuerSpeaking(transaction) ? "40" : "00";
    transaction.isOver = !isFirst || sort === "00";
    const issuerData = this.#issuerData(sort);
    const made = this.#cryptogram(transaction, issuerData);
    transaction.cryptogram = made;
    const counter = word(transaction.atc);
    const objects = [tlv("9f27", sort), tlv("9f36", counter), tlv("9f26", hex(made))];
    return tlv("77", ...objects, tlv("9f10", issuerData)) + SW_DONE;
  }

  /** The issuer's answer (91) is its code (8 bytes) over our cryptogram and what it decided (2). */
  #isIssuerSpeaking({ atc, terminal, cryptogram }: Transaction): boolean {
    const word = terminal.get(0x91) ?? new Uint8Array();
    const mixed = cryptogram?.map((byte, i) => byte ^ (i < 2 ? (word[8 + i] ?? 0) : 0));
    const code = mixed && tripleDesEncrypt(mixed, transactionKey(this.#profile, atc));
    return code?.every((byte, i) => byte === word[i]) ?? false;
  }

  /** The card's own word of what it decided stands in it too: in Visa's fifth byte, in Mastercard's third. */
  #issuerData(sort: string): string {
    const { issuerData, number } = this.#profile;
    const bytes = fromHex(issuerData);
    const decided = Number.parseInt(sort, 16);
    if (number.startsWith("4")) bytes[4] = ((bytes[4] ?? 0) & 0xcf) | (decided >> 2);
    else bytes[CVR_BYTE] = ((bytes[CVR_BYTE] ?? 0) & 0x3f) | (decided === 0x80 ? 0x80 : decided);
    return hex(bytes);
  }

  #cryptogram({ atc, terminal }: Transaction, issuerData: string): Uint8Array {
    const { profile } = this.#profile;
    const said = new Map(TERMINAL_TAGS.map((tag) => [tag, terminal.get(tag) ?? new Uint8Array()]));
    return cryptogramOf(this.#profile, atc, said, fromHex(profile), fromHex(issuerData));
  }
}

/** What a terminal says to a list of tags and lengths; undefined where it says more or less. */
function listed(list: string, data: Uint8Array): Values | undefined {
  const values: Values = new Map();
  let offset = 0;
  const bytes = fromHex(list);
  for (let at = 0; at < bytes.length; at++) {
    let tag = bytes[at] ?? 0;
    if ((tag & 0x1f) === 0x1f) tag = tag * 256 + (bytes[++at] ?? 0);
    const length = bytes[++at] ?? 0;
    values.set(tag, data.slice(offset, offset + length));
    offset += length;
  }
  return offset === data.length ? values : undefined;
}

function tlv(tag: string, ...values: readonly string[]): string {
  const value = values.join("");
  const length = value.length / 2;
  return `${tag}${length > 0x7f ? "81" : ""}${length.toString(16).padStart(2, "0")}${value}`;
}

/** Digits, two in a byte, filled up with F. */
function filled(digits: string): string {
  return digits.length % 2 === 0 ? digits : `${digits}f`;
}

function word(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function ascii(text: string): string {
  return hex(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
