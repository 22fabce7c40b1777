// One card or tag in the field of a PN532, as those who speak to it want it: a channel of APDUs, or pages of memory.

import type { ApduAnswer, CardChannel } from "./card-channel.ts";
import type { Pn532Chip, Target } from "./pn532-chip.ts";
import type { PagesAnswer, TagMemory } from "./type2-tag.ts";

/** What the reader knows of its own standing. */
export interface Standing {
  /** The call was canceled, or has taken too long: nothing more is said to the card. */
  isOver(): boolean;
  /** The chip was lost in mid-command. Where the reader itself is gone, the call has had its answer by then. */
  chipLost(): void;
}

const READ = 0x30;
const WRITE = 0xa2;

export function channelTo(chip: Pn532Chip, target: Target, standing: Standing): CardChannel {
  const lost = (): ApduAnswer => {
    standing.chipLost();
    return { kind: "gone" };
  };
  return {
    way: "tap",
    transmit: async (command) => {
      if (standing.isOver()) return { kind: "gone" };
      const passed = await chip.passOn(target, command);
      if (passed.kind === "lost") return lost();
      if (passed.kind === "failed") {
        const isThere = await chip.isThere(target);
        if (isThere === "lost") return lost();
        return { kind: isThere ? "mute" : "gone" };
      }
      const { data } = passed;
      if (data.length < 2) return { kind: "mute" };
      const status = 256 * (data.at(-2) ?? 0) + (data.at(-1) ?? 0);
      return { kind: "answer", data: data.subarray(0, -2), status };
    },
  };
}

export function memoryOf(chip: Pn532Chip, first: Target, standing: Standing): TagMemory {
  let target = first;
  /** A tag that refuses falls asleep, as one does that heard nonsense: it is called again, and asked once more. */
  const ask = async (command: Uint8Array): Promise<{ data: Uint8Array } | "refused" | "gone"> => {
    for (let attempt = 1; ; attempt++) {
      if (standing.isOver()) return "gone";
      const passed = await chip.passOn(target, command);
      if (passed.kind === "data") return passed;
      const targets = passed.kind === "lost" ? "lost" : await chip.list();
      if (targets === "lost") {
        standing.chipLost();
        return "gone";
      }
      const [again, other] = targets;
      if (again === undefined || other !== undefined || !isSame(again, target)) return "gone";
      target = again;
      if (attempt === 2) return "refused";
    }
  };
  return {
    read: async (page): Promise<PagesAnswer> => {
      const answer = await ask(Uint8Array.of(READ, page));
      return typeof answer === "string" ? { kind: answer } : { kind: "pages", bytes: answer.data };
    },
    write: async (page, bytes) => {
      const answer = await ask(Uint8Array.of(WRITE, page, ...bytes));
      return typeof answer === "string" ? answer : "written";
    },
  };
}

export function isSame(a: Target, b: Target): boolean {
  if (a.uid.length !== b.uid.length) return false;
  return isMadeUp(a) && isMadeUp(b) ? true : a.uid.every((byte, i) => byte === b.uid[i]);
}

/** Telephones and some cards make up a new one each time they are called (ISO 14443-3, 08 first). */
function isMadeUp({ uid }: Target): boolean {
  return uid.length === 4 && uid[0] === 0x08;
}
