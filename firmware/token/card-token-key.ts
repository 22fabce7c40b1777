// The key by which a device makes of a card's number the token that it knows the card by: its own, and the same at every start.

import type { Crypto } from "../../hal/crypto.ts";
import { concatBytes, utf8 } from "../bytes.ts";

/** 32 bytes, from the seed of the device's signing key. */
export function cardTokenKey(crypto: Crypto, signSeed: Uint8Array): Uint8Array {
  return crypto.digest(concatBytes(utf8("sluice card token"), signSeed)).slice(0, 32);
}
