// Receipts: what stands on them, how they are handed over again, and that a code reads back as the receipt it is of.

import jsQR from "jsqr";
import { describe, expect, test } from "vitest";
import { dataOf } from "../../../../firmware/payment/model/data-access.ts";
import type { Transaction } from "../../../../firmware/payment/model/transaction.ts";
import {
  qrRows,
  readReceiptCode,
  receiptCode,
} from "../../../../firmware/payment/services/receipt-code.ts";
import { utcText } from "../../../../firmware/payment/services/receipt-text.ts";
import { FIRST, gbp } from "../engine/engine-site.ts";
import { basket, item } from "../rules/rule-inputs.ts";
import { type Bench, CUSTOMER, openBench, payer } from "./stock-bench.ts";

const STYLE = { width: 32, header: "Pier 4", footer: "Thank you", taxBasisPoints: 2_000 };
const SIGNED = Uint8Array.from({ length: 265 }, (_, index) => (index * 73) % 256);

function open(more: object = {}, bank: "approves" | "declines" = "approves"): Promise<Bench> {
  return openBench({
    uses: [
      ["receipt-writer", "receipts", { ...STYLE, ...more }],
      ["member-discount", "club", { members: [CUSTOMER], basisPoints: 1_000, label: "Club" }],
    ],
    bank,
    more: { signedReceipt: async (order) => (order === FIRST.id ? SIGNED : undefined) },
  });
}

const ENERGY = {
  ...item(1000),
  label: "Energy",
  measurement: { valueMillionths: 2_500_000, unit: "kWh" },
  data: { pricePerUnit: { is: "integer", value: 400 } },
} as const;

async function sold(bench: Bench): Promise<{ text: string; transaction: Transaction }> {
  const offer = { basket: { ...basket("b", ENERGY), primary: true } };
  const response = await bench.pay({ ...offer, ...payer() });
  const [transaction] = response.transactions;
  if (transaction === undefined) throw new Error("there was no transaction");
  const receipt = dataOf(transaction.references, "customerReceipt", "receipt");
  return { text: receipt?.text ?? "", transaction };
}

test("F128: a receipt says what was sold, what was paid and how, by whom and when", async () => {
  const { text } = await sold(await open());
  const date = /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/m;
  expect(text).toMatch(date);
  expect(text.replace(date, "DATE").split("\n")).toEqual([
    "Pier 4",
    "Harbour Charging",
    "Merchant M-77",
    "Terminal T-1",
    "DATE",
    "--------------------------------",
    "Energy                 10.00 GBP",
    "  2.5 kWh at 4.00 GBP",
    "Club                   -1.00 GBP",
    "--------------------------------",
    "TOTAL                  10.00 GBP",
    "of which tax            1.67 GBP",
    "--------------------------------",
    "reward                  1.00 GBP",
    `  Transaction ${FIRST.id}/1`,
    "card                    9.00 GBP",
    "  411111XXXXXX1111 visa tap to 1",
    "2/2030",
    "  Authorisation           A1B2C3",
    "  Reference                  h-1",
    `  Transaction ${FIRST.id}/1`,
    "APPROVED               10.00 GBP",
    "Thank you",
  ]);
});

test("a payment that was declined has a receipt that says so, and no amount paid", async () => {
  const { text } = await sold(await open({}, "declines"));
  expect(text).toContain("declined: no");
  expect(text).toContain("NOT PAID                1.00 GBP");
  expect(text).not.toContain("APPROVED");
});

test.each([24, 40, 80])("no line is wider than %i", async (width) => {
  const { text } = await sold(await open({ width }));
  const widths = text.split("\n").map((line) => [...line].length);
  expect(Math.max(...widths)).toBe(width);
});

test("a receipt that would be too long loses lines of its list, and keeps how it was paid", async () => {
  const bench = await open({ width: 80 });
  const items = Array.from({ length: 31 }, (_, n) => ({
    ...item(1),
    id: `${n}`,
    label: `Item ${n}`,
  }));
  const offer = { basket: { ...basket("b", ...items), primary: true }, amounts: gbp(31) };
  const response = await bench.pay(offer);
  const references = response.transactions[0]?.references ?? {};
  const { text = "" } = dataOf(references, "customerReceipt", "receipt") ?? {};
  expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(2048);
  expect(text).toContain("Item 0");
  expect(text).toContain("APPROVED");
});

