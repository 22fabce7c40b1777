// Cards that lie, mislead and babble: what the reader makes of each, that it always ends, and that no number gets out in
// the clear wherever a card puts it (I12).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../../../firmware/bytes.ts";
import type { CardReading } from "../../../hal/card-reader.ts";
import { openNodeCrypto } from "../../../hal/linux/node-crypto.ts";
import { openSealedCard } from "../../../hal/sealed-card.ts";
import { seededRandom } from "../../../hal/sim/random.ts";
import { TEST_CARD_LIST } from "../../../hal/sim/test-cards.ts";
import {
  benchCard,
  HOST_SECRET,
  type RecordingChannel,
  readOn,
  scriptedChannel,
  simChannel,
} from "../../support/emv.ts";
import { spoilt } from "../../support/iso8583-bytes.ts";

const COMMANDS_MAX = 64;
const NUMBER = "4761739001010119";
const VISA = "a0000000031010";
const MASTERCARD = "a0000000041010";
const DONE = "9000";

function tlv(tag: string, ...values: readonly string[]): string {
  const value = values.join("");
  const length = value.length / 2;
  return `${tag}${length > 0x7f ? "81" : ""}${length.toString(16).padStart(2, "0")}${value}`;
}

const ascii = (text: string): string => toHex(new TextEncoder().encode(text));
const entry = (aid: string, priority = "01"): string =>
  tlv("61", tlv("4f", aid), tlv("87", priority));
const ppse = (...entries: readonly string[]): string =>
  tlv("6f", tlv("84", ascii("2PAY.SYS.DDF01")), tlv("a5", tlv("bf0c", ...entries))) + DONE;
const fci = (aid: string, ...more: readonly string[]): string =>
  tlv("6f", tlv("84", aid), tlv("a5", tlv("50", ascii("VISA")), ...more)) + DONE;

const PPSE = "00a404000e32";
const GPO = "80a8";
const CRYPTOGRAM = "1122334455667788";
const IDENTITY = [tlv("5a", NUMBER), tlv("5f24", "311231")];
const MADE = [
  ...[tlv("9f26", CRYPTOGRAM), tlv("9f27", "80"), tlv("9f36", "0001")],
  tlv("9f10", "06011203a00000"),
];
const gpo = (...objects: readonly string[]): string =>
  tlv("77", tlv("82", "0000"), ...objects) + DONE;

/** A good card in the field, of which tests change one thing. */
const GOOD = {
  [PPSE]: ppse(entry(VISA)),
  [`00a4040007${VISA}`]: fci(VISA),
  [GPO]: gpo(...IDENTITY, ...MADE),
};

const tap = (script: Readonly<Record<string, string>>): RecordingChannel =>
  scriptedChannel("tap", script);

async function read(script: Readonly<Record<string, string>>): Promise<CardReading> {
  return readOn(tap(script));
}

function opened(reading: CardReading) {
  if (reading.kind !== "read") throw new Error(JSON.stringify(reading));
  const card = openSealedCard(reading.credential, HOST_SECRET, openNodeCrypto());
  if (card === undefined) throw new Error("the box does not open");
  return card;
}

const MALFORMED = { kind: "failed", why: "malformed" };

