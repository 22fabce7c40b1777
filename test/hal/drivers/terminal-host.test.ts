// The card terminal over its line: cancelled, slow, busy, unplugged and started again in the middle of a payment; and
// what the driver does not believe.

import { expect, test } from "vitest";
import { encodeFrame, TerminalFrames } from "../../../hal/drivers/terminal-frame.ts";
import { decodeReply, encodeRequest } from "../../../hal/drivers/terminal-message.ts";
import type { HostAnswer } from "../../../hal/payment-host.ts";
import { insist } from "../../contract/payment-host-bench.ts";
import { booked } from "../../contract/payment-host-money.ts";
import {
  messageOf,
  openTerminalBench,
  PASS,
  type TerminalBench,
} from "../../support/terminal-bench.ts";

const ATTEMPT = "0000000000000001/1/authorise";
const BINDING = { offer: new Uint8Array(16), amountMinor: 1_000, currency: "EUR" };
const DECLINED = { kind: "declined", why: "declined" };

function pay({ host }: TerminalBench, attempt = ATTEMPT): Promise<HostAnswer> {
  return host.authorise(attempt, { kind: "present" }, BINDING);
}

const reverse = ({ host }: TerminalBench): Promise<HostAnswer> =>
  host.reverse("0000000000000001/1/reverse", ATTEMPT);

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

test("a frame is its bytes: STX, text, ETX, checksum (the example of docs/terminal.md)", () => {
  const message = encodeRequest(1, "LQ", { AK: ATTEMPT });
  expect(message).toBe(`>0001LQ\x1cAK${ATTEMPT}`);
  expect(encodeFrame("123456789").subarray(-5)).toEqual(text("\x033428"));
  expect(new TerminalFrames().take(encodeFrame(message))).toEqual([{ kind: "message", message }]);
});

test("any pieces, and anything between them, make the same messages", () => {
  const [one, two] = [encodeFrame("<0001RS"), encodeFrame("<0002RS")];
  const bytes = [...text("zz\x06"), ...one, 0x15, ...one.subarray(0, 4), ...two, 0xff];
  const frames = new TerminalFrames();
  const heard = bytes.flatMap((byte) => frames.take(Uint8Array.of(byte)));
  expect(heard).toEqual([
    { kind: "ack" },
    { kind: "message", message: "<0001RS" },
    { kind: "nak" },
    { kind: "message", message: "<0002RS" },
  ]);
  const spoilt = one.slice();
  spoilt[3] = 0x41;
  expect(frames.take(spoilt)).toEqual([{ kind: "spoilt" }]);
  const endless = new Uint8Array(2_000).fill(0x41);
  expect(frames.take(Uint8Array.of(2, ...endless, ...one))).toHaveLength(1);
});

test.each([
  ">0001RS", // our own words
  "<1RS",
  "<0001XX",
  "<0001RS\x1cAM1x",
  "<0001RS\x1cAM1\x1cAM2",
  "<0001RS\x1cSTAPX",
  "<0001RS\x1cPN4111111111111111", // a whole card number
  "<0001RS\x1cPN411111****11111",
  ...["TXcard 4111 1111 1111 1111", "RF4111111111111111", "TK5413330089010434"].map(
    (field) => `<0001RS\x1cSTDE\x1c${field}`, // the same where anything may stand
  ),
  `<0001RS\x1cTX${"x".repeat(65)}`,
  "",
])("what is no reply is none: %j", (message) => {
  expect(decodeReply(message)).toBeUndefined();
});

test("a field of a later version is skipped", () => {
  const fields = { ST: "AP" };
  expect(decodeReply("<00FFRS\x1cSTAP\x1cZZnew")).toEqual({ number: 255, kind: "RS", fields });
});

test("cancelled at the terminal, no card in time, and a declined card are declined, with words and code", async () => {
  const bench = await openTerminalBench();
  const first = pay(bench);
  await bench.world.runFor(2_000);
  expect(bench.terminal.screen()).toBe("present card: 1000 EUR");
  bench.terminal.pressCancel();
  expect(await bench.settle(first)).toMatchObject({ ...DECLINED, message: "cancelled" });
  const atMs = bench.world.nowMs();
  const second = await bench.settle(pay(bench, "0000000000000002/1/authorise"));
  expect(second).toMatchObject({ ...DECLINED, responseCode: "TO", message: "no card came" });
  expect(bench.world.nowMs() - atMs).toBeLessThan(46_000);
  expect(bench.progress).toContain("present card: 1000 EUR");
  await bench.dispose();
});

test("I2: reversed while it waits for a card: it stops asking at once, and never takes one", async () => {
  const bench = await openTerminalBench();
  const paying = pay(bench);
  await bench.world.runFor(2_000);
  const atMs = bench.world.nowMs();
  expect(await bench.settle(reverse(bench))).toMatchObject({ kind: "approved" });
  expect(await bench.settle(paying)).toMatchObject(DECLINED);
  expect(bench.world.nowMs() - atMs).toBeLessThan(500);
  expect(bench.terminal.screen()).toBe("welcome");
  bench.terminal.present("visa-test");
  await bench.world.runFor(10_000);
  expect(await bench.settle(pay(bench))).toMatchObject(DECLINED);
  expect(await booked(bench)).toMatchObject({ payments: 0 });
  await bench.dispose();
});

