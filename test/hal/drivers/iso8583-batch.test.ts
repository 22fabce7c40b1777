// The end of a batch over ISO 8583: the reconciliation by its bytes, who agrees with whom, and what becomes of it
// when an answer or a process is lost.

import { describe, expect, test } from "vitest";
import { HostCalls } from "../../../firmware/payment/application/host-calls.ts";
import { closeBatch as requestClosure } from "../../../firmware/payment/application/host-requests.ts";
import { DE } from "../../../hal/drivers/iso8583-fields.ts";
import { decodeIso8583 } from "../../../hal/drivers/iso8583-message.ts";
import { referenceOf } from "../../contract/payment-host-money.ts";
import { order, paying } from "../../contract/payment-host-payer.ts";
import { changed, type IsoBench, openIsoBench } from "../../support/iso8583-bench.ts";
import { bytesOf } from "../../support/iso8583-bytes.ts";
import {
  authorise,
  capture,
  KEY,
  refund,
  reverse,
  sent,
  told,
} from "../../support/iso8583-calls.ts";

const close = (bench: IsoBench, attempt = "batch/1") =>
  bench.settle(bench.host.closeBatch(attempt));
const NOTHING = { captures: 0, capturedMinor: 0, refunds: 0, refundedMinor: 0 };

/** 700 taken, 200 given back. */
async function day(bench: IsoBench): Promise<string> {
  const reference = referenceOf(await authorise(bench));
  await capture(bench, reference);
  await refund(bench, reference);
  return reference;
}

