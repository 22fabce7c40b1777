// Chance of the browser's.

import type { Entropy } from "../../hal/entropy.ts";

export const pageEntropy: Entropy = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};
