// What we ask of a PN532: wake up and take our settings, tell who is in the field, pass a command on to one of them.
// After "lost" its state is unknown: start() it anew.

import type { Entropy } from "../entropy.ts";
import { DATA_BYTES_MAX } from "./pn532-frame.ts";
import type { ChipAnswer, Pn532Link } from "./pn532-link.ts";

/** One card or tag in the field (ISO 14443-3 type A). */
export interface Target {
  /** As the chip calls it. */
  number: number;
  sort: "card" | "tag" | "unknown";
  uid: Uint8Array;
}

export type PassedOn =
  /** What it answered: the receiver's to overwrite. */
  | { kind: "data"; data: Uint8Array }
  /** It does not answer, or not in a way that can be read: gone or not, isThere() tells. */
  | { kind: "failed" }
  | { kind: "lost" };

export interface Pn532Chip {
  /** Undefined when all is well, else what is wrong, for people. */
  start(): Promise<string | undefined>;
  /** Everybody in the field, two at most, each ready to be spoken to. */
  list(): Promise<readonly Target[] | "lost">;
  isThere(target: Target): Promise<boolean | "lost">;
  /** In as many pieces as it takes, either way. */
  passOn(target: Target, command: Uint8Array): Promise<PassedOn>;
  /** Ends the command under way, which then answers "lost". */
  abort(): void;
}

const DIAGNOSE = 0x00;
const ECHO_TEST = 0x00;
const PRESENCE_TEST = 0x06;
const GET_FIRMWARE_VERSION = 0x02;
const SET_PARAMETERS = 0x12;
const SAM_CONFIGURATION = 0x14;
const RF_CONFIGURATION = 0x32;
const IN_DATA_EXCHANGE = 0x40;
const IN_LIST_PASSIVE_TARGET = 0x4a;
const IN_RELEASE = 0x52;

const IC_PN532 = 0x32;
const MORE = 0x40;
const STATUS_MASK = 0x3f;
/** Command code and target number come before them. */
const PIECE_BYTES_MAX = DATA_BYTES_MAX - 2;
/** No command of ours asks for more, and a chip fills its pieces. */
const ANSWER_BYTES_MAX = 2048;
const ANSWER_PIECES_MAX = 16;

const SETTING_MS = 250;
/** Three attempts, and a card that is slow to say what it can. */
const LIST_MS = 800;
/** A card may ask for more time again and again. */
const CARD_MS = 3_000;
const TAG_MS = 500;

/** ATQA of NTAG and Ultralight; their SAK is 00. */
const TYPE_2_SENS_RES = 0x0044;
const SAK_SPEAKS_APDU = 0x20;

const SETTINGS: readonly (readonly number[])[] = [
  // Field off first and on last, which is time enough for a card to forget what it was doing.
  [RF_CONFIGURATION, 0x01, 0x00],
  // Cards that can are taken to ISO 14443-4 at once.
  [SET_PARAMETERS, 0x14],
  // Waiting times: 102.4 ms for the card's first word, 51.2 ms for a tag's answer.
  [RF_CONFIGURATION, 0x02, 0x00, 0x0b, 0x0a],
  // An empty field is told after three attempts, instead of never.
  [RF_CONFIGURATION, 0x05, 0xff, 0x01, 0x02],
  [RF_CONFIGURATION, 0x01, 0x01],
];

export function openPn532Chip(link: Pn532Link, entropy: Entropy): Pn532Chip {
  const ask = async (command: readonly number[], answerMs: number): Promise<Uint8Array | "lost"> =>
    dataOf(await link.ask(Uint8Array.from(command), answerMs));

  const list = async (): Promise<readonly Target[] | "lost"> => {
    // A card that is being spoken to does not hear the call to all.
    if ((await ask([IN_RELEASE, 0x00], SETTING_MS)) === "lost") return "lost";
    const answer = await ask([IN_LIST_PASSIVE_TARGET, 0x02, 0x00], LIST_MS);
    return answer === "lost" ? "lost" : (readTargets(answer) ?? "lost");
  };
  const isThere = async ({ number, sort }: Target): Promise<boolean | "lost"> => {
    const answer =
      sort === "card"
        ? await ask([DIAGNOSE, PRESENCE_TEST], SETTING_MS)
        : await ask([IN_DATA_EXCHANGE, number, 0x30, 0x00], TAG_MS);
    return answer === "lost" ? "lost" : answer[0] === 0x00;
  };
  return {
    start: () => start(link, ask, entropy),
    list,
    isThere,
    passOn: (target, command) => passOn(link, target, command),
    abort: () => link.abort(),
  };
}

