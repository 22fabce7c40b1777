// Payments of orders over a payment side of its own: what is found out after a restart, and what is kept of an order that
// is gone.

import { expect, test } from "vitest";
import { defaultFlows } from "../../../firmware/payment/config/default-flows.ts";
import { openPaymentSide } from "../../../firmware/payment/payment-side.ts";
import type { PaymentOrder } from "../../../firmware/payment/payments.ts";
import { openTenderJournal } from "../../../firmware/payment/record/flow-journal.ts";
import type { HostAnswer, HostCredential, PaymentHost } from "../../../hal/payment-host.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { answered, gbp, SILENT, scripted, texts } from "./engine/engine-site.ts";

const bytes = new Uint8Array(24);
const credential: HostCredential = { kind: "sealed", payerKey: bytes, nonce: bytes, box: bytes };
const ORDER: PaymentOrder = {
  id: "00000000000000aa",
  currency: "GBP",
  totalMinor: 1000,
  offer: new Uint8Array(1),
  offerDigest: new Uint8Array(16),
  credential,
};
const APPROVED: HostAnswer = { kind: "approved", reference: "H1", amountMinor: 1000 };

function approvingHost() {
  const calls: string[] = [];
  const say =
    (step: string) =>
    (attempt: string): Promise<HostAnswer> => {
      calls.push(`${step} ${attempt}`);
      return Promise.resolve(APPROVED);
    };
  const host: PaymentHost = {
    canQuery: true,
    publicKey: new Uint8Array(32),
    simulated: true,
    tokenise: say("tokenise"),
    authorise: say("authorise"),
    capture: say("capture"),
    refund: say("refund"),
    reverse: say("reverse"),
    query: say("query"),
    onLateAnswer: () => undefined,
  };
  return { host, calls };
}

async function opened(parts: Parameters<typeof openPaymentSide>[1] = {}) {
  const world = simWorld({ seed: 1 });
  const disk = simStore();
  const store = disk.store();
  const { host, calls } = approvingHost();
  const { clock } = world;
  const ports = { host, store, clock, entropy: world.entropy("side"), log: () => undefined };
  let side: Awaited<ReturnType<typeof openPaymentSide>> | undefined;
  const open = openPaymentSide(ports, parts).then((made) => {
    side = made;
  });
  await world.runWhile(() => side === undefined, 60_000);
  await open;
  if (side === undefined) throw new Error("it does not open");
  const ended = async <T>(work: Promise<T>): Promise<T> => {
    let isOver = false;
    void work.finally(() => {
      isOver = true;
    });
    await world.runWhile(() => !isOver, 3_600_000);
    if (!isOver) throw new Error("it does not end");
    return work;
  };
  return { world, journal: openTenderJournal(store), calls, payments: side.payments, ended };
}

test("I2: a charge that was being given back when the power failed is not found, but undone", async () => {
  const { journal, calls, payments, ended } = await opened();
  const transaction = `${ORDER.id}/1`;
  await journal.save({
    ...{ flow: ORDER.id, transaction, n: 1001, service: "payment-application", method: "" },
    ...{ amounts: gbp(1000), references: texts({ transactionId: transaction }) },
    ...{ state: "undoing", atMs: 1 },
  });
  expect(await ended(payments.findOut(ORDER))).toEqual({ kind: "lost" });
  expect(calls).not.toContain(`capture ${transaction}/capture`);
  expect(calls).toContain(`reverse ${transaction}/reverse`);
});

test("I6: a service that no flow calls any more is asked for what it took before the power failed, too", async () => {
  const reversed: unknown[] = [];
  const account = (id: string, isBack: boolean) =>
    scripted(id, {
      PRE_TRANSACTION: () => undefined,
      GENERIC: (request) => {
        if (!isBack) return SILENT;
        reversed.push([id, request.data["transactionId"]?.value]);
        return answered(request);
      },
    });
  const flows = defaultFlows("payment-application");
  const services = [account("points", true), account("away", false)];
  const { world, journal, payments, ended } = await opened({ services, flows });
  const { credential: _, ...order } = ORDER;
  expect(await ended(payments.findOut(order))).toEqual({ kind: "lost" });
  await world.runFor(300_000);
  expect(reversed).toEqual([["points", `${ORDER.id}/1`]]);
  const records = (await journal.list(ORDER.id)).map(({ service, state }) => [service, state]);
  expect(records).toEqual([
    ["points", "undone"],
    ["away", "undoing"],
  ]);
});

test("of an order that is gone nothing stays on disk, nor of what was in doubt beside a card that paid all", async () => {
  const points = scripted(
    "points",
    { PRE_TRANSACTION: () => SILENT },
    { info: { canAdjustAmounts: false } },
  );
  const { world, journal, payments, ended } = await opened({ services: [points] });
  await payments.forget("ffffffffffffffff");
  expect(await ended(payments.take(ORDER, 1000))).toMatchObject({ kind: "taken", reference: "H1" });
  await world.runFor(10_000);
  const kept = await journal.list(ORDER.id);
  expect(kept.map(({ service, state }) => [service, state])).toContainEqual(["points", "undone"]);
  await payments.forget(ORDER.id);
  expect(await journal.list()).toEqual([]);
});
