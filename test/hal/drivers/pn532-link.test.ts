// Commands to a PN532 whose every byte the test writes: ACK, NACK, answers broken, late, foreign or missing, and what goes
// out in return.

import { expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import { type ChipAnswer, openPn532Link, type Pn532Link } from "../../../hal/drivers/pn532-link.ts";
import { keepSerialLine } from "../../../hal/drivers/serial-line.ts";
import { simSerial } from "../../../hal/sim/sim-serial.ts";
import { type SimWorld, simWorld } from "../../../hal/sim/world.ts";
import { settled } from "../../support/pn532-bench.ts";

const ACK = "0000ff00ff00";
const NACK = "0000ffff0000";
const ERROR = "0000ff01ff7f8100";
const VERSION = "0000ff02fed4022a00";
const VERSION_ANSWER = "0000ff06fad50332010607e800";
/** READ of page 4, and the answers to it and to an older READ: nothing but their content tells them apart. */
const READ = "0000ff05fbd440013004b700";
const READ_DATA = Uint8Array.of(0x40, 0x01, 0x30, 0x04);
const OLD_ANSWER = "0000ff05fbd541001122b700";
const NEW_ANSWER = "0000ff05fbd5410033447300";

interface Bench {
  world: SimWorld;
  link: Pn532Link;
  /** What went out since it was last looked at. */
  sent(): string;
  say(hex: string): void;
  unplug(): void;
}

async function bench(): Promise<Bench> {
  const world = simWorld({ seed: 1 });
  const cable = simSerial(world, { baud: 115_200 });
  const line = keepSerialLine(async () => cable.a, world.clock);
  line.onState(() => {});
  const link = openPn532Link(line, world.clock);
  await world.runFor(1);
  let out = "";
  cable.b.onData((bytes) => {
    out += toHex(bytes);
  });
  return {
    world,
    link,
    sent: () => {
      const sent = out;
      out = "";
      return sent;
    },
    say: (hex) => void cable.b.write(fromHex(hex) ?? new Uint8Array()).catch(() => {}),
    unplug: cable.unplug,
  };
}

const ask = ({ link }: Bench, data = Uint8Array.of(0x02), answerMs = 500): Promise<ChipAnswer> =>
  link.ask(data, answerMs);

async function kindOf({ world }: Bench, asked: Promise<ChipAnswer>): Promise<string> {
  const answer = await settled(world, asked, 5_000);
  return answer.kind === "answer" ? toHex(answer.data) : answer.kind;
}

test("a command, its ACK, its answer", async () => {
  const here = await bench();
  const asked = ask(here);
  await here.world.runFor(5);
  expect(here.sent()).toBe(VERSION);
  here.say(ACK + VERSION_ANSWER);
  expect(await kindOf(here, asked)).toBe("32010607");
  expect(here.sent()).toBe("");
});

test("silence instead of an ACK: said again twice, then it is silent", async () => {
  const here = await bench();
  expect(await kindOf(here, ask(here))).toBe("silent");
  expect(here.sent()).toBe(VERSION.repeat(3));
  expect(here.world.nowMs()).toBeLessThan(500);
});

test("an ACK that may have been lost on us: not said again", async () => {
  const here = await bench();
  const asked = ask(here);
  await here.world.runFor(5);
  here.say(`0000ff01ff00${VERSION_ANSWER}`);
  expect(await kindOf(here, asked)).toBe("silent");
  expect(here.sent()).toBe(VERSION);
});

test("NACK: said again", async () => {
  const here = await bench();
  const asked = ask(here);
  await here.world.runFor(5);
  here.say(NACK);
  await here.world.runFor(5);
  here.say(ACK + VERSION_ANSWER);
  expect(await kindOf(here, asked)).toBe("32010607");
  expect(here.sent()).toBe(VERSION.repeat(2));
});

test("after a command that was said twice, the second ACK and answer do not meet the next command", async () => {
  const here = await bench();
  const first = ask(here, READ_DATA);
  // Both are under way when the chip's words come at last.
  await here.world.runFor(130);
  expect(here.sent()).toBe(READ.repeat(2));
  here.say(ACK + OLD_ANSWER + ACK + OLD_ANSWER);
  expect(await kindOf(here, first)).toBe("001122");
  const second = ask(here, READ_DATA);
  await here.world.runFor(5);
  here.say(ACK + NEW_ANSWER);
  expect(await kindOf(here, second)).toBe("003344");
});

test("an answer before the ACK is an older one", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA);
  here.say(OLD_ANSWER + ACK + NEW_ANSWER);
  expect(await kindOf(here, asked)).toBe("003344");
});

