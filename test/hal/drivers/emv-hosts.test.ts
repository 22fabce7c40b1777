// Cards that were read by the reader at both hosts that open them: what goes to the acquirer, that a cryptogram is checked
// over the very data, and that it serves once.

import { describe, expect, test } from "vitest";
import { toHex } from "../../../firmware/bytes.ts";
import type { CardRequest } from "../../../hal/card-reader.ts";
import { DE } from "../../../hal/drivers/iso8583-fields.ts";
import { decodeIso8583 } from "../../../hal/drivers/iso8583-message.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import type { HostBinding, HostCredential } from "../../../hal/payment-host.ts";
import { simPaymentHost } from "../../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../../hal/sim/sim-store.ts";
import { TEST_CARD_LIST } from "../../../hal/sim/test-cards.ts";
import { simWorld } from "../../../hal/sim/world.ts";
import { order } from "../../contract/payment-host-payer.ts";
import { benchCard, HOST_SECRET, OFFER, readOn, SETUP, simChannel } from "../../support/emv.ts";
import { changed, type IsoBench, openIsoBench } from "../../support/iso8583-bench.ts";
import { sent } from "../../support/iso8583-calls.ts";

type Sealed = Extract<HostCredential, { kind: "sealed" }>;

const CRYPTO = openNodeCrypto();
const BINDING: HostBinding = { offer: OFFER, amountMinor: 150, currency: "EUR" };

async function sealedBy(name: string, atc = 0, request: Partial<CardRequest> = {}) {
  const { way } = TEST_CARD_LIST.find((card) => card.name === name) ?? { way: "tap" as const };
  const reading = await readOn(simChannel(benchCard(name, { atc }), way), { request });
  if (reading.kind !== "read") throw new Error(JSON.stringify(reading));
  return reading.credential;
}

/** The same card's data, changed and sealed anew, as a dishonest device could. */
function resealed(
  { payerKey, nonce, box }: Sealed,
  change: (plain: Uint8Array) => void,
  payer = 1,
): Sealed {
  const secret = new Uint8Array(32).fill(payer);
  const shared = CRYPTO.boxShared(payerKey, HOST_SECRET);
  const plain = shared && CRYPTO.open(box, nonce, shared);
  const mine = CRYPTO.boxShared(SETUP.hostKey, secret);
  if (plain === undefined || mine === undefined) throw new Error("the box does not open");
  change(plain);
  const sealed = { payerKey: CRYPTO.boxPublicKey(secret), nonce };
  return { kind: "sealed", ...sealed, box: CRYPTO.seal(plain, nonce, mine) };
}

/** Changes the last byte of the object with this tag and length. */
function touch(plain: Uint8Array, head: string): void {
  const at = toHex(plain).indexOf(head, 52) / 2;
  const last = at + head.length / 2 - 1 + Number.parseInt(head.slice(-2), 16);
  plain[last] = (plain[last] ?? 0) ^ 1;
}

/** The head of a sealed card with something else behind it. */
async function headed(behind: Uint8Array): Promise<Sealed> {
  const credential = await sealedBy("visa-test");
  const head: number[] = [];
  const same = resealed(credential, (plain) => head.push(...plain.subarray(0, 25)));
  const secret = new Uint8Array(32).fill(1);
  const shared = CRYPTO.boxShared(SETUP.hostKey, secret) ?? new Uint8Array();
  return { ...same, box: CRYPTO.seal(Uint8Array.of(...head, ...behind), same.nonce, shared) };
}

const unchanged = (): void => undefined;

function openSimHost() {
  const world = simWorld({ seed: 1 });
  const { clock } = world;
  const store = simStore().reopen();
  const host = simPaymentHost({ store, clock, crypto: CRYPTO, secretKey: HOST_SECRET });
  const pay = (number: number, credential: HostCredential) =>
    host.authorise(`${order(number)}/1/authorise`, credential, BINDING);
  return { pay };
}

function payAt(bench: IsoBench, number: number, credential: HostCredential, minor?: number) {
  const attempt = `${order(number)}/${minor ?? 1}/authorise`;
  return bench.settle(bench.host.authorise(attempt, credential, BINDING, minor));
}

