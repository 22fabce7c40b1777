// The payment hosts on which sales are cut: the simulated one, and the ISO 8583 terminal with its acquirer, in one
// virtual world with the device; and Stripe's adapter over a real connection to a mock, for which the world waits. Each
// says in the end what its settlement report says of every order.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crypto, type Site } from "../../bench/site.ts";
import type { ChargeRecord } from "../../hal/drivers/iso8583-books.ts";
import { openIso8583Terminal } from "../../hal/drivers/iso8583-host.ts";
import { openStripeHost, type StripeHost } from "../../hal/linux/stripe-host.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { PaymentHost } from "../../hal/payment-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { settlePromises } from "../../hal/sim/world.ts";
import { openAcquirer } from "../../tools/acquirer/acquirer.ts";
import { memoryJournal } from "../../tools/acquirer/journal.ts";
import { settlement } from "../../tools/acquirer/report.ts";
import { virtualLine } from "../support/iso8583-line.ts";
import { MOCK_KEY, openStripeMock } from "../support/stripe-mock.ts";

/** One payment in the host's own books. */
export interface HostLine {
  order: string;
  netMinor: number;
  /** Held, and neither captured nor released. */
  heldMinor: number;
}

export interface Ground {
  /** The host as a new life of the device opens it. */
  open(): PaymentHost;
  /** The power fails. */
  kill(): void;
  report(): Promise<readonly HostLine[]>;
  /** Where it works outside the world: resolves when nothing is under way there. */
  idle?(): Promise<void>;
  close?(): Promise<void>;
}

export type GroundName = "simulated" | "ISO 8583" | "Stripe";

function orderOf(attempt: string): string {
  return attempt.split("/")[0] ?? "";
}

function simGround(site: Site): Ground {
  return {
    open: () => site.host,
    kill: () => undefined,
    report: async () => {
      const orders = new Map<string, string>();
      for (const { id, body } of site.hostStore.durable("attempt")) {
        const { reference } = JSON.parse(body) as { reference?: string };
        if (reference !== undefined && id.includes("/authorise")) {
          orders.set(reference, orderOf(id));
        }
      }
      return [...(await site.host.charges())].map(([reference, charge]) => ({
        order: orders.get(reference) ?? "reversed",
        netMinor: charge.capturedMinor - charge.refundedMinor,
        heldMinor: charge.capturedMinor > 0 || charge.reversed ? 0 : charge.authorisedMinor,
      }));
    },
  };
}

/** Its messages and its own commits are places where the power may fail, too. */
function isoGround(site: Site, cut: (place: string) => boolean): Ground {
  const { world } = site;
  const journal = memoryJournal();
  const acquirer = openAcquirer({ clock: world.clock, journal, rules: [] });
  const line = virtualLine(acquirer, world.clock);
  line.toAcquirer = (bytes) => {
    void cut("message sent");
    return [{ bytes }];
  };
  line.toTerminal = (bytes) => (cut("message answered") ? [] : [{ bytes }]);
  const disk = simStore({ onCommit: (phase) => void cut(`${phase} commit of the terminal`) });
  let process = world.process();
  const open = (): PaymentHost => {
    process = world.process();
    const terminal = openIso8583Terminal({
      terminalId: "TERM0001",
      merchantId: "MERCHANT0000001",
      merchantName: "Harbour chargers",
      crypto,
      secretKey: hostSecret(site),
      simulated: true,
      answerMs: 5_000,
      clock: process.clock,
      line: line.open(process.clock),
      store: disk.reopen(),
    });
    return opening(terminal, site.host.publicKey);
  };
  return {
    open,
    kill: () => {
      process.kill();
      disk.crash();
      line.breakOnce();
    },
    report: async () => {
      const orders = new Map<string, string>();
      for (const { id, body } of disk.durable("iso-charge")) {
        orders.set(id, orderOf((JSON.parse(body) as ChargeRecord).attempt));
      }
      const { payments } = settlement(acquirer.books, world.clock.wallMs());
      return payments.map(({ reference, netMinor, heldMinor }) => ({
        order: orders.get(reference) ?? "reversed",
        netMinor,
        heldMinor,
      }));
    },
  };
}

