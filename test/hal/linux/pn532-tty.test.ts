// The contactless reader as it runs on a board: the operating system's clock and serial port, and at the other end of a
// pseudo-terminal the chip of the bench. A card is read, a tag written, the reader unplugged and plugged in again.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openNaclCrypto } from "../../../hal/drivers/nacl-crypto.ts";
import { openPn532Reader } from "../../../hal/drivers/pn532-reader.ts";
import { openPty, type Pty } from "../../../hal/linux/pty.ts";
import { openSerialPort } from "../../../hal/linux/serial-port.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../../hal/linux/system-entropy.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { simPn532 } from "../../../hal/sim/sim-pn532.ts";
import { ntag213 } from "../../../hal/sim/sim-tag.ts";
import { testCard } from "../../../hal/sim/test-cards.ts";

const LIMIT_MS = 15_000;
const MESSAGE = Uint8Array.from({ length: 120 }, (_, i) => i);

let folder = "";
let pty: Pty;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-reader-"));
  pty = openPty(join(folder, "tap"));
});
afterEach(async () => {
  await pty.port.close();
  rmSync(folder, { recursive: true });
});

test("reads a card, writes a tag, and is back after it was unplugged", async () => {
  const clock = openSystemClock();
  const chip = simPn532(clock);
  chip.attach(pty.port);
  const crypto = openNaclCrypto();
  const reader = openPn532Reader(
    openSerialPort({ path: pty.path(), settings: { baud: 115_200 } }),
    { clock, crypto, entropy: openSystemEntropy() },
    {
      id: "tap",
      hostKey: crypto.boxPublicKey(new Uint8Array(32).fill(9)),
      tokenKey: new Uint8Array(32).fill(7),
      countryCode: 276,
    },
  );
  const isReady = (ready: boolean): Promise<void> =>
    expect.poll(() => reader.status().ready, { timeout: LIMIT_MS }).toBe(ready);
  const card = testCard("visa-test") as SimCard;
  const request = { amountMinor: 150, currency: "EUR", offer: new Uint8Array(16) };
  const readCard = () => reader.readCard({ ...request, timeoutMs: LIMIT_MS });

  await isReady(true);
  chip.present(card);
  expect(await readCard()).toMatchObject({ kind: "read", card: { network: "visa" } });
  chip.remove();
  chip.present(ntag213("tag"));
  expect(await reader.writeTag(MESSAGE, LIMIT_MS)).toEqual({ kind: "written" });
  expect(await reader.readTag(LIMIT_MS)).toEqual({ kind: "ndef", message: MESSAGE });
  chip.remove();

  const waiting = readCard();
  pty.setPlugged(false);
  expect(await waiting).toEqual({ kind: "lost" });
  await isReady(false);
  chip.brownOut();
  pty.setPlugged(true);
  await isReady(true);
  chip.present(card);
  expect(await readCard()).toMatchObject({ kind: "read" });
  await reader.close();
  chip.close();
});
