// The PaymentHost contract on the simulated host, asked and not to be asked, and on Stripe's mock over real TCP.

import { setTimeout as sleep } from "node:timers/promises";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { simPaymentHost, TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import { simWorld } from "../../hal/sim/world.ts";
import { openStripeBench } from "../support/stripe-bench.ts";
import type { MockFault } from "../support/stripe-mock.ts";
import { paymentHostContract } from "./payment-host.ts";
import type { HostBench, HostFault } from "./payment-host-bench.ts";

const CARD_OF: Partial<Record<HostFault, string>> = {
  "request-lost": TEST_CARDS["request-lost"],
  "answer-lost": TEST_CARDS["no-answer"],
  "answer-late": TEST_CARDS["answer-late"],
  "answer-twice": TEST_CARDS["answer-twice"],
};
const KINDS = ["attempt", "charge", "token", "nonce", "batch", "claim"];

async function openSimulated(canQuery: boolean): Promise<HostBench> {
  const world = simWorld({ seed: 1 });
  const disk = simStore();
  const crypto = openNodeCrypto();
  const { clock } = world;
  const open = () =>
    simPaymentHost({
      ...{ store: disk.reopen(), clock, crypto, canQuery },
      secretKey: new Uint8Array(32).fill(0x55),
    });
  let host = open();
  return {
    ...{ host, crypto, books: () => host.charges() },
    cards: TEST_CARDS,
    arrange: async (fault) => CARD_OF[fault] ?? TEST_CARDS.approve,
    heal: async () => {},
    restart: async () => {
      host = open();
      return host;
    },
    settle: async (call) => {
      let pending = true;
      const ended = (): void => {
        pending = false;
      };
      call.then(ended, ended);
      await world.runWhile(() => pending, 60_000);
      return call;
    },
    pause: (durationMs) => world.runFor(durationMs),
    stored: async () => JSON.stringify(KINDS.map((kind) => disk.durable(kind))),
    dispose: async () => {},
  };
}

const faults = Object.keys(CARD_OF) as HostFault[];
for (const [name, canQuery] of [
  ["simulated", true],
  ["simulated, cannot be asked", false],
] as const) {
  paymentHostContract(name, () => openSimulated(canQuery), faults, "sealed", "checked");
}

function changed(name: string, value: unknown): MockFault {
  return {
    change: (body) => {
      body[name] = value;
    },
  };
}

const STRIPE_FAULTS: Partial<Record<HostFault, MockFault>> = {
  "request-lost": "lose-request",
  "answer-lost": "lose-answer",
  "answer-late": "answer-late",
  reset: "reset",
  "server-error": "server-error",
  malformed: "malformed",
  huge: "huge",
  "wrong-id": changed("id", "pi_3Mock0000000000000009999"),
  "wrong-amount": changed("amount_capturable", 5_000),
  "wrong-currency": changed("currency", "usd"),
};

async function openStripe(): Promise<HostBench> {
  const bench = await openStripeBench();
  const { mock } = bench;
  return {
    get host() {
      return bench.host;
    },
    crypto: openNodeCrypto(),
    cards: {
      approve: TEST_CARDS.approve,
      decline: "4000000000000002",
      insufficient: "4000000000009995",
    },
    books: async () => {
      const intents = [...mock.ledger.intents.values()];
      return new Map(
        intents.map(({ id, authorised, amountReceived, refunded, status }) => [
          id,
          {
            ...{ authorisedMinor: authorised, capturedMinor: amountReceived },
            ...{ refundedMinor: refunded, reversed: status === "canceled" },
          },
        ]),
      );
    },
    arrange: async (fault) => {
      if (fault === "refused") await mock.down();
      const planned = STRIPE_FAULTS[fault];
      if (planned !== undefined) mock.fail(/\/confirm$/, planned);
      return TEST_CARDS.approve;
    },
    heal: async () => {
      if (!mock.isUp) await mock.up();
    },
    restart: async () => bench.reopen(),
    settle: (call) => call,
    // What is late here is late by less than a second.
    pause: (durationMs) => sleep(Math.min(durationMs, 700)),
    stored: async () => bench.stored(),
    dispose: () => bench.close(),
  };
}

const stripeFaults = ["refused", ...Object.keys(STRIPE_FAULTS)] as HostFault[];
paymentHostContract("Stripe", openStripe, stripeFaults);
