// Bundles of receipts: made, read back, checked, and every way of touching them found out.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { deviceName, issueCertificate } from "../../firmware/token/certificate.ts";
import { signToken } from "../../firmware/token/delivery-token.ts";
import { type Offer, signOffer } from "../../firmware/token/offer.ts";
import { signPrepaid } from "../../firmware/token/prepaid-token.ts";
import { FIRST_PREVIOUS, type Receipt, signReceipt } from "../../firmware/token/receipt.ts";
import { shortDigest } from "../../firmware/token/signed.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Output } from "../../tools/command.ts";
import { verify } from "../../tools/commands/verify.ts";
import { bundleText, checkAcross, checkBundle, readBundle } from "../../tools/receipt-bundle.ts";
import { verifySignedObject } from "../../tools/signed-object.ts";

const crypto = openNodeCrypto();
const operator = crypto.signer(new Uint8Array(32).fill(1));
const stranger = crypto.signer(new Uint8Array(32).fill(2));
const device = crypto.signer(new Uint8Array(32).fill(3));

const offer: Offer = {
  id: "0011223344556677",
  consumer: new Uint8Array(8).fill(9),
  service: 1,
  price: 1,
  units: 3,
  unit: "kWh",
  priceMinor: 35,
  currency: "EUR",
  numerator: 10,
  denominator: 1,
  lines: [{ kind: "units", amountMinor: 105 }],
  totalMinor: 105,
  undelivered: "refund",
  expiresS: 2_000_000_000,
};

interface Sale {
  signedOffer: Uint8Array;
  receipts: Uint8Array[];
}

/** A session of 20 pulses and its settlement, from receipt `first` on. */
function sell(of: Offer, first: number, previous: Uint8Array, change: Partial<Receipt> = {}): Sale {
  const signedOffer = signOffer(of, device);
  const common = {
    order: of.id,
    atS: 1_900_000_000,
    offer: shortDigest(crypto, signedOffer),
    payment: "sim-1",
    clock: "set" as const,
    pulses: 20,
    milliUnits: 2000,
    amountMinor: 70,
  };
  const session = {
    ...common,
    is: "session",
    number: first,
    previous,
    session: 1,
    startReading: 100,
    endReading: 121,
    runOnPulses: 1,
    reason: "consumer-end",
    ...change,
  } as Receipt;
  const signed = signReceipt(session, device);
  const settlement: Receipt = {
    ...common,
    is: "settlement",
    number: first + 1,
    previous: shortDigest(crypto, signed),
    sessions: 1,
    capturedMinor: 105,
    refundedMinor: 35,
    forfeitedMinor: 0,
    owedMinor: 0,
    reason: "consumer-end",
  };
  return { signedOffer, receipts: [signed, signReceipt(settlement, device)] };
}

function tokenOf(of: Offer): Uint8Array {
  const { id, consumer, service, price, units } = of;
  return signToken({ order: id, consumer, service, price, units, expiresS: 2_000_000_000 }, device);
}

let purchase: Purchase;
let certificate: Uint8Array;

beforeAll(() => {
  const key = (fill: number) => new Uint8Array(32).fill(fill);
  certificate = issueCertificate(
    {
      signKey: device.publicKey,
      boxKey: key(4),
      hostKey: key(5),
      serial: 7,
      bench: true,
      expiresS: 2e9,
    },
    operator,
    crypto,
  );
  const { signedOffer, receipts } = sell(offer, 5, new Uint8Array(16).fill(8));
  purchase = {
    id: offer.id,
    state: "closed",
    device: "x",
    name: "Charger",
    operatorKey: operator.publicKey,
    certificate,
    offer: signedOffer,
    token: tokenOf(offer),
    receipts,
    sessions: 1,
    bench: true,
  };
});

function check(of: Purchase, operators: readonly Uint8Array[] = [operator.publicKey]) {
  const read = readBundle(bundleText(of));
  return read.ok ? checkBundle(read.value, operators, crypto) : read;
}

function kindOf(result: ReturnType<typeof check>): string {
  return result.ok ? "ok" : result.fault.kind;
}

