// The simulated PN532 as a program on its line meets it: the whole conversations that libnfc's tools have with one, its
// power states, its searches, its registers, and what it says when something is wrong.

import { beforeEach, expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import type { SimCard } from "../../../hal/sim/sim-card.ts";
import { type SimPn532, simPn532 } from "../../../hal/sim/sim-pn532.ts";
import { answerFrame } from "../../../hal/sim/sim-pn532-frame.ts";
import { simSerial } from "../../../hal/sim/sim-serial.ts";
import { ntag213, type4Tag } from "../../../hal/sim/sim-tag.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";

const ACK = "0000ff00ff00";
const NACK = "0000ffff0000";
const WAKE_UP = `5555${"00".repeat(14)}`;
const TAG_UID = "04a1b2c3d4e5f6";
const TAG_TARGET = `0100440007${TAG_UID}`;
const CARD: SimCard = {
  name: "card",
  field: {
    uid: Uint8Array.of(0x08, 0xa1, 0xb2, 0xc3),
    sensRes: [0x00, 0x04],
    selRes: 0x20,
    ats: Uint8Array.of(0x05, 0x78, 0x80, 0x70, 0x02),
  },
  apdu: (command) => Uint8Array.of(...command, 0x90, 0x00),
  reset: () => {},
};
const CARD_TARGET = "010004200408a1b2c30578807002";

const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();
const frameOf = (answer: string): string =>
  toHex(Uint8Array.from(answerFrame([...bytesOf(answer)])));
/** As a host frames it, summed here by hand. */
function hostFrame(data: string): string {
  const body = [0xd4, ...bytesOf(data)];
  const sum = body.reduce((all, byte) => all + byte, 0);
  const head = [0x00, 0x00, 0xff, body.length, (256 - body.length) & 0xff];
  return toHex(Uint8Array.of(...head, ...body, (256 - (sum & 0xff)) & 0xff, 0x00));
}

let world: SimWorld;
let chip: SimPn532;
let heard = "";
let write: (hex: string) => void;
beforeEach(() => {
  world = simWorld({ seed: 1 });
  chip = simPn532(world.clock);
  const cable = simSerial(world, { baud: 115_200 });
  chip.attach(cable.b);
  heard = "";
  cable.a.onData((bytes) => {
    heard += toHex(bytes);
  });
  write = (hex) => void cable.a.write(bytesOf(hex));
});

/** What comes back to these bytes within that time. */
async function tell(hex: string, waitMs = 50): Promise<string> {
  heard = "";
  write(hex);
  await world.runFor(waitMs);
  return heard;
}

/** The answer to a command, ACK before it. */
async function ask(data: string, waitMs = 50): Promise<string> {
  const said = await tell(hostFrame(data), waitMs);
  expect(said.slice(0, 12)).toBe(ACK);
  return said.slice(12);
}

async function wake(): Promise<void> {
  expect(await tell(WAKE_UP + hostFrame("1401"))).toBe(ACK + frameOf("15"));
}

async function converse(lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const [data = "", answer = ""] = line.split("->");
    expect(await ask(data), line).toBe(frameOf(answer));
  }
}

const OPENING = [
  "00 00 6c69626e6663 -> 01 00 6c69626e6663",
  "02 -> 03 32010607",
  "12 14 -> 13",
  "06 6302 6303 630d 6338 633d -> 07 00 00 00 00 00",
  "08 630280 630380 -> 09",
  "32 01 00 -> 33",
  "32 01 01 -> 33",
  "32 05 ff ff ff -> 33",
  "06 6302 6303 6305 6338 633c 633d -> 07 80 80 00 00 00 00",
  "08 630540 633c10 -> 09",
];
const CLOSING = ["52 00 -> 53 00", "32 01 00 -> 33", "16 f0 -> 17 00"];