describe("the end of a batch", () => {
  test("is 0500 with counts and sums, and 0510 that says whether they are the acquirer's too", async () => {
    const bench = await openIsoBench();
    await day(bench);
    expect(await close(bench)).toEqual({
      ...{ kind: "closed", batch: "000001", captures: 1, capturedMinor: 700 },
      ...{ refunds: 1, refundedMinor: 200, inBalance: true },
    });
    const name = "Harbour chargers".padEnd(40, " ");
    const n16 = (minor: number): string => String(minor).padStart(16, "0");
    const sums =
      `${"0000000001".repeat(2)}${"0000000000"}` + `${n16(200)}${n16(700)}${n16(0)}D${n16(500)}`;
    const times = "0101000000000004000000" + "0101";
    // 1 7 11 12 13 | 37 41 42 43 49 60 | 74 76 77 86 88 89 97
    expect(sent(bench).at(-1)).toEqual(
      bytesOf(
        `0500<8238000008e08010><0058058080000000>${times}600100000004TERM0001MERCHANT0000001${name}` +
          `978006000001${sums}`,
      ),
    );
    const answer = decodeIso8583(sent(bench, "down").at(-1) ?? new Uint8Array());
    expect(answer.ok && [...answer.message.fields]).toEqual([
      ...[
        [7, "0101000000"],
        [11, "000004"],
        [12, "000000"],
        [13, "0101"],
      ],
      ...[
        [37, "600100000004"],
        [39, "00"],
        [41, "TERM0001"],
        [42, "MERCHANT0000001"],
      ],
      ...[
        [49, "978"],
        [60, "000001"],
        [66, "1"],
        [74, "0000000001"],
        [76, "0000000001"],
      ],
      ...[
        [77, "0000000000"],
        [86, n16(200)],
        [88, n16(700)],
        [89, n16(0)],
        [97, `D${n16(500)}`],
      ],
    ]);
    await bench.dispose();
  });

  test("what is given back by a reversal counts, but for what was taken in the same batch", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    await capture(bench, reference);
    await close(bench);
    await reverse(bench);
    const again = bench.host.reverse(`${KEY}/reverse-again`, `${KEY}/authorise`);
    expect(await bench.settle(again)).toMatchObject({ kind: "approved" });
    const other = `${order(2)}/1`;
    const held = referenceOf(await authorise(bench, other));
    const taken = { amountMinor: 300, currency: "EUR" };
    await bench.settle(bench.host.capture(`${other}/capture`, held, taken, new Uint8Array(4)));
    await bench.settle(bench.host.reverse(`${other}/reverse`, `${other}/authorise`));
    const second = await close(bench, "batch/2");
    const sums = { ...NOTHING, refunds: 1, refundedMinor: 700 };
    expect(second).toMatchObject({ batch: "000002", ...sums, inBalance: true });
    const again3 = bench.host.reverse(`${KEY}/reverse-later`, `${KEY}/authorise`);
    await bench.settle(again3);
    expect(await close(bench, "batch/3")).toMatchObject({ ...NOTHING, inBalance: true });
    await bench.dispose();
  });

  test("each currency has a reconciliation of its own", async () => {
    const bench = await openIsoBench();
    await day(bench);
    const key = `${order(2)}/1`;
    const [credential, binding] = paying(bench, { nonce: 2, currency: "USD" });
    const held = referenceOf(
      await bench.settle(bench.host.authorise(`${key}/authorise`, credential, binding)),
    );
    const taken = { amountMinor: 50, currency: "USD" };
    await bench.settle(bench.host.capture(`${key}/capture`, held, taken, new Uint8Array(4)));
    expect(await close(bench)).toMatchObject({ captures: 2, capturedMinor: 750, inBalance: true });
    expect(told(bench).filter((one) => one.startsWith("0500"))).toHaveLength(2);
    const closings = bench.acquirer.books.closings();
    expect(closings.map(({ currency, closed }) => [currency, closed?.sums.capturedMinor])).toEqual([
      ["EUR", 700],
      ["USD", 50],
    ]);
    await bench.dispose();
  });

  test("another device under the same terminal's name is noticed: out of balance", async () => {
    const bench = await openIsoBench();
    await day(bench);
    const peer = bench.acquirer.connect(() => undefined);
    for (const bytes of sent(bench).slice(0, 2)) {
      peer.receive(changed(bytes, (fields) => rename(fields)));
    }
    expect(await close(bench)).toMatchObject({ captures: 1, capturedMinor: 700, inBalance: false });
    expect(bench.acquirer.books.closings()[0]?.closed?.sums.capturedMinor).toBe(1_400);
    await bench.dispose();
  });

  test("what is not known yet is waited for, and nothing is sent", async () => {
    const bench = await openIsoBench();
    const reference = referenceOf(await authorise(bench));
    bench.line.toTerminal = () => [];
    await capture(bench, reference);
    expect(await close(bench)).toMatchObject({ kind: "no-answer" });
    await bench.heal();
    expect(told(bench).some((one) => one.startsWith("05"))).toBe(false);
    await capture(bench, reference);
    expect(await close(bench)).toMatchObject({ batch: "000001", captures: 1, inBalance: true });
    await bench.dispose();
  });
});

/** As the same terminal's, a second later. */
function rename(fields: Map<number, string>): void {
  const later = (text: string | undefined): string => `${(text ?? "").slice(0, -1)}1`;
  fields.set(DE.transmitted, later(fields.get(DE.transmitted)));
  const original = fields.get(DE.original);
  if (original !== undefined) {
    fields.set(DE.original, `${original.slice(0, 19)}1${original.slice(20)}`);
  }
}

