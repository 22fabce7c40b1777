// One visit to the card in the slot: power, a talk, and no power any more. Tells whether what was made of the talk can be
// used: nothing of a card that was taken away is.

import type { ApduAnswer, CardChannel } from "./card-channel.ts";
import type { TwinLink } from "./gempc-link.ts";
import { powerDown, powerUp } from "./gempc-slot.ts";

export type Visit<T> =
  | { kind: "read"; result: T }
  /** The card did not answer all the time: perhaps it is not there any more. */
  | { kind: "mute"; result: T }
  /** It could not be spoken to at all; the message is for people. */
  | { kind: "unspoken"; message: string }
  | { kind: "torn" }
  | { kind: "lost" };

/** `isOver`: nobody waits for it any more. */
export async function visitCard<T>(
  link: TwinLink,
  isOver: () => boolean,
  read: (channel: CardChannel) => Promise<T>,
): Promise<Visit<T>> {
  const powered = await powerUp(link, isOver);
  if (powered.kind === "lost") return powered;
  if (powered.kind === "gone") return { kind: "torn" };
  try {
    if (powered.kind === "mute") return { kind: "unspoken", message: powered.message };
    const watched = new WatchedChannel(powered.channel, isOver);
    const result = await read(watched);
    const trouble = watched.trouble();
    if (trouble === "gone") return { kind: "torn" };
    if (trouble === "lost") return { kind: "lost" };
    return { kind: trouble === "mute" ? "mute" : "read", result };
  } finally {
    await powerDown(link);
  }
}

/** Remembers what went wrong, and lets nothing through to a card that was taken away. */
class WatchedChannel implements CardChannel {
  readonly way = "insert";
  readonly #channel: CardChannel;
  readonly #isOver: () => boolean;
  #trouble: Exclude<ApduAnswer["kind"], "answer"> | undefined;

  constructor(channel: CardChannel, isOver: () => boolean) {
    this.#channel = channel;
    this.#isOver = isOver;
  }

  trouble(): Exclude<ApduAnswer["kind"], "answer"> | undefined {
    return this.#trouble;
  }

  async transmit(command: Uint8Array): Promise<ApduAnswer> {
    if (this.#isOver()) return { kind: "lost" };
    if (this.#trouble === "gone" || this.#trouble === "lost") return { kind: this.#trouble };
    const answer = await this.#channel.transmit(command);
    if (answer.kind !== "answer") this.#trouble = answer.kind;
    return answer;
  }
}
