// The card in a GemPC Twin: power and answer to reset, protocol and speed settled, and then a channel of APDUs.

import type { ApduAnswer, CardChannel } from "./card-channel.ts";
import {
  CCID,
  CCID_ICC_MUTE,
  CCID_PARITY,
  type CcidAnswer,
  ccidErrorWords,
} from "./ccid-message.ts";
import type { TwinLink } from "./gempc-link.ts";
import { completeApdu } from "./iso7816-apdu.ts";
import {
  type Atr,
  blockWaitMs,
  FIDI_DEFAULT,
  isSpeedPossible,
  ppsRequest,
  readAtr,
} from "./iso7816-atr.ts";
import type { BlockAnswer, BlockSender } from "./iso7816-block.ts";
import { T0Link } from "./iso7816-t0.ts";
import { T1Link } from "./iso7816-t1.ts";

export type PoweredCard =
  | { kind: "up"; channel: CardChannel }
  | { kind: "gone" }
  | { kind: "lost" }
  /** It cannot be spoken to; the message is for people. */
  | { kind: "mute"; message: string };

/** 5, 3 and 1.8 volts, as the command names them. */
const VOLTAGES = [1, 2, 3] as const;
const POWER_MS = 2_000;
const POWER_TRIES = 2;
const SETTING_MS = 1_000;
/** A reader tells of a slow card of T=0 by requests for time. */
const T0_MS = 5_000;
/** On top of what the card may take, for the reader and the line. */
const READER_MS = 1_000;
const T1_MS_MAX = 20_000;
const SAFE_TRIES = 3;

/** For each voltage: its answer to reset, and a protocol settled on it. Once `isOver`, nothing more goes to the card. */
export async function powerUp(link: TwinLink, isOver: () => boolean): Promise<PoweredCard> {
  let message = "the card's answer to reset cannot be read";
  for (const voltage of VOLTAGES) {
    const reset = await resetCard(link, voltage);
    if (reset.kind === "gone" || reset.kind === "lost") return reset;
    if (reset.kind === "silent") return { kind: "mute", message: "the reader does not answer" };
    if (reset.kind === "reset") return await openProtocol(link, voltage, reset.atr, isOver);
    message = reset.message;
  }
  return { kind: "mute", message };
}

/** Never tells of trouble: the next poll does. */
export async function powerDown(link: TwinLink): Promise<void> {
  await link.ask({ type: CCID.powerOff }, { answerMs: SETTING_MS, tries: SAFE_TRIES });
}

type Reset =
  | { kind: "reset"; atr: Atr }
  | Exclude<PoweredCard, { kind: "up" }>
  /** The reader itself does not answer: another voltage is no help. */
  | { kind: "silent" };

async function resetCard(link: TwinLink, voltage: number): Promise<Reset> {
  const parameters = [voltage, 0, 0] as const;
  const asking = { answerMs: POWER_MS, tries: POWER_TRIES };
  const told = await link.ask({ type: CCID.powerOn, parameters }, asking);
  if (told.kind === "lost") return told;
  if (told.kind !== "answer") return { kind: "silent" };
  const { answer } = told;
  if (answer.icc === "absent") return { kind: "gone" };
  if (answer.outcome !== "ok") return { kind: "mute", message: ccidErrorWords(answer.error) };
  const atr = readAtr(answer.data);
  if (atr !== undefined) return { kind: "reset", atr };
  return { kind: "mute", message: "the card's answer to reset cannot be read" };
}

async function openProtocol(
  link: TwinLink,
  voltage: number,
  atr: Atr,
  isOver: () => boolean,
): Promise<PoweredCard> {
  const isFast = atr.fiDi !== FIDI_DEFAULT && isSpeedPossible(atr.fiDi);
  const wantsPps = !atr.isSpecific && (isFast || atr.protocol !== atr.firstProtocol);
  let fiDi = atr.isSpecific ? atr.fiDi : FIDI_DEFAULT;
  if (wantsPps) {
    const wanted = isFast ? atr.fiDi : FIDI_DEFAULT;
    const agreed = await agree(link, atr.protocol, wanted);
    if (agreed === "gone" || agreed === "lost") return { kind: agreed };
    if (agreed === "agreed") fiDi = wanted;
    else {
      // It stays as slow as every card is after its reset.
      const again = await resetCard(link, voltage);
      if (again.kind === "silent") return { kind: "mute", message: "the reader does not answer" };
      if (again.kind !== "reset") return again;
      if (atr.protocol !== atr.firstProtocol) {
        return { kind: "mute", message: "the card does not settle on a protocol" };
      }
    }
  }
  const set = await setParameters(link, atr, fiDi);
  if (set !== "ok") {
    if (set === "mute") return { kind: "mute", message: "the reader refuses the card's speed" };
    return { kind: set };
  }
  const sender = new SlotSender(link, atr, isOver);
  if (atr.protocol === 0) return { kind: "up", channel: channelOver(new T0Link(sender)) };
  const t1 = new T1Link(sender, { ifsc: atr.ifsc, crc: atr.crc });
  const begun = await t1.begin();
  if (begun === "mute") return { kind: "mute", message: ccidErrorWords(CCID_ICC_MUTE) };
  return begun === "ok" ? { kind: "up", channel: channelOver(t1) } : { kind: begun };
}