describe("which application", () => {
  const both = { ...GOOD, [PPSE]: ppse(entry(VISA, "02"), entry(MASTERCARD, "01")) };

  test("the highest priority first, and the next one where it does not want", async () => {
    for (const no of ["6985", "6a82", "6283"]) {
      const channel = tap({ ...both, [`00a4040007${MASTERCARD}`]: no });
      expect(await readOn(channel)).toMatchObject({ kind: "read", card: { network: "visa" } });
      const selected = channel.exchanged.map(([sent]) => sent.slice(10, 24));
      expect(selected.slice(1, 3)).toEqual([MASTERCARD, VISA]);
    }
  });

  test("the next one also when the purchase is not wanted", async () => {
    const script = { ...both, [`00a4040007${MASTERCARD}`]: fci(MASTERCARD) };
    const answers = ["6985", GOOD[GPO]];
    const scripted = tap(script);
    const channel: RecordingChannel = {
      ...scripted,
      transmit: (command) => {
        if (!toHex(command).startsWith(GPO)) return scripted.transmit(command);
        return tap({ [GPO]: answers.shift() ?? "" }).transmit(command);
      },
    };
    expect(await readOn(channel)).toMatchObject({ kind: "read", card: { network: "visa" } });
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["no directory", {}, "no-application"],
    [
      "only applications that nobody knows",
      { [PPSE]: ppse(entry("a00000000401")) },
      "no-application",
    ],
    ["a directory that is none", { [PPSE]: `6f03840112${DONE}` }, "malformed"],
    ["a card that is blocked", { [PPSE]: "6a81" }, "blocked"],
    ["another name than asked", { ...GOOD, [`00a4040007${VISA}`]: fci(MASTERCARD) }, "malformed"],
    ["all refused", { [PPSE]: ppse(entry(VISA)), [`00a4040007${VISA}`]: "6985" }, "no-application"],
  ])("%s", async (_, script, why) => {
    expect(await read(script)).toMatchObject({ kind: "failed", why });
  });
});