type Ask = (command: readonly number[], answerMs: number) => Promise<Uint8Array | "lost">;

async function start(link: Pn532Link, ask: Ask, entropy: Entropy): Promise<string | undefined> {
  if (!(await link.rouse())) return "its line is down";
  // A chip that has just got power takes no other command first.
  if ((await ask([SAM_CONFIGURATION, 0x01], SETTING_MS)) === "lost") {
    return "it does not answer: check power, wiring (TX to RX) and that its switches say HSU";
  }
  const version = await ask([GET_FIRMWARE_VERSION], SETTING_MS);
  if (version === "lost" || version.length !== 4) return "it does not say what it is";
  if (version[0] !== IC_PN532) return "it is no PN532";
  // Whatever an older command still had to say is behind us once our own bytes have come back.
  const nonce = entropy.bytes(8);
  const echo = await ask([DIAGNOSE, ECHO_TEST, ...nonce], SETTING_MS);
  const isSame = echo !== "lost" && echo.length === 9 && nonce.every((b, i) => b === echo[i + 1]);
  if (!isSame) return "its line garbles what is sent";
  for (const setting of SETTINGS) {
    if ((await ask(setting, SETTING_MS)) === "lost") return "it does not take its settings";
  }
  return undefined;
}

function dataOf(answer: ChipAnswer): Uint8Array | "lost" {
  if (answer.kind === "answer") return answer.data;
  // A command that it knows and refuses leaves it as it was, but none of ours may be refused.
  return "lost";
}

/** Undefined for what no chip says. */
function readTargets(answer: Uint8Array): readonly Target[] | undefined {
  const count = answer[0] ?? -1;
  if (count < 0 || count > 2) return undefined;
  const targets: Target[] = [];
  let at = 1;
  for (let i = 0; i < count; i++) {
    const [number = 0, sensHigh = 0, sensLow = 0, selRes = 0, uidBytes = 0] = answer.subarray(at);
    const isUid = uidBytes === 4 || uidBytes === 7 || uidBytes === 10;
    at += 5 + uidBytes;
    if (number !== i + 1 || !isUid || at > answer.length) return undefined;
    const uid = answer.slice(at - uidBytes, at);
    const speaksApdu = (selRes & SAK_SPEAKS_APDU) !== 0;
    if (speaksApdu) at += answer[at] || 1;
    const isType2 = selRes === 0x00 && 256 * sensHigh + sensLow === TYPE_2_SENS_RES;
    targets.push({ number, sort: speaksApdu ? "card" : isType2 ? "tag" : "unknown", uid });
  }
  return at === answer.length ? targets : undefined;
}

async function passOn(link: Pn532Link, target: Target, command: Uint8Array): Promise<PassedOn> {
  const answerMs = target.sort === "card" ? CARD_MS : TAG_MS;
  const pieces = Math.max(1, Math.ceil(command.length / PIECE_BYTES_MAX));
  const gathered: Uint8Array[] = [];
  let bytes = 0;
  for (let piece = 0; ; piece++) {
    const isLast = piece >= pieces - 1;
    const from = piece * PIECE_BYTES_MAX;
    const part = command.subarray(from, from + PIECE_BYTES_MAX);
    const number = target.number | (isLast ? 0 : MORE);
    const asked = Uint8Array.of(IN_DATA_EXCHANGE, number, ...part);
    const answer = dataOf(await link.ask(asked, answerMs));
    asked.fill(0);
    if (answer === "lost") return { kind: "lost" };
    const [status = STATUS_MASK] = answer;
    if ((status & STATUS_MASK) !== 0) return { kind: "failed" };
    if (!isLast) continue;
    gathered.push(answer.subarray(1));
    bytes += answer.length - 1;
    if ((status & MORE) === 0) break;
    // One that always has more to say, and says little or nothing, must end too.
    const isTooMany = gathered.length >= ANSWER_PIECES_MAX || bytes > ANSWER_BYTES_MAX;
    if (isTooMany || answer.length === 1) return { kind: "failed" };
  }
  return { kind: "data", data: joined(gathered, bytes) };
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    part.fill(0);
  }
  return whole;
}
