// The simulated payment host beyond its contract: what each test card does, what it costs on disk, and books that an
// earlier release wrote.

import { expect, test } from "vitest";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import type { HostAnswer } from "../../../hal/payment-host.ts";
import {
  type SimPaymentHost,
  simPaymentHost,
  TEST_CARDS,
  type TestBehaviour,
} from "../../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";
import { bindingOf, credentialOf, order, type Sealing } from "../../contract/payment-host-payer.ts";

const ATTEMPT = `${order(1)}/1/authorise`;
const crypto = openNodeCrypto();

function open(disk = simStore()) {
  const world = simWorld({ seed: 3 });
  const secretKey = new Uint8Array(32).fill(0x44);
  const host = simPaymentHost({ store: disk.reopen(), clock: world.clock, crypto, secretKey });
  return { world, disk, host };
}

function authorise(host: SimPaymentHost, sealing: Sealing = {}, amountMinor?: number) {
  const cards = { approve: TEST_CARDS.approve, decline: TEST_CARDS.decline };
  const credential = credentialOf({ host, crypto, cards } as never, sealing);
  return host.authorise(ATTEMPT, credential, bindingOf(sealing), amountMinor);
}

async function settle(world: SimWorld, call: Promise<HostAnswer>): Promise<HostAnswer> {
  let answer: HostAnswer | undefined;
  void call.then((given) => {
    answer = given;
  });
  await world.runWhile(() => answer === undefined, 60_000);
  return call;
}

test.each<[TestBehaviour, object]>([
  ["approve", { kind: "approved", amountMinor: 1_001, record: { responseCode: "00" } }],
  ["decline", { kind: "declined", why: "declined", responseCode: "05" }],
  ["insufficient", { kind: "declined", why: "declined", responseCode: "51" }],
  ["partial", { kind: "approved", amountMinor: 500, record: { responseCode: "10" } }],
  ["no-answer", { kind: "no-answer" }],
  ["answer-late", { kind: "no-answer" }],
  ["answer-twice", { kind: "approved", amountMinor: 1_001 }],
  ["request-lost", { kind: "no-answer" }],
])("the test card %s does what it says", async (behaviour, expected) => {
  const { world, host } = open();
  const sealing = { card: TEST_CARDS[behaviour], amountMinor: 1_001 };
  expect(await settle(world, authorise(host, sealing))).toMatchObject(expected);
});

test("there is no half of one: the partial card is declined then", async () => {
  const { host } = open();
  const sealing = { card: TEST_CARDS.partial, amountMinor: 1 };
  expect(await authorise(host, sealing)).toMatchObject({ kind: "declined", responseCode: "51" });
});

test.each([
  ["4111111111111111", "visa", "411111******1111"],
  ["5555555555554444", "mastercard", "555555******4444"],
  ["2223003122003222", "mastercard", "222300******3222"],
  ["378282246310005", "amex", "378282*****0005"],
  ["6011111111111117", "discover", "601111******1117"],
  ["3566002020360505", "jcb", "356600******0505"],
  ["30569309025904", "diners", "305693****5904"],
  ["6200000000000005", "unionpay", "620000******0005"],
  ["9000000000000001", "other", "900000******0001"],
])("the card %s is of network %s and shown as %s", async (card, network, maskedPan) => {
  const { host } = open();
  const shown = { network, maskedPan, expiry: "3012", entryMethod: "manual" };
  expect(await authorise(host, { card })).toMatchObject({ kind: "approved", card: shown });
});

test("a sale costs one commit for each call", async () => {
  const { disk, host } = open();
  const answer = await authorise(host);
  if (answer.kind !== "approved") throw new Error(answer.kind);
  const amount = { amountMinor: 700, currency: "EUR" };
  await host.capture(`${order(1)}/1/capture`, answer.reference, amount, new Uint8Array(1));
  await host.refund(`${order(1)}/1/refund`, answer.reference, amount);
  expect(disk.commits()).toBe(3);
});