const OTHERS = [
  "32 05 ff ff ff -> 33",
  "32 05 00 01 02 -> 33",
  "4a 01 01 00ffff0100 -> 4b 00",
  "4a 01 02 00ffff0100 -> 4b 00",
  "4a 01 03 00 -> 4b 00",
  "06 6302 6303 -> 07 80 80",
  "08 630283 630383 -> 09",
  "42 010b3f80 -> 43 01",
  "06 6302 6303 -> 07 83 83",
  "42 0600 -> 43 01",
  "42 10 -> 43 01",
  "4a 01 04 -> 4b 00",
  "42 -> 43 01",
];

test("the whole conversation of a listing, with a tag and with nobody there", async () => {
  await wake();
  await converse(OPENING);
  await converse(["32 05 00 01 02 -> 33", "4a 01 00 -> 4b 00"]);
  chip.present(ntag213("tag"));
  await converse([`4a 01 00 -> 4b 01 ${TAG_TARGET}`, "44 00 -> 45 00"]);
  await converse([`4a 01 00 -> 4b 01 ${TAG_TARGET}`]);
  chip.remove();
  await converse(OTHERS);
  await converse(CLOSING);
});

test("the whole conversation of a poll: a card comes, stays, and goes", async () => {
  await wake();
  await converse(OPENING);
  expect(await ask("60 14 02 20 10 03 11 12 04 03", 1_000)).toBe("");
  chip.present(CARD);
  await world.runFor(400);
  expect(heard).toBe(ACK + frameOf(`61 01 20 0e ${CARD_TARGET}`));
  await converse(["42 b2 -> 43 00 a2", "42 b2 -> 43 00 a2"]);
  chip.remove(CARD);
  await converse(["42 b2 -> 43 01", ...CLOSING]);
});

test("a poll of a tag, which is asked for its first page for as long as it is there", async () => {
  await wake();
  chip.present(ntag213("tag"));
  await converse([`60 14 02 20 10 -> 61 01 10 0c ${TAG_TARGET}`]);
  await converse([`40 01 30 00 -> 41 00 04a1b29f c3d4e5f6 04480000 e1101200`]);
  chip.remove();
  await converse(["40 01 30 00 -> 41 01"]);
});

test("a poll ends after as many looks as were asked for, or never", async () => {
  await wake();
  expect(await ask("60 03 02 10", 590)).toBe("");
  await world.runFor(20);
  expect(heard).toBe(ACK + frameOf("61 00"));
  expect(await ask("60 ff 02 10", 100_000)).toBe("");
});

test("a search without end ends with a card, an ACK of the host, or its next command", async () => {
  await wake();
  expect(await ask("4a 01 00", 5_000)).toBe("");
  chip.present(ntag213("tag"));
  await world.runFor(50);
  expect(heard).toBe(ACK + frameOf(`4b 01 ${TAG_TARGET}`));
  chip.remove();
  expect(await ask("4a 01 00", 100)).toBe("");
  expect(await tell(ACK, 100)).toBe("");
  chip.present(ntag213("tag"));
  await world.runFor(1_000);
  expect(heard).toBe("");
  chip.remove();
  expect(await ask("4a 01 00", 100)).toBe("");
  expect(await ask("02")).toBe(frameOf("03 32010607"));
  chip.present(ntag213("tag"));
  await world.runFor(1_000);
  expect(heard).toBe(ACK + frameOf("03 32010607"));
});

test("with power it is asleep; awake, it takes its configuration first", async () => {
  expect(await tell(hostFrame("1401"))).toBe("");
  expect(await tell(WAKE_UP)).toBe("");
  expect(await tell(hostFrame("4a0100"))).toBe("");
  await wake();
  await converse(["32 05 00 00 00 -> 33", "4a 01 00 -> 4b 00"]);
  chip.brownOut();
  expect(await tell(hostFrame("4a0100"))).toBe("");
  await wake();
  // Retries without end again.
  expect(await ask("4a 01 00", 1_000)).toBe("");
});