test("an answer to another command is not ours", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA);
  await here.world.runFor(5);
  here.say(ACK + VERSION_ANSWER + NEW_ANSWER);
  expect(await kindOf(here, asked)).toBe("003344");
});

test.each([
  ["a wrong sum", `${NEW_ANSWER.slice(0, -4)}0000`],
  ["no end", NEW_ANSWER.slice(0, -6)],
])("an answer with %s is asked for again, not the command", async (_, broken) => {
  const here = await bench();
  const asked = ask(here, READ_DATA);
  await here.world.runFor(5);
  expect(here.sent()).toBe(READ);
  here.say(ACK + broken);
  await here.world.runFor(70);
  expect(here.sent()).toBe(NACK);
  here.say(NEW_ANSWER);
  expect(await kindOf(here, asked)).toBe("003344");
});

test("an answer that stays broken is asked for twice, then it is silent", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA);
  await here.world.runFor(5);
  here.say(ACK);
  for (let i = 0; i < 3; i++) {
    here.say(`${NEW_ANSWER.slice(0, -4)}0000`);
    await here.world.runFor(5);
  }
  expect(await kindOf(here, asked)).toBe("silent");
  expect(here.sent()).toBe(READ + NACK + NACK);
});

test("noise while the chip is at work asks for nothing: the answer before would come", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA);
  await here.world.runFor(5);
  here.say(`${ACK}13370000ff0102`);
  await here.world.runFor(50);
  expect(here.sent()).toBe(READ);
  here.say(NEW_ANSWER);
  expect(await kindOf(here, asked)).toBe("003344");
});

test("an answer whose head cannot be read is given up soon, long before its time", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA, 3_000);
  await here.world.runFor(5);
  here.say(`${ACK}0000ff05fcd5410033447300`);
  expect(await kindOf(here, asked)).toBe("silent");
  expect(here.world.nowMs()).toBeLessThan(300);
});

test("the error frame is a refusal", async () => {
  const here = await bench();
  const asked = ask(here);
  here.say(ACK + ERROR);
  expect(await kindOf(here, asked)).toBe("refused");
});

test("no answer in the time that the command may take, counted from its ACK", async () => {
  const here = await bench();
  const asked = ask(here, READ_DATA, 900);
  await here.world.runFor(50);
  here.say(ACK);
  expect(await kindOf(here, asked)).toBe("silent");
  expect(here.world.nowMs()).toBeGreaterThan(940);
  expect(here.world.nowMs()).toBeLessThan(970);
});

test("our own words given back are neither ACK nor answer", async () => {
  const here = await bench();
  const asked = ask(here);
  here.say(VERSION + ACK + VERSION + VERSION_ANSWER);
  expect(await kindOf(here, asked)).toBe("32010607");
});

test("abort ends it here and there, before and after the ACK", async () => {
  for (const before of ["", ACK]) {
    const here = await bench();
    const asked = ask(here, READ_DATA);
    await here.world.runFor(5);
    here.say(before);
    await here.world.runFor(5);
    here.link.abort();
    expect(await kindOf(here, asked)).toBe("aborted");
    await here.world.runFor(5);
    expect(here.sent()).toBe(READ + ACK);
    here.link.abort();
    await here.world.runFor(5);
    expect(here.sent()).toBe("");
  }
});

test("a line that is pulled: down at the next word", async () => {
  const here = await bench();
  here.unplug();
  expect(await kindOf(here, ask(here))).toBe("down");
  expect(await settled(here.world, here.link.rouse(), 5_000)).toBe(false);
});

test("rousing ends what the chip does, waits until it has said all, and wakes it", async () => {
  const here = await bench();
  const roused = here.link.rouse();
  await here.world.runFor(5);
  expect(here.sent()).toBe(ACK);
  for (let i = 0; i < 4; i++) {
    here.say(OLD_ANSWER);
    await here.world.runFor(20);
  }
  expect(here.sent()).toBe("");
  expect(await settled(here.world, roused, 1_000)).toBe(true);
  await here.world.runFor(5);
  expect(here.sent()).toBe(`5555${"00".repeat(14)}`);
});