describe("a bundle", () => {
  test("that is as it was signed is checked by the operator's key", () => {
    const checked = check(purchase);
    expect(checked).toMatchObject({ ok: true, value: { trusted: true, offer } });
    expect(checked.ok && checked.value.receipts.map(({ number }) => number)).toEqual([5, 6]);
  });

  test("without an operator's key proves only its own consistency", () => {
    expect(check(purchase, [])).toMatchObject({ ok: true, value: { trusted: false } });
  });

  test("of another operator is refused", () => {
    expect(kindOf(check(purchase, [stranger.publicKey]))).toBe("untrusted");
  });

  test("whose own operator key was replaced is refused without a given one as well", () => {
    expect(kindOf(check({ ...purchase, operatorKey: stranger.publicKey }, []))).toBe("untrusted");
  });

  test.each(["certificate", "offer", "token"] as const)(
    "with any byte of its %s changed is refused",
    (part) => {
      const bytes = purchase[part] ?? new Uint8Array();
      const accepted = [...bytes.keys()].filter((i) => {
        const touched = bytes.with(i, (bytes[i] ?? 0) ^ 1);
        return check({ ...purchase, [part]: touched }).ok;
      });
      // The operator that a certificate names is a hint outside the signature; wrong, it is refused as well.
      expect(accepted).toEqual([]);
    },
  );

  test("with any byte of a receipt changed is refused", () => {
    const [first = new Uint8Array(), second = new Uint8Array()] = purchase.receipts;
    const accepted = [...first.keys()].filter((i) => {
      const touched = first.with(i, (first[i] ?? 0) ^ 1);
      return check({ ...purchase, receipts: [touched, second] }).ok;
    });
    expect(accepted).toEqual([]);
  });

  test.each([
    [
      "the session's receipt left out",
      (all: readonly Uint8Array[]) => all.slice(1),
      "offer-mismatch",
    ],
    ["receipts in another order", (all: readonly Uint8Array[]) => all.toReversed(), "broken-chain"],
    [
      "a receipt twice",
      (all: readonly Uint8Array[]) => [...all.slice(0, 1), ...all],
      "broken-chain",
    ],
  ])("with %s is refused", (_, change, kind) => {
    expect(kindOf(check({ ...purchase, receipts: change(purchase.receipts) }))).toBe(kind);
  });

  test("whose receipt charges another amount than its pulses are worth is refused", () => {
    const { receipts } = sell(offer, 5, FIRST_PREVIOUS, { amountMinor: 71 });
    expect(kindOf(check({ ...purchase, receipts }))).toBe("offer-mismatch");
  });

  test("with the token of another order is refused", () => {
    const token = tokenOf({ ...offer, id: "ffeeddccbbaa9988" });
    expect(kindOf(check({ ...purchase, token }))).toBe("token-invalid");
  });

  test.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["a field missing", '{"type":"sluice-receipts-1"}'],
    ["a field of another type", '{"type":"sluice-receipts-1","operatorKey":7}'],
  ])("that is %s is malformed", (_, json) => {
    expect(readBundle(json)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });

  test("of a later version is refused by its type", () => {
    const later = bundleText(purchase).replace("sluice-receipts-1", "sluice-receipts-2");
    expect(readBundle(later)).toMatchObject({ ok: false, fault: { kind: "version" } });
  });
});

describe("verify", () => {
  /** What it says of the bundle, and its exit code, with a session receipt changed like this. */
  async function said(change: Partial<Receipt>): Promise<{ code: number; text: string }> {
    const { receipts } = sell(offer, 5, FIRST_PREVIOUS, change);
    const folder = mkdtempSync(join(tmpdir(), "sluice-verify-"));
    const file = join(folder, "receipt.json");
    writeFileSync(file, bundleText({ ...purchase, receipts }));
    const lines: string[] = [];
    const out: Output = {
      json: false,
      say: (line) => lines.push(line),
      emit: () => undefined,
      progress: () => undefined,
      fault: ({ message }) => lines.push(message),
    };
    const values = { operator: [toHex(operator.publicKey)] };
    const code = await verify.run({ values, positionals: [file], out });
    rmSync(folder, { recursive: true });
    return { code, text: lines.join("\n") };
  }

  test("warns of a receipt from after the certificate expired, if its clock was set", async () => {
    const late = await said({ atS: 2e9 });
    expect(late.code).toBe(0);
    expect(late.text).toMatch(/WARNING: .* expired at 2033-05-18 03:33:20Z, before receipt 5\./);
    expect((await said({ atS: 2e9 - 1 })).text).not.toContain("WARNING");
    expect((await said({ atS: 2e9, clock: "unset" })).text).not.toContain("WARNING");
  });

  test("refuses a receipt whose readings do not cover what it charges", async () => {
    const lie = await said({ endReading: 120 });
    expect(lie.code).toBe(1);
    expect(lie.text).toContain("the readings are 20 apart, for 20 pulses and 1 more run on");
  });
});

