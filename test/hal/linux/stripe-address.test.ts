// The Stripe adapter's key and address: what is refused at the start, what a wrong key or certificate looks like, and
// that the key shows up nowhere.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { HalError } from "../../../hal/hal-error.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import type { StripeAddress } from "../../../hal/linux/stripe-api.ts";
import { openStripeHost, type StripeHost } from "../../../hal/linux/stripe-host.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { bindingOf, order } from "../../contract/payment-host-payer.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { MERCHANT } from "../../support/stripe-bench.ts";
import { MOCK_KEY, openStripeMock } from "../../support/stripe-mock.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-stripe-key-"));
const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function keyFile(content: string, mode = 0o600): string {
  files += 1;
  const path = join(folder, `key-${files}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function open(apiKeyFile: string, address?: StripeAddress): StripeHost {
  const host = openStripeHost({
    ...{ store: simStore().store(), clock: openSystemClock(), crypto: openNodeCrypto() },
    ...{ secretKey: new Uint8Array(32).fill(5), merchant: MERCHANT, apiKeyFile, timeoutMs: 2_000 },
    ...(address && { address }),
  });
  cleaning.push(() => host.close());
  return host;
}

function pay(host: StripeHost) {
  const token = new TextEncoder().encode("pm_card_visa");
  const credential = { kind: "token", payerKey: new Uint8Array(32), token } as const;
  return host.authorise(`${order(1)}/1/authorise`, credential, bindingOf());
}

test.each([
  ["", 0o600, /holds no secret or restricted API key: put the key of the account into it$/],
  ["pk_test_abcdefgh1234", 0o600, /holds no secret or restricted API key/],
  ["sk_test_abc def", 0o600, /holds no secret or restricted API key/],
  [MOCK_KEY, 0o644, /is open to others \(mode 0644\): chmod 600/],
])(
  "a key file with %j and mode %i is refused, and the key is not quoted",
  (key, mode, expected) => {
    let error: unknown;
    try {
      open(keyFile(key, mode));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(HalError);
    expect(String(error)).toMatch(expected);
    if (key !== "") expect(String(error)).not.toContain(key);
  },
);

test("a key file that is not there is refused", () => {
  expect(() => open(join(folder, "none"))).toThrow(/none is not there: put the key/);
});

test("a test key makes a host that moves no real money; a live one does not", () => {
  expect(open(keyFile("sk_test_abcdefgh")).simulated).toBe(true);
  expect(open(keyFile("rk_live_abcdefgh")).simulated).toBe(false);
});

test("plain http to another machine is refused: the key would travel in clear", () => {
  const address = { host: "10.0.0.1", port: 80, protocol: "http" } as const;
  expect(() => open(keyFile(MOCK_KEY), address)).toThrow(/in clear: use https/);
});

test("a wrong key is told as such, not as a declined card, and is not quoted", async () => {
  const mock = await openStripeMock();
  cleaning.push(() => mock.close());
  const address = { host: "127.0.0.1", port: mock.port, protocol: "http" } as const;
  const answer = await pay(open(keyFile("sk_test_anotherkey"), address));
  expect(answer).toEqual({ kind: "no-answer", message: "HTTP 401: check the API key" });
});

test("https: the named authority's server is believed, any other is not", async () => {
  const authority = makeAuthority(folder, "stripe-ca");
  const mock = await openStripeMock(authority.issue("mock", ["IP:127.0.0.1", "DNS:localhost"]));
  cleaning.push(() => mock.close());
  const base = { host: "127.0.0.1", port: mock.port, protocol: "https" } as const;
  const doubted = await pay(open(keyFile(MOCK_KEY), base));
  expect(doubted).toMatchObject({ kind: "no-answer" });
  expect(JSON.stringify(doubted)).toMatch(/connection: [A-Z_]*(CERT|SIGN|VERIFY|ISSUER)/);
  expect(mock.asked).toEqual([]);
  const believed = await pay(open(keyFile(MOCK_KEY), { ...base, caFile: authority.ca }));
  expect(believed).toMatchObject({ kind: "approved" });
  const named = { ...base, caFile: join(folder, "no-such-ca") };
  expect(() => open(keyFile(MOCK_KEY), named)).toThrow(/no-such-ca cannot be read \(ENOENT\)/);
});