/** The key that the site made for its own host, so that payers seal to this one. */
function hostSecret(site: Site): Uint8Array {
  const entropy = site.world.entropy("keys");
  entropy.bytes(3 * 32);
  return entropy.bytes(32);
}

/** A host that is being opened: calls wait for it. */
function opening(host: Promise<PaymentHost>, publicKey: Uint8Array): PaymentHost {
  return {
    canQuery: false,
    publicKey,
    simulated: true,
    tokenise: async (...args) => (await host).tokenise(...args),
    authorise: async (...args) => (await host).authorise(...args),
    capture: async (...args) => (await host).capture(...args),
    refund: async (...args) => (await host).refund(...args),
    reverse: async (...args) => (await host).reverse(...args),
    query: async (...args) => (await host).query(...args),
    onLateAnswer: (listener) => void host.then((one) => one.onLateAnswer(listener)),
  };
}

/** Its own commits, which stand around every request, are places where the power may fail, too. */
async function stripeGround(site: Site, cut: (place: string) => boolean): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-stripe-"));
  const apiKeyFile = join(folder, "stripe.key");
  writeFileSync(apiKeyFile, `${MOCK_KEY}\n`, { mode: 0o600 });
  const mock = await openStripeMock();
  const disk = simStore({ onCommit: (phase) => void cut(`${phase} commit of the adapter`) });
  let host: StripeHost | undefined;
  const work = new WorkOutside();
  return {
    open: () => {
      host = openStripeHost({
        store: disk.reopen(),
        clock: openSystemClock(),
        crypto,
        secretKey: hostSecret(site),
        apiKeyFile,
        address: { host: "127.0.0.1", port: mock.port, protocol: "http" },
        merchant: { merchantId: "M1", terminalId: "T1", merchantName: "Harbour chargers" },
      });
      return work.watched(host);
    },
    kill: () => {
      disk.crash();
      host?.close();
      work.forget();
    },
    report: async () =>
      [...mock.ledger.intents.values()].map((intent) => ({
        order: orderOf(intent.metadata["attempt"] ?? ""),
        netMinor: intent.amountReceived - intent.refunded,
        heldMinor: intent.status === "requires_capture" ? intent.amountCapturable : 0,
      })),
    idle: () => work.idle(),
    close: async () => {
      host?.close();
      await mock.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Calls that are answered in real time: of a life that ended nobody waits any more. */
class WorkOutside {
  readonly #open = new Set<Promise<unknown>>();
  #forgotten: () => void = () => undefined;

  watched(host: PaymentHost): PaymentHost {
    const watch = <T>(call: Promise<T>): Promise<T> => {
      const done = (): void => void this.#open.delete(kept);
      const kept: Promise<void> = call.then(done, done);
      this.#open.add(kept);
      return call;
    };
    return {
      canQuery: host.canQuery,
      publicKey: host.publicKey,
      simulated: host.simulated,
      tokenise: (...args) => watch(host.tokenise(...args)),
      authorise: (...args) => watch(host.authorise(...args)),
      capture: (...args) => watch(host.capture(...args)),
      refund: (...args) => watch(host.refund(...args)),
      reverse: (...args) => watch(host.reverse(...args)),
      query: (...args) => watch(host.query(...args)),
      onLateAnswer: (listener) => host.onLateAnswer(listener),
    };
  }

  forget(): void {
    this.#open.clear();
    this.#forgotten();
  }

  async idle(): Promise<void> {
    while (this.#open.size > 0) {
      const forgotten = new Promise<void>((resolve) => {
        this.#forgotten = resolve;
      });
      await Promise.race([forgotten, ...this.#open]);
      await settlePromises();
    }
  }
}

export async function openGround(
  name: GroundName,
  site: Site,
  cut: (place: string) => boolean,
): Promise<Ground> {
  switch (name) {
    case "simulated":
      return simGround(site);
    case "ISO 8583":
      return isoGround(site, cut);
    case "Stripe":
      return stripeGround(site, cut);
  }
}
