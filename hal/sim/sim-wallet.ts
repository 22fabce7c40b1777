// The cards and tags of a bench, by name. Plastic keeps what it has counted and what was written on it, so they are
// kept over restarts too: a payment card whose counter fell back would be taken for a copy.

import type { Crypto, Signer } from "../crypto.ts";
import type { SimCard } from "./sim-card.ts";
import { memberCard } from "./sim-member-card.ts";
import { ntag213 } from "./sim-tag.ts";
import { TEST_CARD_LIST, testCard } from "./test-cards.ts";

/** Small texts by name that outlast the program. */
export interface SimKept {
  read(name: string): string | undefined;
  write(name: string, text: string): void;
}

export interface SimWalletEntry {
  name: string;
  ways: readonly ("tap" | "insert")[];
  /** For people. */
  what: string;
}

export interface SimWallet {
  entries(): readonly SimWalletEntry[];
  /** The same piece of plastic each time; undefined for a name that there is none of. */
  card(name: string): SimCard | undefined;
}

export interface SimWalletOptions {
  kept: SimKept;
  crypto: Crypto;
}

const TAG_FIRST_PAGE = 4;
const TAG_LAST_PAGE = 39;
const PAGE_BYTES = 4;

/** A member's card of the bench signs with a key that everybody may know. */
const MEMBER_SEED = "sluice bench: the key of a member";

export function simWallet({ kept, crypto }: SimWalletOptions): SimWallet {
  const seed = crypto.digest(new TextEncoder().encode(MEMBER_SEED)).slice(0, 32);
  const member = crypto.signer(seed);
  const cards = new Map<string, SimCard>();
  const others: Readonly<Record<string, () => SimCard>> = {
    tag: () => keptTag("tag", kept),
    member: () => memberCard("member", member),
  };
  const make = (name: string): SimCard | undefined => {
    if (Object.hasOwn(others, name)) return others[name]?.();
    const atc = counterOf(kept.read(name));
    return testCard(name, { atc, onAtc: (next) => kept.write(name, String(next)) });
  };
  return {
    entries: () => [
      ...TEST_CARD_LIST.map(({ name, way, what }) => ({ name, ways: [way], what })),
      { name: "tag", ways: ["tap"], what: "NTAG213, for a prepaid token" },
      memberEntry(member),
    ],
    card: (name) => {
      const known = cards.get(name) ?? make(name);
      if (known !== undefined) cards.set(name, known);
      return known;
    },
  };
}

function memberEntry({ publicKey }: Signer): SimWalletEntry {
  const key = [...publicKey].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { name: "member", ways: ["tap", "insert"], what: `a member's card, key ${key}` };
}

/** A card that is new, or of which nothing can be read, starts at 0. */
function counterOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
}

/** Its pages are kept as hexadecimal digits. */
function keptTag(name: string, kept: SimKept): SimCard {
  const tag = ntag213(name);
  const pages = /^([0-9a-f]{8}){36}$/.test(kept.read(name) ?? "") ? (kept.read(name) ?? "") : "";
  for (let page = TAG_FIRST_PAGE; pages !== "" && page <= TAG_LAST_PAGE; page++) {
    const at = 2 * PAGE_BYTES * (page - TAG_FIRST_PAGE);
    const digits = pages.slice(at, at + 2 * PAGE_BYTES).match(/../g) ?? [];
    tag.memory.write(
      page,
      Uint8Array.from(digits, (two) => Number.parseInt(two, 16)),
    );
  }
  const keep = (): void => {
    const bytes = tag
      .dump()
      .subarray(PAGE_BYTES * TAG_FIRST_PAGE, PAGE_BYTES * (TAG_LAST_PAGE + 1));
    kept.write(name, [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  };
  return {
    ...tag,
    memory: {
      read: (page) => tag.memory.read(page),
      write: (page, bytes) => {
        const isWritten = tag.memory.write(page, bytes);
        if (isWritten) keep();
        return isWritten;
      },
    },
  };
}
