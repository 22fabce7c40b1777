// What the simulated payment host keeps of a card: what may be shown of it, and, of one that was at a reader, whether its
// cryptogram was genuine and under which counter it was made.

import type { Crypto } from "../crypto.ts";
import { hex } from "../host-credentials.ts";
import type { HostCard } from "../payment-host.ts";
import { cardNetwork, maskCard, type SealedCard } from "../sealed-card.ts";
import type { Store, StoreWrite } from "../store.ts";
import { isGenuine } from "./test-issuers.ts";

export interface KeptCard {
  shown: HostCard & { maskedPan: string };
  /** `counter` in hexadecimal. */
  chip?: { genuine: boolean; counter: string };
}

export function keepCard(
  { number, expiry, entryMethod, chip }: SealedCard,
  secretKey: Uint8Array,
  crypto: Crypto,
): KeptCard {
  const named = new TextEncoder().encode(`card ${hex(secretKey)} ${number}`);
  const token = hex(crypto.digest(named).subarray(0, 16));
  const network = cardNetwork(number);
  const shown = { maskedPan: maskCard(number), expiry, network, entryMethod, token };
  if (chip === undefined) return { shown };
  const counter = hex(chip.get(0x9f36) ?? new Uint8Array());
  return { shown, chip: { genuine: isGenuine(number, chip), counter } };
}

/**
 * A card makes one cryptogram under each value of its counter, and each serves one credential. Undefined for what was not
 * made by the card, or serves another credential already; otherwise what is to be written with the attempt.
 */
export async function cryptogramSpent(
  { shown, chip }: KeptCard,
  credential: string,
  store: Store,
): Promise<readonly StoreWrite[] | undefined> {
  if (chip === undefined) return [];
  const id = `${shown.token}/${chip.counter}`;
  const before = await store.get("cryptogram", id);
  if (!chip.genuine || (before !== undefined && before !== credential)) return undefined;
  return before === undefined ? [{ kind: "cryptogram", id, body: credential }] : [];
}
