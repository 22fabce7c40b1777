// Paying by the unit, as options, and as people and papers read it afterwards.

import { describe, expect, test } from "vitest";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { chainOf, commitTo } from "../../firmware/consumer/stream-order.ts";
import { ok } from "../../firmware/result.ts";
import { deviceName, issueCertificate } from "../../firmware/token/certificate.ts";
import { type SessionReceipt, signReceipt } from "../../firmware/token/receipt.ts";
import { parseCommand } from "../../tools/command.ts";
import { buy } from "../../tools/commands/buy.ts";
import type { Buyer } from "../../tools/consumer.ts";
import { readPayment } from "../../tools/payment-options.ts";
import { serviceRows } from "../../tools/price-text.ts";
import { bundleText, checkBundle, readBundle } from "../../tools/receipt-bundle.ts";
import { receiptFact, receiptRows } from "../../tools/sale-text.ts";
import { pickService } from "../../tools/selection.ts";
import { chooseStream, readByTheUnit, streamOf } from "../../tools/stream-options.ts";
import { crypto, story, value } from "../support/sale.ts";

const { offer, signed, keys } = story;
const payer = { crypto, boxSecret: new Uint8Array(32).fill(5) };
const paper = { signedOffer: signed.offer, signKey: keys.device.publicKey };
const commitment = value(commitTo(offer, paper, payer));

function read(...args: string[]) {
  const { values } = parseCommand(buy, args);
  return readByTheUnit(values, value(readPayment(values)));
}

const lines: string[] = [];
const out = { json: false, say: (line: string) => lines.push(line), emit: () => undefined };
const buyer = { out, values: {} } as unknown as Buyer;
const listed = [
  { service: 1, name: "a", free: true },
  { service: 2, name: "b", free: false, windowMax: 0 },
  { service: 3, name: "c", free: true, windowMax: 5 },
];
const dealer = { device: "x", requestServices: async () => ok(listed) } as unknown as Dealer;

describe("how it is paid by the unit", () => {
  test("is said apart, with its step and its window", () => {
    expect(read()).toEqual(ok(undefined));
    expect(read("--stream")).toEqual(ok({ step: undefined, window: undefined }));
    expect(read("--stream", "--step", "8", "--window", "0")).toEqual(ok({ step: 8, window: 0 }));
  });

  test.each([
    [["--step", "2"], "--stream"],
    [["--stream", "--step", "0"], "--step"],
    [["--stream", "--window", "1025"], "--window"],
    [["--stream", "--card", "approve", "--card", "approve"], "--stream"],
    [["--stream", "--extras-up-to", "5"], "--stream"],
  ])("%s is refused", (args, at) => {
    expect(read(...args)).toMatchObject({ ok: false, fault: { kind: "usage", at } });
  });

  test("is within what the service allows, and one unit ahead where nothing is said", async () => {
    const choose = (service: number, window?: number) =>
      chooseStream(buyer, dealer, service, { step: undefined, window });
    expect(await choose(3)).toEqual(ok({ step: 1, window: 1 }));
    expect(lines.at(-1)).toContain("up to 1 unit delivered ahead of it (--window: at most 5)");
    expect(await choose(2)).toEqual(ok({ step: 1, window: 0 }));
    expect(lines.at(-1)).toContain("before it is delivered");
    expect(await choose(3, 5)).toEqual(ok({ step: 1, window: 5 }));
    expect(await choose(3, 6)).toMatchObject({ fault: { kind: "usage", at: "--window" } });
    expect(await choose(1)).toMatchObject({ fault: { kind: "not-streamed" } });
    expect(await choose(9)).toMatchObject({ fault: { kind: "not-streamed" } });
  });

  test("picks a service that can be", async () => {
    expect(await pickService(buyer, dealer, undefined)).toEqual(ok(1));
    expect(await pickService(buyer, dealer, undefined, true)).toEqual(ok(3));
    expect(await pickService(buyer, dealer, 1, true)).toEqual(ok(1));
  });

  test("stays as it was paid, unless begin says otherwise; an order in one piece has none", () => {
    const streamed = { stream: { commitment, step: 4, window: 2, released: 0 } } as Purchase;
    const wanted = { step: undefined, window: 0 };
    expect(streamOf(buyer, streamed, undefined)).toEqual(ok({ step: 4, window: 2 }));
    expect(streamOf(buyer, streamed, wanted)).toEqual(ok({ step: 4, window: 0 }));
    const plain = {} as Purchase;
    expect(streamOf(buyer, plain, undefined)).toEqual(ok(undefined));
    expect(streamOf(buyer, plain, wanted)).toMatchObject({ fault: { at: "--window" } });
  });

  test("stands in the list of services", () => {
    expect(serviceRows({ ...listed[0], service: 1, name: "a", free: true })).toEqual([]);
    const rows = listed.slice(1).map((one) => serviceRows(one)[0]);
    expect(rows).toEqual([
      "can be paid by the unit (--stream), paid first",
      "can be paid by the unit (--stream), up to 5 delivered ahead of proof",
    ]);
  });
});