function lastSent(bench: IsoBench, way: "up" | "down" = "up") {
  const read = decodeIso8583(sent(bench, way).at(-1) ?? new Uint8Array());
  if (!read.ok) throw new Error(read.why);
  return read.message.fields;
}

const DECLINED = { kind: "declined", why: "declined", responseCode: "82" };
const COVERED = [
  ...["9f2608", "9f1007", "9f3704", "9f3602", "9505", "9a03", "9c01", "9f0206", "9f0306"],
  ...["5f2a02", "8202", "9f1a02"],
];

describe("simulated host", () => {
  test.each([
    ["visa-test", "tap", "approved"],
    ["mastercard-chip", "insert", "approved"],
    ["declined", "tap", "declined"],
  ])("%s", async (name, entryMethod, kind) => {
    const answer = await openSimHost().pay(1, await sealedBy(name));
    expect(answer.kind).toBe(kind);
    if (answer.kind !== "approved") return;
    expect(answer.card).toMatchObject({ entryMethod, expiry: "3112" });
  });

  test("a cryptogram over other data is declined, whichever are changed", async () => {
    for (const tag of COVERED) {
      const changed = resealed(await sealedBy("visa-test"), (plain) => touch(plain, tag));
      expect(await openSimHost().pay(1, changed), tag).toMatchObject(DECLINED);
    }
    const same = resealed(await sealedBy("visa-test"), unchanged);
    expect(await openSimHost().pay(1, same)).toMatchObject({ kind: "approved" });
  });

  test("a cryptogram serves one credential; the next one of the card is another", async () => {
    const { pay } = openSimHost();
    const first = await sealedBy("visa-test");
    expect((await pay(1, first)).kind).toBe("approved");
    expect(await pay(2, resealed(first, unchanged))).toMatchObject(DECLINED);
    expect(await pay(3, resealed(await sealedBy("visa-test", 1), unchanged, 2))).toMatchObject({
      kind: "approved",
    });
  });
});