test("reversed while its host decides: decided first, then undone", async () => {
  const bench = await openTerminalBench();
  const paying = pay(bench);
  await bench.world.runFor(500);
  bench.terminal.present("slow-test");
  await bench.world.runFor(1_000);
  expect(await insist(bench, () => reverse(bench))).toMatchObject({ kind: "approved" });
  await bench.settle(paying);
  await bench.world.runFor(60_000);
  expect(await booked(bench)).toMatchObject({ held: 0, capturedMinor: 0 });
  await bench.dispose();
});

test("a message that is not acknowledged is put again, and again, then given up", async () => {
  const bench = await openTerminalBench();
  let toLose = 2;
  bench.wire.toTerminal = (bytes) => (toLose-- > 0 ? [] : [{ bytes }]);
  const unknown = { kind: "declined", why: "unknown-reference" };
  expect(await bench.settle(bench.host.query(ATTEMPT))).toEqual(unknown);
  expect(bench.world.nowMs()).toBeLessThan(2_500);
  bench.wire.toTerminal = () => [];
  const atMs = bench.world.nowMs();
  expect(await bench.settle(bench.host.query(ATTEMPT))).toMatchObject({ kind: "no-answer" });
  expect(bench.world.nowMs() - atMs).toBeLessThan(5_000);
  await bench.dispose();
});

test("a terminal whose host is slow is waited for as long as it says that it works", async () => {
  const bench = await openTerminalBench();
  const paying = pay(bench);
  bench.terminal.present("slow-test");
  expect(await bench.settle(paying)).toMatchObject({ kind: "approved", amountMinor: 1_000 });
  expect(bench.world.nowMs()).toBeGreaterThan(25_000);
  await bench.dispose();
});

test("it serves one payer at a time: the other has no answer yet, and is served next", async () => {
  const bench = await openTerminalBench();
  const first = pay(bench);
  await bench.world.runFor(1_000);
  const other = "0000000000000002/1/authorise";
  expect(await bench.settle(pay(bench, other))).toMatchObject({ kind: "no-answer" });
  bench.terminal.present("visa-test");
  expect(await bench.settle(first)).toMatchObject({ kind: "approved" });
  const second = pay(bench, other);
  bench.terminal.present("mastercard-test");
  expect(await bench.settle(second)).toMatchObject({ kind: "approved" });
  expect(await booked(bench)).toMatchObject({ payments: 2 });
  await bench.dispose();
});

test.each(["waiting for a card", "deciding", "after its answer was lost"])(
  "I2: the terminal starts again while it is %s: what became of it is known, and charged once",
  async (state) => {
    const bench = await openTerminalBench();
    const paying = pay(bench);
    await bench.world.runFor(500);
    const isAnswered = state === "after its answer was lost";
    if (isAnswered) bench.wire.toBoard = () => [];
    if (state !== "waiting for a card") bench.terminal.present("visa-test");
    await bench.world.runFor(isAnswered ? 3_000 : 300);
    const rebooting = bench.terminal.reboot();
    bench.wire.toBoard = PASS;
    expect(await bench.settle(paying)).toMatchObject({ kind: "no-answer" });
    await bench.settle(rebooting);
    await bench.world.runFor(15_000);
    const told = await insist(bench, () => bench.host.query(ATTEMPT));
    expect(told).toMatchObject(
      isAnswered ? { kind: "approved" } : { ...DECLINED, responseCode: "PF" },
    );
    expect(await bench.settle(pay(bench))).toEqual(told);
    expect(await booked(bench)).toMatchObject({ payments: isAnswered ? 1 : 0 });
    await bench.dispose();
  },
);

test("unplugged, it says so, and nobody is asked; plugged in again, it is ready within seconds", async () => {
  const bench = await openTerminalBench();
  expect(bench.host.trouble?.()).toBeUndefined();
  bench.wire.pull();
  await bench.world.runFor(100);
  expect(bench.host.trouble?.()).toMatch(/line is down/);
  expect(await bench.settle(pay(bench))).toMatchObject({ kind: "no-answer" });
  bench.wire.plugIn();
  const atMs = bench.world.nowMs();
  await bench.world.runWhile(() => bench.host.trouble?.() !== undefined, 60_000);
  expect(bench.world.nowMs() - atMs).toBeLessThan(6_000);
  await bench.dispose();
});

test("a terminal that moves real money is not used where a test terminal was expected", async () => {
  const bench = await openTerminalBench();
  bench.wire.toBoard = (bytes) => {
    const message = messageOf(bytes);
    return [{ bytes: message === undefined ? bytes : encodeFrame(message.replace("TS1", "TS0")) }];
  };
  await bench.world.runFor(12_000);
  expect(bench.host.trouble?.()).toMatch(/moves real money/);
  expect(await bench.settle(pay(bench))).toMatchObject({ kind: "no-answer" });
  await bench.dispose();
});