test("PowerDown: deaf until it is woken, and then as before", async () => {
  await wake();
  await converse(["32 05 00 00 00 -> 33", "16 f0 -> 17 00"]);
  expect(await tell(hostFrame("4a0100"))).toBe("");
  expect(await tell(WAKE_UP + hostFrame("4a0100"))).toBe(ACK + frameOf("4b 00"));
});

test("bytes of no frame are nothing, a frame behind them is heard, a wrong sum is not", async () => {
  await wake();
  const version = hostFrame("02");
  expect(await tell(`306172 ${version}`)).toBe(ACK + frameOf("03 32010607"));
  for (const broken of [
    version.replace("2a", "2b"),
    version.replace("02fe", "02fd"),
    version.replace("d4", "d5"),
  ]) {
    expect(await tell(broken)).toBe("");
  }
  expect(await tell(version)).not.toBe("");
});

test("NACK gives the last answer again, and does nothing again", async () => {
  await wake();
  chip.present(ntag213("tag"));
  await converse(["32 05 00 00 00 -> 33", `4a 01 00 -> 4b 01 ${TAG_TARGET}`]);
  expect(await tell(NACK)).toBe(frameOf(`4b 01 ${TAG_TARGET}`));
});

test("an unknown command, or one without what it needs, is met with the error frame", async () => {
  await wake();
  const error = "0000ff01ff7f8100";
  for (const data of ["ee", "4a", "4a 03 00", "00 04", "60 01", "32", "40"]) {
    expect(await ask(data), data).toBe(error);
  }
});

test("settings, registers and states are told as they are", async () => {
  await wake();
  await converse([
    "04 -> 05 00 00 00 00",
    "06 6302 6305 -> 07 00 00",
    "08 6302aa 630555 -> 09",
    "06 6305 6302 -> 07 55 aa",
    "32 05 00 00 00 -> 33",
  ]);
  chip.present(CARD);
  await converse([
    `4a 02 00 -> 4b 01 ${CARD_TARGET}`,
    "04 -> 05 00 00 01 01 00 00 10 00",
    "00 06 -> 01 00",
    "54 01 -> 55 00",
    "54 02 -> 55 27",
    "44 02 -> 45 27",
    // Sleeping, it does not answer, and can be called again.
    "44 01 -> 45 00",
    "00 06 -> 01 01",
    `4a 02 00 -> 4b 01 ${CARD_TARGET}`,
    // Awake, it does not hear the call to all, and hears the one after it.
    "4a 02 00 -> 4b 00",
    "00 06 -> 01 27",
    `4a 02 00 -> 4b 01 ${CARD_TARGET}`,
    "52 00 -> 53 00",
    "00 06 -> 01 27",
    "40 01 00 -> 41 27",
  ]);
  // Without ISO 14443-4 at once, there is no ATS.
  await converse(["32 01 00 -> 33", "12 04 -> 13", "4a 02 00 -> 4b 01 010004200408a1b2c3"]);
});

test("two cards are told together, and each has its number", async () => {
  await wake();
  chip.present(CARD);
  chip.present(ntag213("tag"));
  await converse([
    `4a 02 00 -> 4b 02 ${CARD_TARGET} 02${TAG_TARGET.slice(2)}`,
    "40 01 aabb -> 41 00 aabb9000",
    "40 02 30 03 -> 41 00 e1101200 0103a00c 340300fe 00000000",
  ]);
  expect(() => chip.present(type4Tag("third"))).toThrow(RangeError);
  expect(() => chip.present({ name: "contacts", reset: () => {} })).toThrow(RangeError);
});

