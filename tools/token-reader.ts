// A card reader of this machine, opened to write and read tags by the same driver as a device's.

import { fail, type Result } from "../firmware/result.ts";
import type { CardReader } from "../hal/card-reader.ts";
import { sleep } from "../hal/clock.ts";
import { openPn532Reader } from "../hal/drivers/pn532-reader.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { openSerialPort } from "../hal/linux/serial-port.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";

const KIND = /^pn532:(.+)$/;
const SETTINGS = { baud: 115_200 };
const READY_MS = 6_000;
const LOOK_MS = 50;

/** Opens it, does the work, closes it. Errors: `usage`, `environment` for a reader that does not answer. */
export async function withReader<T>(
  given: string | undefined,
  work: (reader: CardReader) => Promise<Result<T>>,
): Promise<Result<T>> {
  const [, path] = KIND.exec(given ?? "") ?? [];
  if (path === undefined) {
    const words = "name the reader with --reader pn532:PATH, such as pn532:/dev/ttyUSB0";
    return fail("usage", words, "--reader");
  }
  const clock = openSystemClock();
  const entropy = openSystemEntropy();
  const ports = { clock, entropy, crypto: openNodeCrypto() };
  // No payment card is read here: these keys seal nothing.
  const setup = { id: "tags", hostKey: entropy.bytes(32), tokenKey: entropy.bytes(32) };
  const open = openSerialPort({ path, settings: SETTINGS });
  const reader = openPn532Reader(open, ports, { ...setup, countryCode: 0 });
  try {
    const endMs = clock.monotonicMs() + READY_MS;
    while (!reader.status().ready && clock.monotonicMs() < endMs) await sleep(clock, LOOK_MS);
    const { ready, message } = reader.status();
    if (!ready) return fail("environment", `the reader at ${path}: ${message}`, "--reader");
    return await work(reader);
  } finally {
    await reader.close();
  }
}

/** What came of a tag that was not read or written; `ms` is how long it was waited for. */
export function tagTrouble(kind: string, bytesMax?: number): Result<never> {
  switch (kind) {
    case "absent":
      return fail("timed-out", "no tag came: hold one to the reader, or wait longer with --wait");
    case "torn":
      return fail("environment", "the tag was taken away too soon: hold it still and try again");
    case "several":
      return fail("environment", "there is more than one tag: hold only one to the reader");
    case "full":
      return fail(
        "too-large",
        `the tag holds ${bytesMax ?? 0} bytes only: take an NTAG213 or larger`,
      );
    case "read-only":
      return fail("environment", "the tag may not be written any more: take another one");
    case "empty":
    case "malformed":
      return fail("not-found", "it holds no NDEF message, and is not made for one");
    default:
      return fail("environment", "the reader is gone: is it still plugged in?");
  }
}
