// The PaymentHost contract: what a sale may rely on, whoever takes the money.

import { describe } from "vitest";
import type { HostBench, HostFault, Using } from "./payment-host-bench.ts";
import { describeClaims } from "./payment-host-claims.ts";
import { describeCredentials } from "./payment-host-credentials.ts";
import { describeFaults } from "./payment-host-faults.ts";
import { describeMoney } from "./payment-host-money.ts";

/**
 * `faults` are tested one by one, and named here because tests are named before a bench is open. A host that reads the
 * card itself opens no credentials: what they are bound to is not tested on it. Claims are tested on hosts that check them.
 */
export function paymentHostContract(
  name: string,
  open: () => Promise<HostBench>,
  faults: readonly HostFault[],
  credentials: "sealed" | "present" = "sealed",
  claims: "checked" | "unread" = "unread",
): void {
  describe(`PaymentHost contract: ${name}`, () => {
    const using: Using = async (use) => {
      const bench = await open();
      try {
        await use(bench);
      } finally {
        await bench.dispose();
      }
    };
    describeMoney(using);
    describeCredentials(using, credentials);
    describeClaims(using, claims === "checked");
    describeFaults(using, faults);
  });
}