describe("a batch whose answer does not come", () => {
  test("stays as it is through a restart, is sent again with the same sums, and closes once", async () => {
    const bench = await openIsoBench();
    const reference = await day(bench);
    bench.line.toTerminal = () => [];
    expect(await close(bench)).toEqual({ kind: "no-answer" });
    await bench.heal();
    // This is of the next one.
    const more = bench.host.refund(`${KEY}/refund-2`, reference, {
      amountMinor: 100,
      currency: "EUR",
    });
    expect(await bench.settle(more)).toMatchObject({ kind: "approved" });
    await bench.restart();
    const closed = await close(bench, "batch/2");
    const sums = { captures: 1, capturedMinor: 700, refunds: 1, refundedMinor: 200 };
    expect(closed).toMatchObject({ batch: "000001", ...sums, inBalance: true });
    expect(await close(bench, "batch/2")).toEqual(closed);
    expect(told(bench).filter((one) => one.startsWith("050"))).toEqual([
      "0500 000004",
      "0501 000004",
    ]);
    const next = await close(bench, "batch/3");
    expect(next).toMatchObject({ ...NOTHING, batch: "000002", refunds: 1, refundedMinor: 100 });
    expect(next).toMatchObject({ inBalance: true });
    await bench.dispose();
  });

  test("calls at once close one batch", async () => {
    const bench = await openIsoBench();
    await day(bench);
    const calls = ["batch/1", "batch/1", "batch/2"].map((one) => bench.host.closeBatch(one));
    const closed = await bench.settle(Promise.all(calls));
    expect(closed[0]).toMatchObject({ batch: "000001", captures: 1 });
    expect(closed[1]).toEqual(closed[0]);
    expect(bench.acquirer.books.closings()).toHaveLength(1);
    await bench.dispose();
  });

  test("a full disk or a dead process at each of its commits leaves it to be closed later", async () => {
    for (let commit = 1; commit <= 4; commit++) {
      for (const trouble of ["full", "dead"] as const) {
        const bench = await openIsoBench();
        await day(bench);
        let seen = 0;
        bench.onCommit = (phase) => {
          if (phase !== "before" || ++seen !== commit) return;
          if (trouble === "full") bench.disk.setFull(true);
          else {
            bench.disk.crash();
            bench.process().kill();
          }
        };
        const call = bench.host.closeBatch("batch/1").catch(() => undefined);
        await bench.world.runFor(30_000);
        bench.onCommit = undefined;
        bench.disk.setFull(false);
        if (trouble === "dead") await bench.restart();
        else await call;
        const sums = { captures: 1, capturedMinor: 700, refunds: 1, refundedMinor: 200 };
        expect(await close(bench, "batch/1")).toMatchObject({ ...sums, inBalance: true });
        expect(await close(bench, "batch/3")).toMatchObject({ ...NOTHING, batch: "000002" });
        await bench.dispose();
      }
    }
  });

  test.each([
    ["2", "00"],
    ["1", "95"],
    ["1", "58"],
  ])(
    "an answer with settlement code %s and code %s is out of balance",
    async (settlement, code) => {
      const bench = await openIsoBench();
      await day(bench);
      bench.line.toTerminal = (bytes) => [
        {
          bytes: changed(bytes, (fields) => {
            fields.set(DE.settlementCode, settlement).set(DE.responseCode, code);
          }),
        },
      ];
      expect(await close(bench)).toMatchObject({ kind: "closed", inBalance: false });
      await bench.dispose();
    },
  );
});

test("the request batchClosure says what was closed, and what to do where it was not", async () => {
  const bench = await openIsoBench();
  new HostCalls(bench.host, bench.world.clock, () => undefined);
  await day(bench);
  bench.line.toTerminal = () => [];
  const silent = await bench.settle(requestClosure(bench.host, "batch/1"));
  expect(silent).toMatchObject({ success: false, message: expect.stringContaining("ask again") });
  await bench.heal();
  expect(await bench.settle(requestClosure(bench.host, "batch/2"))).toEqual({
    success: true,
    message: "batch 000001 is closed",
    data: {
      batchNumber: { is: "text", value: "000001" },
      captures: { is: "integer", value: 1 },
      capturedMinor: { is: "integer", value: 700 },
      refunds: { is: "integer", value: 1 },
      refundedMinor: { is: "integer", value: 200 },
      inBalance: { is: "flag", value: true },
    },
  });
  bench.line.toTerminal = (bytes) => [
    { bytes: changed(bytes, (fields) => fields.set(DE.settlementCode, "2")) },
  ];
  expect(await bench.settle(requestClosure(bench.host, "batch/3"))).toMatchObject({
    success: false,
    message: "batch 000002 is closed out of balance: compare it with the acquirer's",
  });
  await bench.dispose();
});
