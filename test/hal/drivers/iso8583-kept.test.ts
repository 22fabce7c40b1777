// What the ISO 8583 host keeps, and what it must never keep.

import { describe, expect, test } from "vitest";
import { openIso8583Terminal } from "../../../hal/drivers/iso8583-host.ts";
import { TEST_CARDS } from "../../../hal/sim/sim-payment-host.ts";
import { referenceOf, why } from "../../contract/payment-host-money.ts";
import { order, paying } from "../../contract/payment-host-payer.ts";
import { MERCHANT, openIsoBench, SECRET } from "../../support/iso8583-bench.ts";
import { authorise, capture, KEY, told } from "../../support/iso8583-calls.ts";

describe("what is kept", () => {
  test("each attempt is on disk before its first byte is sent, and after its answer", async () => {
    const bench = await openIsoBench();
    const commitsAt: number[] = [];
    bench.line.toAcquirer = (bytes) => {
      commitsAt.push(bench.disk.commits());
      expect(JSON.stringify(bench.disk.durable("iso-attempt"))).toContain('\\"state\\":\\"sent\\"');
      return [{ bytes }];
    };
    const reference = referenceOf(await authorise(bench));
    await capture(bench, reference);
    expect(commitsAt).toEqual([1, 3]);
    expect(bench.disk.commits()).toBe(4);
    expect(bench.disk.durable("iso-trace")).toEqual([{ id: "last", body: '{"last":2}' }]);
    await bench.dispose();
  });

  test("I12: no card number and no expiry is on disk, in an answer or left in a buffer", async () => {
    const bench = await openIsoBench();
    const buffers: Uint8Array[] = [];
    const line = bench.line.open(bench.world.clock);
    const { send } = line;
    line.send = (bytes) => {
      buffers.push(bytes);
      return send(bytes);
    };
    const host = await openIso8583Terminal({
      ...{ ...MERCHANT, crypto: bench.crypto, secretKey: SECRET, simulated: true, line },
      ...{ clock: bench.world.clock, store: bench.disk.reopen() },
    });
    const token = await bench.settle(host.tokenise(`${KEY}/tokenise`, ...paying(bench)));
    const answer = await bench.settle(host.authorise(`${KEY}/authorise`, ...paying(bench)));
    expect(why(answer)).toBe("approved");
    const all = JSON.stringify([answer, token]) + (await bench.stored());
    expect(all).toContain("411111******1111");
    for (const secret of [TEST_CARDS.approve, '"3012"', "34313131313131"]) {
      expect(all).not.toContain(secret);
    }
    // Offered while the line was down, and sent when it was up: the same buffer.
    expect(new Set(buffers).size).toBe(1);
    expect(buffers[0]?.every((byte) => byte === 0)).toBe(true);
    host.close();
  });

  test("trace numbers wrap to 1 and leave out those of attempts that are not decided", async () => {
    const bench = await openIsoBench();
    bench.line.toTerminal = () => [];
    await authorise(bench, `${order(1)}/1`);
    bench.line.toTerminal = (bytes) => [{ bytes }];
    await bench.disk.store().commit([{ kind: "iso-trace", id: "last", body: '{"last":999998}' }]);
    await bench.restart();
    await authorise(bench, `${order(2)}/1`);
    await authorise(bench, `${order(3)}/1`);
    const traces = told(bench).filter((one) => one.startsWith("0100"));
    expect(traces).toEqual(["0100 000001", "0100 999999", "0100 000002"]);
    await bench.dispose();
  });

  test("a start reads what is not decided, and nothing else", async () => {
    const bench = await openIsoBench();
    await authorise(bench, `${order(1)}/1`);
    expect(bench.disk.durable("iso-open")).toEqual([]);
    bench.line.toTerminal = () => [];
    await authorise(bench, `${order(2)}/1`);
    expect(bench.disk.durable("iso-open")).toEqual([
      { id: `${order(2)}/1/authorise`, body: '{"trace":2}' },
    ]);
    await bench.dispose();
  });

  test.each<[string, string]>([
    ["terminalId", "TERM00001"],
    ["terminalId", "TERM 1"],
    ["merchantId", ""],
    ["merchantName", "Café"],
    ["merchantName", "Harbour "],
  ])("a %s that fits no message is refused at the start: %j", async (name, value) => {
    const bench = await openIsoBench();
    const { crypto, world, disk, line } = bench;
    const options = {
      ...{ ...MERCHANT, crypto, secretKey: SECRET, simulated: true, clock: world.clock },
      ...{ line: line.open(world.clock), store: disk.reopen(), [name]: value },
    };
    await expect(openIso8583Terminal(options)).rejects.toThrow(new RegExp(`^${name} does not fit`));
    await bench.dispose();
  });

  test("sixteen are under way at most; the others wait their turn", async () => {
    const bench = await openIsoBench();
    let most = 0;
    let now = 0;
    bench.line.toAcquirer = (bytes) => {
      now++;
      most = Math.max(most, now);
      return [{ bytes, delayMs: 50 }];
    };
    bench.line.toTerminal = (bytes) => {
      now--;
      return [{ bytes }];
    };
    const calls = Array.from({ length: 40 }, (_, index) =>
      authorise(bench, `${order(index + 1)}/1`),
    );
    const answers = await bench.settle(Promise.all(calls));
    expect(answers.every(({ kind }) => kind === "approved")).toBe(true);
    expect(most).toBe(16);
    await bench.dispose();
  });

  test("a disk that is full is no answer, and later the same attempt is one payment", async () => {
    const bench = await openIsoBench();
    bench.line.toAcquirer = (bytes) => {
      bench.disk.setFull(true);
      return [{ bytes }];
    };
    await expect(authorise(bench)).rejects.toMatchObject({ kind: "full" });
    bench.disk.setFull(false);
    bench.line.toAcquirer = (bytes) => [{ bytes }];
    expect(why(await authorise(bench))).toBe("approved");
    expect(bench.acquirer.books.payments()).toHaveLength(1);
    await bench.dispose();
  });
});