type Agreement = "agreed" | "refused" | "gone" | "lost";

async function agree(link: TwinLink, protocol: number, fiDi: number): Promise<Agreement> {
  const request = ppsRequest(protocol, fiDi);
  const told = await transfer(link, request, 0, SETTING_MS + READER_MS);
  if (told.kind === "gone" || told.kind === "lost") return told.kind;
  if (told.kind !== "block" || told.bytes.length !== request.length) return "refused";
  return told.bytes.every((byte, i) => byte === request[i]) ? "agreed" : "refused";
}

async function setParameters(
  link: TwinLink,
  atr: Atr,
  fiDi: number,
): Promise<"ok" | "gone" | "lost" | "mute"> {
  const data =
    atr.protocol === 0
      ? Uint8Array.of(fiDi, 0, atr.guardTime, atr.waiting, 0)
      : Uint8Array.of(fiDi, atr.crc ? 0x11 : 0x10, atr.guardTime, atr.bwiCwi, 0, atr.ifsc, 0);
  const told = await link.ask(
    { type: CCID.setParameters, parameters: [atr.protocol, 0, 0], data },
    { answerMs: SETTING_MS, tries: SAFE_TRIES },
  );
  if (told.kind === "lost") return "lost";
  if (told.kind !== "answer") return "mute";
  if (told.answer.icc !== "active") return "gone";
  return told.answer.outcome === "ok" ? "ok" : "mute";
}

class SlotSender implements BlockSender {
  readonly #link: TwinLink;
  readonly #atr: Atr;
  readonly #isOver: () => boolean;

  constructor(link: TwinLink, atr: Atr, isOver: () => boolean) {
    this.#link = link;
    this.#atr = atr;
    this.#isOver = isOver;
  }

  send(block: Uint8Array, times: number): Promise<BlockAnswer> {
    // One that always asks for time, or always has more to say, must end too.
    if (this.#isOver()) return Promise.resolve({ kind: "lost" });
    if (this.#atr.protocol === 0) return transfer(this.#link, block, 0, T0_MS);
    const waitMs = blockWaitMs(this.#atr.bwiCwi) * times + READER_MS;
    return transfer(this.#link, block, times > 1 ? times : 0, Math.min(waitMs, T1_MS_MAX));
  }
}

/** Once: what a card was told must not be told again by anybody who does not know the card's rules. */
async function transfer(
  link: TwinLink,
  data: Uint8Array,
  times: number,
  answerMs: number,
): Promise<BlockAnswer> {
  const command = { type: CCID.transfer, parameters: [times, 0, 0] as const, data };
  const told = await link.ask(command, { answerMs, tries: 1 });
  return told.kind === "answer" ? blockOf(told.answer) : told;
}

function blockOf(answer: CcidAnswer): BlockAnswer {
  if (answer.icc === "absent") return { kind: "gone" };
  // A card that says nothing gets no power any more; nor has one that was out for a moment.
  if (answer.icc === "inactive") return { kind: "unclear" };
  if (answer.outcome !== "ok") {
    return { kind: answer.error === CCID_PARITY ? "garbled" : "unclear" };
  }
  return answer.extra === 0 ? { kind: "block", bytes: answer.data } : { kind: "unclear" };
}

function channelOver(protocol: {
  exchange(command: Uint8Array): Promise<ApduAnswer>;
}): CardChannel {
  return {
    way: "insert",
    transmit: (command) => completeApdu((each) => protocol.exchange(each), command),
  };
}