describe("what a card says", () => {
  test.each<[string, string]>([
    ["no number", gpo(tlv("5f24", "311231"), ...MADE)],
    [
      "a number with a wrong check digit",
      gpo(tlv("5a", "4761739001010118"), IDENTITY[1] ?? "", ...MADE),
    ],
    ["a number too short", gpo(tlv("5a", "47617390"), IDENTITY[1] ?? "", ...MADE)],
    ["letters in it", gpo(tlv("5a", "4761a39001010119"), IDENTITY[1] ?? "", ...MADE)],
    [
      "another number on its track",
      gpo(...IDENTITY, tlv("57", "5413330089010434d31122010f"), ...MADE),
    ],
    ["a track without its mark", gpo(...IDENTITY, tlv("57", "4761739001010119"), ...MADE)],
    ["no date", gpo(tlv("5a", NUMBER), ...MADE)],
    ["a thirteenth month", gpo(tlv("5a", NUMBER), tlv("5f24", "311331"), ...MADE)],
    ["one thing in two ways", gpo(...IDENTITY, tlv("5a", "4000000000000002"), ...MADE)],
    ["no profile", tlv("77", ...IDENTITY, ...MADE) + DONE],
    ["no counter", gpo(...IDENTITY, tlv("9f26", CRYPTOGRAM), tlv("9f27", "80"))],
    ["a short cryptogram", gpo(...IDENTITY, tlv("9f26", "11"), ...MADE.slice(1))],
    [
      "a sort that is none",
      gpo(...IDENTITY, ...MADE.filter((one) => !one.startsWith("9f27")), tlv("9f27", "c0")),
    ],
    ["no cryptogram, and none to ask for", gpo(...IDENTITY)],
    ["half a list of records", gpo(...IDENTITY, ...MADE, tlv("94", "080101"))],
    ["records of a file that is none", gpo(...IDENTITY, ...MADE, tlv("94", "00010100"))],
    ["records backwards", gpo(...IDENTITY, ...MADE, tlv("94", "08020100"))],
    ["records without end", gpo(...IDENTITY, ...MADE, tlv("94", "0801ff00"))],
    ["two templates", `${gpo(...IDENTITY, ...MADE).slice(0, -4)}77009000`],
    ["a word of trouble", "6f00"],
    ["nothing", DONE],
    ["an answer too long", `${gpo(...IDENTITY, ...MADE).slice(0, -4)}${"00".repeat(205)}${DONE}`],
  ])("%s is refused", async (_, answer) => {
    expect(await read({ ...GOOD, [GPO]: answer })).toMatchObject(MALFORMED);
  });

  test.each([
    ["without end", "0801ff00"],
    ["of many files", "0801200010010100"],
    ["of a place that is none", "09010100"],
  ])("a list of records %s is not begun with", async (_, files) => {
    const answer = gpo(...IDENTITY, ...MADE, tlv("94", files));
    const channel = tap({ ...GOOD, [GPO]: answer, "00b2": `7000${DONE}` });
    expect(await readOn(channel)).toMatchObject(MALFORMED);
    const records = channel.exchanged.filter(([sent]) => sent.startsWith("00b2")).length;
    expect(records).toBe(files === "0801200010010100" ? 32 : 0);
  });

  test("its number may stand on the track alone, its sort in Visa's own data", async () => {
    const bare = MADE.filter((one) => !one.startsWith("9f27"));
    const answer = gpo(tlv("57", `${NUMBER}d31122010f`), ...bare);
    const reading = await read({ ...GOOD, [GPO]: answer });
    expect(reading).toMatchObject({ card: { expiry: "3112", cryptogramType: "ARQC" } });
    expect(opened(reading).number).toBe(NUMBER);
  });

  test("the bare form of both answers is read as the other one", async () => {
    const record = [...IDENTITY, tlv("8c", "9f3704")];
    const script = {
      ...GOOD,
      [GPO]: tlv("80", "1800", "08010100") + DONE,
      "00b2010c": tlv("70", ...record) + DONE,
      "80ae8000": tlv("80", "80", "0042", CRYPTOGRAM, "06011203a00000") + DONE,
    };
    const reading = await read(script);
    expect(reading).toMatchObject({ card: { atc: "0042", cryptogram: CRYPTOGRAM } });
  });

  test("it cannot change what the terminal said, nor say what became of the cardholder", async () => {
    const lies = [tlv("9f02", "000000000001"), tlv("9f37", "00000000"), tlv("9f34", "420300")];
    const { chip } = opened(await read({ ...GOOD, [GPO]: gpo(...IDENTITY, ...MADE, ...lies) }));
    expect(toHex(chip?.get(0x9f02) ?? new Uint8Array())).toBe("000000000150");
    expect(toHex(chip?.get(0x9f37) ?? new Uint8Array())).toBe("1a2b3c4d");
    expect(chip?.has(0x9f34)).toBe(false);
  });

  test("an approval of its own is believed in the field only, and goes to the issuer all the same", async () => {
    const made = MADE.map((one) => (one.startsWith("9f27") ? tlv("9f27", "40") : one));
    expect(await read({ ...GOOD, [GPO]: gpo(...IDENTITY, ...made) })).toMatchObject({
      card: { cryptogramType: "TC" },
    });
    const asked = {
      ...GOOD,
      [GPO]: gpo(...IDENTITY, tlv("8c", "9f3704")),
      "80ae": tlv("77", ...made) + DONE,
    };
    expect(await read(asked)).toMatchObject(MALFORMED);
  });

  test("who wants what this terminal cannot do is told so", async () => {
    const results = async (methods: string) => {
      const reading = await read({
        ...GOOD,
        [GPO]:
          tlv("77", tlv("82", "5800"), ...IDENTITY, tlv("8c", "9f3403"), tlv("8e", methods)) + DONE,
        "80ae": tlv("77", ...MADE) + DONE,
      });
      const result = toHex(opened(reading).chip?.get(0x9f34) ?? new Uint8Array());
      return [reading.kind === "read" && reading.card.tvr, result];
    };
    const amounts = "0000000000000000";
    expect(await results(`${amounts}42031f03`)).toEqual(["8000008000", "1f0302"]);
    expect(await results(`${amounts}4203`)).toEqual(["8000808000", "3f0001"]);
    expect(await results(amounts)).toEqual(["8000008000", "3f0000"]);
  });
});