describe("several bundles of one device", () => {
  const checked = (of: Purchase) => {
    const result = check(of);
    if (!result.ok) throw new Error(result.fault.message);
    return result.value;
  };
  const other = { ...offer, id: "8899aabbccddeeff" };
  const otherPurchase = (sale: Sale): Purchase => {
    return { ...purchase, offer: sale.signedOffer, token: tokenOf(other), receipts: sale.receipts };
  };

  test("stand in one chain, whichever comes first", () => {
    const last = purchase.receipts.at(-1) ?? new Uint8Array();
    const next = checked(otherPurchase(sell(other, 7, shortDigest(crypto, last))));
    expect(checkAcross([next, checked(purchase)], crypto)).toEqual({ ok: true, value: 4 });
  });

  test("may have other people's receipts between them, and the same bundle twice", () => {
    const later = checked(otherPurchase(sell(other, 70, FIRST_PREVIOUS)));
    const both = [checked(purchase), later, checked(purchase)];
    expect(checkAcross(both, crypto)).toEqual({ ok: true, value: 4 });
  });

  test.each([
    ["that does not follow from the one before it", 7],
    ["with a number that another one has", 6],
  ])("with a receipt %s are refused", (_, first) => {
    const forked = checked(otherPurchase(sell(other, first, new Uint8Array(16).fill(1))));
    expect(checkAcross([checked(purchase), forked], crypto)).toMatchObject({
      ok: false,
      fault: { kind: "broken-chain" },
    });
  });
});

describe("a bundle of a prepaid token", () => {
  const token = {
    ...{ order: offer.id, device: deviceName(crypto, device.publicKey), service: 1, units: 2 },
    expiresS: 2_000_000_000,
  };
  const prepaid = (signed: Uint8Array, change: Partial<Receipt> = {}): Purchase => {
    const common = {
      ...{ order: token.order, atS: 1_900_000_000, offer: shortDigest(crypto, signed) },
      ...{ payment: "prepaid", clock: "set" as const, pulses: 20, milliUnits: 2000 },
      ...{ amountMinor: 0, breakdown: { lines: [], prepaid: "bearer" as const } },
    };
    const session = {
      ...{ ...common, is: "session", number: 1, previous: FIRST_PREVIOUS, session: 1 },
      ...{ startReading: 0, endReading: 20, runOnPulses: 0, reason: "exhausted", ...change },
    } as Receipt;
    const { token: _, ...rest } = purchase;
    const words = { unit: "kWh", currency: "EUR" };
    return { ...rest, offer: signed, prepaid: words, receipts: [signReceipt(session, device)] };
  };
  const signed = signPrepaid(token, operator);

  test("holds the token in the place of the offer, and says what it was for", () => {
    expect(check(prepaid(signed))).toMatchObject({
      ok: true,
      value: { trusted: true, prepaid: token, offer: { units: 2, unit: "kWh", totalMinor: 0 } },
    });
  });

  test.each<[string, Uint8Array, Partial<Receipt>]>([
    ["signature", signPrepaid(token, stranger), {}],
    ["wrong-device", signPrepaid({ ...token, device: "AAAAAAAAAAA" }, operator), {}],
    ["offer-mismatch", signed, { milliUnits: 2001 }],
    ["offer-mismatch", signed, { offer: new Uint8Array(16) }],
  ])("is found out: %s", (kind, of, change) => {
    expect(check(prepaid(of, change))).toMatchObject({ ok: false, fault: { kind } });
  });

  test("is none of an order that was bought, nor the other way round", () => {
    const { prepaid: _, ...bare } = prepaid(signed);
    expect(check(bare)).toMatchObject({ ok: false });
    const words = { unit: "kWh", currency: "EUR" };
    expect(check({ ...purchase, prepaid: words })).toMatchObject({ ok: false });
  });
});

describe("a single object", () => {
  test("is told by its sort", () => {
    const sorts = [purchase.offer, purchase.token, ...purchase.receipts].map((signed) => {
      const read = verifySignedObject(signed ?? new Uint8Array(), device.publicKey, crypto);
      return read.ok ? read.value.is : toHex(signed ?? new Uint8Array());
    });
    expect(sorts).toEqual(["offer", "token", "receipt", "receipt"]);
  });

  test("of another device is refused", () => {
    expect(verifySignedObject(purchase.offer, stranger.publicKey, crypto)).toMatchObject({
      ok: false,
      fault: { kind: "signature" },
    });
  });
});
