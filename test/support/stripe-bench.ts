// The Stripe adapter against the mock, in a folder of its own: what its contract and its own tests work with.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openStripeHost, type StripeHost } from "../../hal/linux/stripe-host.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { type SimStore, type SimStoreOptions, simStore } from "../../hal/sim/sim-store.ts";
import { MOCK_KEY, openStripeMock, type StripeMock } from "./stripe-mock.ts";

/** Longer than an honest answer takes on a busy machine, shorter than a late one. */
const TIMEOUT_MS = 250;
export const MERCHANT = { merchantId: "M1", terminalId: "T1", merchantName: "Test site" };

export interface StripeBench {
  mock: StripeMock;
  disk: SimStore;
  host: StripeHost;
  /** The adapter started anew. */
  reopen(): StripeHost;
  stored(): string;
  close(): Promise<void>;
}

export async function openStripeBench(
  timeoutMs = TIMEOUT_MS,
  onCommit: SimStoreOptions["onCommit"] = () => undefined,
): Promise<StripeBench> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-stripe-"));
  const apiKeyFile = join(folder, "stripe.key");
  writeFileSync(apiKeyFile, `${MOCK_KEY}\n`, { mode: 0o600 });
  const mock = await openStripeMock();
  const disk = simStore({ onCommit });
  const crypto = openNodeCrypto();
  const open = (): StripeHost =>
    openStripeHost({
      ...{ store: disk.reopen(), clock: openSystemClock(), crypto, apiKeyFile, timeoutMs },
      ...{ secretKey: new Uint8Array(32).fill(0x55), merchant: MERCHANT },
      address: { host: "127.0.0.1", port: mock.port, protocol: "http" },
    });
  const bench: StripeBench = {
    ...{ mock, disk, host: open() },
    reopen: () => {
      bench.host.close();
      bench.host = open();
      return bench.host;
    },
    stored: () =>
      JSON.stringify(
        ["stripe-attempt", "stripe-charge", "nonce", "token"].map((kind) => disk.durable(kind)),
      ),
    close: async () => {
      bench.host.close();
      await mock.close();
      rmSync(folder, { recursive: true });
    },
  };
  return bench;
}