describe("I12: a number planted", () => {
  test("in the label is not shown", async () => {
    const head = tlv("6f", tlv("84", VISA), tlv("a5", tlv("50", ascii(NUMBER)))) + DONE;
    const reading = await read({ ...GOOD, [`00a4040007${VISA}`]: head });
    expect(reading).toMatchObject({ kind: "read" });
    expect(JSON.stringify(reading)).not.toContain(NUMBER);
    expect(reading.kind === "read" && reading.card.label).toBeUndefined();
  });

  test("in the application's name is not shown", async () => {
    const name = `${VISA}${NUMBER}`;
    const script = { ...GOOD, [PPSE]: ppse(entry(name)), [`00a404000f${name}`]: fci(name) };
    expect(await read(script)).toMatchObject({ card: { aid: VISA } });
  });

  test("in the cryptogram is refused", async () => {
    const answer = gpo(...IDENTITY, tlv("9f26", NUMBER), ...MADE.slice(1));
    const reading = await read({ ...GOOD, [GPO]: answer });
    expect(reading).toMatchObject(MALFORMED);
    expect(JSON.stringify(reading)).not.toContain(NUMBER);
  });
});

describe("chance", () => {
  function check(reading: CardReading, channel: RecordingChannel): void {
    expect(channel.exchanged.length).toBeLessThanOrEqual(COMMANDS_MAX);
    if (reading.kind === "read") {
      const { number } = opened(reading);
      expect(JSON.stringify(reading.card)).not.toContain(number);
    } else {
      expect(["failed", "torn", "lost"]).toContain(reading.kind);
    }
  }

  test("answers by chance: it ends, within its commands", async () => {
    const bytes = fc.uint8Array({ maxLength: 260 });
    const status = fc.constantFrom(0x9000, 0x6283, 0x6985, 0x6a82, 0x6a83, 0x6f00);
    const answers = fc.array(fc.tuple(bytes, status), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(answers, fc.constantFrom("tap", "insert"), async (script, way) => {
        const exchanged: (readonly [string, string])[] = [];
        const channel: RecordingChannel = {
          ...{ way, exchanged },
          transmit: async () => {
            const [data = new Uint8Array(), code = 0] =
              script[exchanged.length % script.length] ?? [];
            exchanged.push(["", ""]);
            return { kind: "answer", data: data.slice(), status: code };
          },
        };
        check(await readOn(channel), channel);
      }),
      { numRuns: 300 },
    );
  });

  test("real answers spoilt, everywhere: it ends, and a number that is read is sealed", async () => {
    const random = seededRandom(5, "emv");
    const kinds = new Map<string, number>();
    for (let round = 0; round < 300; round++) {
      const { name, way } = TEST_CARD_LIST[random.below(TEST_CARD_LIST.length)] ?? {
        ...{ name: "visa-test", way: "tap" as const },
      };
      const channel = simChannel(benchCard(name), way, (answer) => {
        const isSpared =
          answer.kind !== "answer" || answer.data.length === 0 || random.below(4) > 0;
        return isSpared ? answer : { ...answer, data: spoilt(answer.data, random) };
      });
      const reading = await readOn(channel);
      check(reading, channel);
      kinds.set(reading.kind, (kinds.get(reading.kind) ?? 0) + 1);
    }
    expect([...kinds.keys()].sort()).toEqual(["failed", "read"]);
  });

  test("a card that has ever more records and applications is left", async () => {
    const alike = fci(`${VISA}01`);
    const named = scriptedChannel("insert", {
      "00a404000e": tlv("6f", tlv("a5", tlv("88", "01"))) + DONE,
      "00b2": tlv("70", entry("a00000000401")) + DONE,
      "00a40400": alike,
      "00a40402": alike,
      [GPO]: tlv("80", "1800", "08012000") + DONE,
    });
    const others = ["a0000000032010", "a0000000032020", MASTERCARD, "a0000000043060"];
    const channel: RecordingChannel = {
      ...named,
      transmit: async (command) => {
        const name = others.find((one) => toHex(command).includes(one));
        const answer = await named.transmit(command);
        if (name === undefined || answer.kind !== "answer") return answer;
        return scriptedChannel("insert", { "00a4": fci(`${name}01`) }).transmit(command);
      },
    };
    expect(await readOn(channel)).toMatchObject(MALFORMED);
    expect(channel.exchanged.length).toBe(COMMANDS_MAX);
  });
});