describe("what came of it", () => {
  const [sold] = story.receipts as readonly [SessionReceipt];
  const { breakdown: _, ...plain } = sold;
  const proof = chainOf({ ...offer, signedOffer: signed.offer }, 3, payer).current;
  const streamed = { proof, unpaidPulses: 400, caughtUpPulses: 0 };
  const session: SessionReceipt = {
    ...plain,
    ...{ pulses: 3_000, runOnPulses: 402, milliUnits: 3_000, amountMinor: 105 },
    endReading: sold.startReading + 3_402,
    breakdown: { lines: [], streamed },
  };

  test("is on the receipt: what was proved, and what nobody paid", () => {
    const rows = receiptRows(session, offer).map((row) => row.trim().replace(/ +/g, " "));
    expect(rows).toContain("proved 3 units of the order, by the payer's own proof");
    expect(rows).toContain("not paid 400 pulses of those, without proof");
    expect(receiptFact(session, offer)).toMatchObject({ streamed });
    const later = { ...streamed, unpaidPulses: 0, caughtUpPulses: 7 };
    const second = { ...session, breakdown: { lines: [], streamed: later } };
    expect(receiptRows(second, offer).join()).toContain("7 pulses of earlier sessions");
  });

  test("is checked from the bundle alone, by the commitment that stands in it", () => {
    const operator = crypto.signer(new Uint8Array(32).fill(1));
    const certificate = issueCertificate(
      {
        ...{ signKey: keys.device.publicKey, boxKey: new Uint8Array(32).fill(4) },
        ...{ hostKey: new Uint8Array(32).fill(6), serial: 1, bench: true, expiresS: 4e9 },
      },
      operator,
      crypto,
    );
    const purchase: Purchase = {
      ...{ id: offer.id, state: "paid", device: deviceName(crypto, keys.device.publicKey) },
      ...{ name: "x", operatorKey: operator.publicKey, certificate, offer: signed.offer },
      ...{ receipts: [signReceipt(session, keys.device)], sessions: 1, bench: true },
      stream: { commitment, step: 1, window: 1, released: 3 },
    };
    const check = (of: Purchase) =>
      checkBundle(value(readBundle(bundleText(of))), [operator.publicKey], crypto);
    expect(check(purchase)).toMatchObject({ ok: true });
    const { stream: __, ...without } = purchase;
    expect(check(without)).toMatchObject({ ok: false, fault: { kind: "offer-mismatch" } });
    const secret = { crypto, boxSecret: new Uint8Array(32).fill(6) };
    const others = value(commitTo(offer, paper, secret));
    const stranger = { commitment: others, step: 1, window: 1, released: 3 };
    expect(check({ ...purchase, stream: stranger })).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining("never gave") },
    });
  });
});