test("commands and answers of more than a frame go in pieces", async () => {
  await wake();
  const long = { ...CARD, apdu: (command: Uint8Array) => new Uint8Array(300).fill(command.length) };
  chip.present(long);
  await ask("4a 01 00");
  await converse([`40 41 ${"11".repeat(100)} -> 41 00`]);
  const first = await ask(`40 01 ${"22".repeat(28)}`, 100);
  expect(first).toBe(frameOf(`41 40 ${"80".repeat(262)}`));
  await converse([`40 01 -> 41 00 ${"80".repeat(38)}`]);
});

test("a tag that is asked for what it has not falls asleep, until it is called again", async () => {
  await wake();
  chip.present(ntag213("tag"));
  await converse(["32 05 00 00 00 -> 33", `4a 01 00 -> 4b 01 ${TAG_TARGET}`]);
  await converse(["42 60 -> 43 00 0004040201000f03", "40 01 a2 05 01020304 -> 41 00"]);
  await converse(["40 01 30 2d -> 41 01", "40 01 30 04 -> 41 01"]);
  await converse([`4a 01 00 -> 4b 01 ${TAG_TARGET}`]);
  await converse(["40 01 30 04 -> 41 00 0103a00c 01020304 00000000 00000000"]);
  await converse(["40 01 60 04 ffffffffffff -> 41 14"]);
});

test.each([
  ["no-ack", "", ""],
  ["nack", NACK, ""],
  ["no-answer", ACK, ""],
  ["error-frame", ACK, "0000ff01ff7f8100"],
  ["bad-sum", ACK, "0000ff06fad503320106071700"],
  ["bad-length", ACK, "0000ff0605d50332010607e800"],
  ["cut", ACK, "0000ff06fad5033201"],
  ["stray", ACK, `${"00".repeat(7)}0000ff06fad50332010607e800`],
] as const)("fault %s, once", async (fault, acknowledged, answer) => {
  await wake();
  chip.fail(fault);
  expect(await tell(hostFrame("02"))).toBe(acknowledged + answer);
  expect(await ask("02")).toBe(frameOf("03 32010607"));
});

test("it can be dumb, and babble", async () => {
  await wake();
  chip.setSilent(true);
  expect(await tell(hostFrame("02"))).toBe("");
  chip.setSilent(false);
  expect(await ask("02")).toBe(frameOf("03 32010607"));
  heard = "";
  chip.babble(Uint8Array.of(1, 2, 3));
  await world.runFor(5);
  expect(heard).toBe("010203");
});

test("an NTAG213 as it comes from its maker, and what can be done to it but once", () => {
  const { memory, dump } = ntag213("tag");
  const page = (number: number): string =>
    toHex((memory.read(number) ?? new Uint8Array()).slice(0, 4));
  expect([0, 1, 2, 3, 4, 5].map(page)).toEqual([
    ...["04a1b29f", "c3d4e5f6", "04480000", "e1101200", "0103a00c", "340300fe"],
  ]);
  expect(dump()).toHaveLength(180);
  expect(toHex(memory.read(0x2b) ?? new Uint8Array())).toBe(
    "0000000000000000 04a1b29f c3d4e5f6".replaceAll(" ", ""),
  );
  expect(memory.read(0x2d)).toBeUndefined();
  const four = Uint8Array.of(1, 2, 4, 8);
  expect([0, 1, 0x2d].map((number) => memory.write(number, four))).toEqual([false, false, false]);
  // Container and locks only ever gain bits.
  expect(memory.write(3, Uint8Array.of(0, 0, 0, 0x0f))).toBe(true);
  expect(page(3)).toBe("e110120f");
  expect(memory.write(2, Uint8Array.of(0xff, 0xff, 0x20, 0x00))).toBe(true);
  expect(page(2)).toBe("04482000");
  expect([5, 6].map((number) => memory.write(number, four))).toEqual([false, true]);
  expect(memory.write(0x28, Uint8Array.of(0x02, 0, 0, 0))).toBe(true);
  expect([17, 18, 19, 20].map((number) => memory.write(number, four))).toEqual([
    ...[true, false, false, true],
  ]);
});
