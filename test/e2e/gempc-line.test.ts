// The chip reader's driver over a real terminal device, as on a board, with the simulated reader at the other end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CardReader, CardReading } from "../../hal/card-reader.ts";
import { openGempcReader } from "../../hal/drivers/gempc-reader.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openPty } from "../../hal/linux/pty.ts";
import { openSerialPort } from "../../hal/linux/serial-port.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import type { SimCard } from "../../hal/sim/sim-card.ts";
import { simGempc } from "../../hal/sim/sim-gempc.ts";
import { testCard } from "../../hal/sim/test-cards.ts";

const PATIENCE_MS = 15_000;

async function becomes(reader: CardReader, ready: boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (reader.status().ready !== ready) {
    if (performance.now() > endMs) throw new Error(reader.status().message);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("reads both sorts of cards, and again after it was unplugged", {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-twin-"));
  const clock = openSystemClock();
  const crypto = openNodeCrypto();
  const pty = openPty(join(folder, "reader"));
  const twin = simGempc(clock);
  twin.attach(pty.port);
  const settings = { baud: 115_200, stopBits: 2 } as const;
  const reader = openGempcReader(
    openSerialPort({ path: pty.path(), settings }),
    { clock, crypto, entropy: openSystemEntropy() },
    {
      ...{ id: "chip", tokenKey: new Uint8Array(32), countryCode: 276 },
      hostKey: crypto.boxPublicKey(new Uint8Array(32).fill(9)),
    },
  );
  onTestFinished(async () => {
    await reader.close();
    await pty.port.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const offer = new Uint8Array(16);
  const read = (): Promise<CardReading> =>
    reader.readCard({ amountMinor: 150, currency: "EUR", offer, timeoutMs: 5_000 });
  await becomes(reader, true);
  for (const name of ["mastercard-chip", "mastercard-chip-t0"]) {
    twin.insert(testCard(name) as SimCard);
    expect(await read()).toMatchObject({ kind: "read", card: { maskedPan: "541333******0434" } });
    twin.remove();
  }
  const waiting = read();
  pty.setPlugged(false);
  expect(await waiting).toEqual({ kind: "lost" });
  await becomes(reader, false);
  pty.setPlugged(true);
  await becomes(reader, true);
  twin.insert(testCard("visa-chip") as SimCard);
  expect(await read()).toMatchObject({ kind: "read", card: { network: "visa" } });
});
