// Many orders whose payment is open at once, as after a long silence of the payment host: none is forgotten before its
// flow is over.

import { expect, test } from "vitest";
import { openPaymentApplication } from "../../../../firmware/payment/application/payment-application.ts";
import type { HostAnswer, HostCredential, PaymentHost } from "../../../../hal/payment-host.ts";
import { simWorld } from "../../../../hal/sim/world.ts";

const MANY = 300;
const part = new Uint8Array(24);
const credential: HostCredential = { kind: "sealed", payerKey: part, nonce: part, box: part };

function idOf(n: number): string {
  return `${String(n).padStart(16, "0")}/1`;
}

test("I6: of more open charges than are remembered, each can still be captured or undone", async () => {
  const reversed: string[] = [];
  const approved: HostAnswer = { kind: "approved", reference: "R", amountMinor: 100 };
  const host: PaymentHost = {
    canQuery: true,
    publicKey: new Uint8Array(32),
    simulated: true,
    tokenise: () => Promise.resolve(approved),
    authorise: () => Promise.resolve(approved),
    capture: () => Promise.resolve(approved),
    refund: () => Promise.resolve(approved),
    reverse: (_attempt, target) => {
      reversed.push(target);
      return Promise.resolve(approved);
    },
    query: () => Promise.resolve(approved),
    onLateAnswer: () => undefined,
  };
  const { clock } = simWorld({ seed: 1 });
  const application = openPaymentApplication({ host, clock, log: () => undefined });
  const binding = { offer: new Uint8Array(16), amountMinor: 100, currency: "EUR" };
  const entrusted = { credentials: [credential], binding, evidence: part, identify: false };
  for (let n = 0; n < MANY; n++) application.entrust(idOf(n), entrusted);
  const [first] = await application.findOut(idOf(0));
  for (let n = 100; n < MANY; n++) application.release(idOf(n));
  expect(first?.answer).toEqual(approved);
  const attempt = `${idOf(0)}/authorise`;
  expect(await application.captureFound(idOf(0), attempt, { ...approved, kind: "approved" })).toBe(
    true,
  );
  await application.abandon(idOf(0));
  expect(reversed).toEqual([attempt]);
});