test("a credential that an earlier release spent stays spent, and its charge still counts", async () => {
  const { disk, host } = open();
  await authorise(host);
  const [kept] = disk.durable("nonce");
  const charge = disk.durable("charge")[0]?.id ?? "";
  expect(kept?.body).toBe(JSON.stringify([ATTEMPT]));
  disk.corruptBody("nonce", kept?.id ?? "", JSON.stringify(ATTEMPT));
  const before = { kind: "approved", reference: charge, amountMinor: 1_000 };
  const record = { answer: before, behaviour: "approve", reference: charge };
  disk.corruptBody("attempt", ATTEMPT, JSON.stringify(record));
  const later = open(disk);
  expect(await authorise(later.host)).toEqual(before);
  const cards = { approve: TEST_CARDS.approve, decline: TEST_CARDS.decline };
  const credential = credentialOf({ host: later.host, crypto, cards } as never);
  const second = (key: string) => later.host.authorise(key, credential, bindingOf(), 1);
  expect(await second(`${order(1)}/2/authorise`)).toMatchObject({ why: "amount" });
  expect(await second(`${order(2)}/1/authorise`)).toMatchObject({ why: "credential-used" });
});

test("one credential has sixteen attempts", async () => {
  const { host } = open();
  const cards = { approve: TEST_CARDS.decline, decline: TEST_CARDS.decline };
  const credential = credentialOf({ host, crypto, cards } as never);
  const why: string[] = [];
  for (let step = 1; step <= 17; step++) {
    const answer = await host.authorise(`${order(1)}/${step}/a`, credential, bindingOf(), 1);
    why.push(answer.kind === "declined" ? answer.why : answer.kind);
  }
  expect(why).toEqual([...new Array(16).fill("declined"), "credential-used"]);
});

test("a batch holds what is on disk, also after a commit that failed, and outlives a restart", async () => {
  const { disk, host } = open();
  const answer = await authorise(host);
  if (answer.kind !== "approved") throw new Error(answer.kind);
  const amount = { amountMinor: 700, currency: "EUR" };
  const capture = (on: SimPaymentHost) =>
    on.capture(`${order(1)}/1/capture`, answer.reference, amount, new Uint8Array(1));
  disk.setFull(true);
  await expect(capture(host)).rejects.toMatchObject({ kind: "full" });
  disk.setFull(false);
  await capture(host);
  const sums = { captures: 1, capturedMinor: 700, refunds: 0, refundedMinor: 0 };
  const { host: later } = open(disk);
  expect(await later.closeBatch?.("batch/1")).toEqual({ kind: "closed", batch: "1", ...sums });
  expect(await later.query("batch/1")).toEqual({ kind: "declined", why: "unknown-reference" });
});

test("naming the capture undoes the payment too, and what was signed may be held anew", async () => {
  const { host } = open();
  const answer = await authorise(host);
  if (answer.kind !== "approved") throw new Error(answer.kind);
  const amount = { amountMinor: 700, currency: "EUR" };
  const capture = `${order(1)}/1/capture`;
  await host.capture(capture, answer.reference, amount, new Uint8Array(1));
  await host.reverse(`${order(1)}/1/reverse`, capture);
  const cards = { approve: TEST_CARDS.approve, decline: TEST_CARDS.decline };
  const credential = credentialOf({ host, crypto, cards } as never);
  const anew = host.authorise(`${order(1)}/2/authorise`, credential, bindingOf());
  expect(await anew).toMatchObject({ kind: "approved", amountMinor: 1_000 });
});

test("what a reversal gives back is in the batch", async () => {
  const { host } = open();
  const answer = await authorise(host);
  if (answer.kind !== "approved") throw new Error(answer.kind);
  const amount = { amountMinor: 700, currency: "EUR" };
  await host.capture(`${order(1)}/1/capture`, answer.reference, amount, new Uint8Array(1));
  await host.reverse(`${order(1)}/1/reverse`, ATTEMPT);
  expect(await host.closeBatch?.("batch/1")).toMatchObject({ refunds: 1, refundedMinor: 700 });
});