describe("F25: receiptDelivery", () => {
  test("writes the receipt of a transaction again, with the signed receipt of its order", async () => {
    const bench = await open();
    const { text, transaction } = await sold(bench);
    const data = {
      transaction: { is: "transaction", value: transaction },
      deliveryMechanism: { is: "text", value: "printing" },
    } as const;
    const said = await bench.operate("receiptDelivery", data);
    expect(said).toMatchObject({ success: true, service: "receipts" });
    expect(dataOf(said.data, "customerReceipt", "receipt")).toMatchObject({ text });
    expect(dataOf(said.data, "deliveryMechanism", "text")).toBe("printing");
    expect(dataOf(said.data, "signedReceipt", "bytes")).toEqual(SIGNED);
    const rows = [
      ...(dataOf(said.data, "receiptQr", "texts") ?? []),
      ...(dataOf(said.data, "receiptQrMore", "texts") ?? []),
    ];
    expect(readReceiptCode(scanned(rows))).toEqual({ ok: true, value: SIGNED });
  });

  test("writes one from amounts, method and outcome", async () => {
    const bench = await open();
    const data = {
      receiptAmounts: { is: "amounts", value: gbp(900, { tip: 100 }) },
      receiptPaymentMethod: { is: "text", value: "cash" },
      receiptOutcome: { is: "text", value: "APPROVED" },
      receiptBasket: { is: "basket", value: basket("b", item(900)) },
    } as const;
    const said = await bench.operate("receiptDelivery", data);
    const { text = "" } = dataOf(said.data, "customerReceipt", "receipt") ?? {};
    for (const line of ["an item                 9.00 GBP", "cash                   10.00 GBP"]) {
      expect(text).toContain(line);
    }
    expect(dataOf(said.data, "deliveryMechanism", "text")).toBe("text");
    const odd = { ...data, receiptOutcome: { is: "text", value: "maybe" } } as const;
    expect((await bench.operate("receiptDelivery", odd)).success).toBe(false);
  });
});

/** The library is CommonJS: how it is imported depends on who loads it. */
const decode = ("default" in jsQR ? jsQR.default : jsQR) as typeof jsQR.default;

/** What a camera would read: dark modules are what is not drawn. */
function scanned(rows: readonly string[]): string {
  const scale = 4;
  const width = [...(rows[0] ?? "")].length;
  const height = 2 * rows.length;
  const image = new Uint8ClampedArray(4 * scale * width * scale * height);
  const isLight = (x: number, y: number): boolean => {
    const block = [...(rows[y >> 1] ?? "")][x];
    return block === "█" || block === (y % 2 === 0 ? "▀" : "▄");
  };
  for (let y = 0; y < scale * height; y++) {
    for (let x = 0; x < scale * width; x++) {
      const light = isLight(Math.floor(x / scale), Math.floor(y / scale)) ? 255 : 0;
      image.set([light, light, light, 255], 4 * (y * scale * width + x));
    }
  }
  return decode(image, scale * width, scale * height)?.data ?? "nothing";
}

describe("the code of a receipt", () => {
  test.each([1, 2, 45, 255, 256, 350, 700])(
    "of %i bytes is read by another's decoder",
    (length) => {
      const signed = Uint8Array.from({ length }, (_, index) => (255 - index * 31) & 255);
      expect(receiptCode(signed)).toMatch(/^[0-9A-Z $%*+\-./:]+$/);
      expect(scanned(qrRows(signed) ?? [])).toBe(receiptCode(signed));
      expect(readReceiptCode(receiptCode(signed))).toEqual({ ok: true, value: signed });
    },
  );

  test("RFC 9285: its digits are those of base45", () => {
    expect(receiptCode(new TextEncoder().encode("Hello!!"))).toBe("SLUICE:%69 VD92EX0");
    expect(receiptCode(new TextEncoder().encode("base-45"))).toBe("SLUICE:UJCLQE7W581");
  });

  test.each(["", "SLUICE:", "HC1:%69", "SLUICE:GGW", "SLUICE:::", "SLUICE:a00", "SLUICE:0000"])(
    "I11: %j is none",
    (code) => {
      expect(readReceiptCode(code)).toMatchObject({ ok: false, fault: { kind: "malformed" } });
    },
  );

  test("one that is too large for a screen is not drawn", () => {
    expect(qrRows(new Uint8Array(701))).toBeUndefined();
    expect(qrRows(new Uint8Array(0))).toBeUndefined();
  });
});

test("times are those of the calendar", () => {
  for (const iso of [
    "1970-01-01T00:00",
    "2000-02-29T23:59",
    "2024-12-31T12:00",
    "2100-03-01T00:00",
  ]) {
    expect(utcText(Date.parse(`${iso}Z`))).toBe(`${iso.replace("T", " ")} UTC`);
  }
});
