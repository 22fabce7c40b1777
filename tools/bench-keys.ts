// Keys for a data folder: those that provisioning left, or, in an empty one, keys for the bench.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fail, type Result } from "../firmware/result.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import type { Output } from "./command.ts";
import { isProvisioned, type Provisioned, provision, readProvisioned } from "./provisioning.ts";

const BENCH_DAYS = 3650;

/** So long before a certificate expires its operator is reminded. */
const REMIND_S = 30 * 24 * 3600;

/** Errors: those of provisioning. Throws HalError for files that are odd. An expired certificate still delivers. */
export function readOrMakeKeys(folder: string, out: Output): Result<Provisioned> {
  const crypto = openNodeCrypto();
  const nowS = Math.floor(Date.now() / 1000);
  if (isProvisioned(folder)) {
    const read = readProvisioned(folder, crypto);
    if (read.ok) remind(read.value.claims.expiresS, nowS, folder, out);
    return read;
  }
  // A device that has its own keys and lost the certificate is no bench.
  if (existsSync(join(folder, "device-sign.pem")) && !existsSync(join(folder, "operator.pem"))) {
    return fail("untrusted", `${folder} has keys and no certificate: run sluice provision`);
  }
  const made = provision({
    folder,
    operatorPath: join(folder, "operator.pem"),
    serial: nowS,
    expiresS: nowS + BENCH_DAYS * 24 * 3600,
    bench: true,
    crypto,
    entropy: openSystemEntropy(),
  });
  if (made.ok) out.say(`made bench keys in ${folder}: no real money moves with them`);
  return made;
}

function remind(expiresS: number, nowS: number, folder: string, out: Output): void {
  if (expiresS > nowS + REMIND_S) return;
  const day = new Date(expiresS * 1000).toISOString().slice(0, 10);
  const what =
    expiresS > nowS
      ? `expires on ${day}`
      : `expired on ${day}: what is paid is delivered, nothing new is sold`;
  const how = `sluice provision --renew --data ${join(folder, "..")} --operator FILE`;
  const message = `the certificate ${what}. Renew it with: ${how}`;
  out.emit({ type: "warning", message });
  out.say(`WARNING: ${message}`);
}