describe("acquirer", () => {
  test("a card in the field: entry mode, sequence and element 55, and none of it on disk", async () => {
    const bench = await openIsoBench();
    const answer = await payAt(bench, 1, await sealedBy("visa-test"));
    expect(answer).toMatchObject({ kind: "approved", card: { entryMethod: "tap" } });
    const fields = lastSent(bench);
    expect(fields.get(DE.entryMode)).toBe("072");
    expect(fields.get(DE.sequence)).toBe("001");
    expect(fields.get(DE.chip)).toBe(
      "9f2608e9656b0efb70e1df9f2701809f100706011203a000009f37041a2b3c4d9f36020001" +
        "950500000000009a032603019c01009f02060000000001509f03060000000000005f2a020978" +
        "820200009f1a0202769f330320080084 07a00000000310109f350125".replace(" ", ""),
    );
    // Figures of another implementation: the issuer's answer to this cryptogram.
    expect(lastSent(bench, "down").get(DE.chip)).toBe("910a7640c7c449671f2c3030");
    const kept = await bench.stored();
    expect(kept).not.toContain("e9656b0efb70e1df");
    expect(kept).not.toContain("4761739001010119");
  });

  test("a card with contacts: its completion says the entry mode too, and the card believes the answer", async () => {
    const bench = await openIsoBench();
    const card = benchCard("mastercard-chip", { atc: 0x29 });
    const reading = await readOn(simChannel(card, "insert"), { chance: "5e6f7081" });
    if (reading.kind !== "read") throw new Error(reading.kind);
    const answer = await payAt(bench, 1, reading.credential);
    if (answer.kind !== "approved") throw new Error(answer.kind);
    const element = lastSent(bench, "down").get(DE.chip) ?? "";
    expect(element).toBe("910a3567ae56b465ee653030");
    const data = `${element.slice(4)}303000000080005e6f70810000000000000000`;
    const second = Buffer.from(`80ae40001d${data}00`, "hex");
    expect(toHex(card.apdu?.(second) ?? new Uint8Array())).toMatch(/^77299f270140/);
    const other = benchCard("mastercard-chip", { atc: 0x29 });
    await readOn(simChannel(other, "insert"), { chance: "5e6f7081" });
    second[5] = (second[5] ?? 0) ^ 1;
    expect(toHex(other.apdu?.(second) ?? new Uint8Array())).toMatch(/^77299f270100/);
    const eur = { amountMinor: 150, currency: "EUR" };
    const attempt = `${order(1)}/1/capture`;
    await bench.settle(bench.host.capture(attempt, answer.reference, eur, new Uint8Array(8)));
    expect(lastSent(bench).get(DE.entryMode)).toBe("052");
  });

  test("a cryptogram over other data is declined, whichever are changed", async () => {
    for (const tag of [...COVERED, "5f3401"]) {
      const changed = resealed(await sealedBy("visa-test"), (plain) => touch(plain, tag));
      expect(await payAt(await openIsoBench(), 1, changed), tag).toMatchObject(DECLINED);
    }
  });

  test("a cryptogram is good for its amount, also in parts, and for no more", async () => {
    const bench = await openIsoBench();
    const credential = await sealedBy("mastercard-test");
    expect((await payAt(bench, 1, credential, 100)).kind).toBe("approved");
    expect((await payAt(bench, 1, credential, 50)).kind).toBe("approved");
    const again = resealed(credential, unchanged);
    expect(await payAt(bench, 2, again)).toMatchObject(DECLINED);
    bench.restartAcquirer();
    expect(await payAt(bench, 3, resealed(credential, unchanged), 1)).toMatchObject({
      kind: "declined",
    });
  });

  test("a cryptogram is good at one terminal, and an entry mode that promises one needs it", async () => {
    const bench = await openIsoBench();
    await payAt(bench, 1, await sealedBy("visa-test"), 100);
    const codes: (string | undefined)[] = [];
    const connection = bench.acquirer.connect((bytes) => {
      const answer = decodeIso8583(bytes);
      codes.push(answer.ok ? answer.message.fields.get(DE.responseCode) : answer.why);
    });
    const [message = new Uint8Array()] = sent(bench);
    const again = (change: (fields: Map<number, string>) => void): void => {
      connection.receive(
        changed(message, (fields) => {
          fields.set(DE.trace, String(codes.length + 100)).set(DE.amount, "1");
          change(fields);
        }),
      );
    };
    again(() => undefined);
    again((fields) => fields.set(DE.terminal, "TERM0002"));
    again((fields) => fields.delete(DE.chip));
    expect(codes).toEqual(["00", "82", "30"]);
  });

  test("what was reversed is free again under the same cryptogram", async () => {
    const bench = await openIsoBench();
    const credential = await sealedBy("visa-test");
    await payAt(bench, 1, credential, 150);
    const undone = `${order(1)}/150/authorise`;
    await bench.settle(bench.host.reverse(`${order(1)}/1/reverse`, undone));
    expect((await payAt(bench, 1, credential, 149)).kind).toBe("approved");
  });

  test("more than element 55 holds is refused before anything is sent", async () => {
    const bench = await openIsoBench();
    const objects = (tags: readonly number[]): number[] =>
      tags.flatMap((tag) => [0x9f, tag, 32, ...new Uint8Array(32)]);
    const chip = Uint8Array.of(2, 0x5a, 8, 0x41, ...new Array(7).fill(0x11));
    const tags = [0x26, 0x27, 0x10, 0x37, 0x36, 0x02, 0x03, 0x1a];
    const much = await headed(Uint8Array.of(...chip, ...objects(tags)));
    expect(await payAt(bench, 1, much)).toMatchObject({ why: "credential-invalid" });
    expect(sent(bench)).toEqual([]);
    const less = await headed(Uint8Array.of(...chip, ...objects(tags.slice(1))));
    expect(await payAt(bench, 2, less)).toMatchObject(DECLINED);
  });

  test("a keyed card's elements are as they were", async () => {
    const bench = await openIsoBench();
    const digits = new TextEncoder().encode("4111111111111111");
    expect((await payAt(bench, 1, await headed(digits))).kind).toBe("approved");
    const fields = lastSent(bench);
    expect(fields.get(DE.entryMode)).toBe("012");
    expect([fields.has(DE.sequence), fields.has(DE.chip)]).toEqual([false, false]);
  });
});
