// Entropy port on the kernel's random source, by way of node:crypto.

import { randomBytes } from "node:crypto";
import type { Entropy } from "../entropy.ts";

export function openSystemEntropy(): Entropy {
  return { bytes: (length) => new Uint8Array(randomBytes(length)) };
}
