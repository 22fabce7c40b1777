// T=0 and what lies above both protocols: lengths that the card corrects, answers that are fetched, and what is never
// sent twice.

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex } from "../../../firmware/bytes.ts";
import type { ApduAnswer } from "../../../hal/drivers/card-channel.ts";
import { completeApdu } from "../../../hal/drivers/iso7816-apdu.ts";
import type { BlockAnswer } from "../../../hal/drivers/iso7816-block.ts";
import { T0Link } from "../../../hal/drivers/iso7816-t0.ts";

const bytesOf = (hex: string): Uint8Array => fromHex(hex.replaceAll(" ", "")) ?? new Uint8Array();
const SELECT = "00a4040007a000000004101000";
const SELECT_SENT = "00a4040007a0000000041010";
const GENERATE_AC = "80ae8000041122334400";
const GENERATE_AC_SENT = "80ae80000411223344";

type Said = string | BlockAnswer["kind"];

/** A card, or a reader, that says these things in turn. */
async function talk(
  command: string,
  said: Said[],
): Promise<{ answer: ApduAnswer; sent: string[] }> {
  const sent: string[] = [];
  const link = new T0Link({
    send: (block) => {
      const next = said[sent.length];
      sent.push(toHex(block));
      if (next === undefined) throw new Error("nothing more is said");
      const isHex = /^([0-9a-f]{2})+$/.test(next);
      return Promise.resolve(
        isHex ? { kind: "block", bytes: bytesOf(next) } : ({ kind: next } as BlockAnswer),
      );
    },
  });
  const answer = await completeApdu((each) => link.exchange(each), bytesOf(command));
  return { answer, sent };
}

const told = (hex: string, status = 0x9000): ApduAnswer => ({
  ...{ kind: "answer", data: bytesOf(hex), status },
});

test.each<[string, string, Said[], string[], ApduAnswer]>([
  ["nothing either way", "00a40000", ["9000"], ["00a4000000"], told("")],
  ["data that comes", "00b2010c03", ["7001aa9000"], ["00b2010c03"], told("7001aa")],
  ["data that goes", "00820000021122", ["9000"], ["00820000021122"], told("")],
  ["data both ways", SELECT, ["6102", "6f009000"], [SELECT_SENT, "00c0000002"], told("6f00")],
  [
    "a length that is corrected",
    "00b2010c00",
    ["6c03", "7001aa9000"],
    ["00b2010c00", "00b2010c03"],
    told("7001aa"),
  ],
  [
    "fetched in two goes",
    SELECT,
    ["6103", "0102036101", "049000"],
    [SELECT_SENT, "00c0000003", "00c0000001"],
    told("01020304"),
  ],
  ["no such record", "00b2020c00", ["6a83"], ["00b2020c00"], told("", 0x6a83)],
  [
    "a correction of what is fetched",
    SELECT,
    ["6105", "6c02", "6f009000"],
    [SELECT_SENT, "00c0000005", "00c0000002"],
    told("6f00"),
  ],
])("%s", async (_, command, said, sent, answer) => {
  expect(await talk(command, said)).toEqual({ answer, sent });
});

test.each<[string, string, Said[]]>([
  ["more than was asked for", "00b2010c03", ["7001aabb9000"]],
  ["less than was asked for", "00b2010c03", ["70019000"]],
  ["data where none can be", SELECT, ["6f009000"]],
  ["a status word that is none", "00b2010c03", ["7001aa1234"]],
  ["a procedure byte", "00b2010c03", ["6000"]],
  ["half a status word", "00b2010c03", ["90"]],
  ["nothing to fetch, for ever", SELECT, ["6100", "6100"]],
  [
    "more than an answer holds",
    SELECT,
    ["6180", `${"11".repeat(128)}6180`, `${"11".repeat(128)}6101`, "119000"],
  ],
])("%s is no answer", async (_, command, said) => {
  expect((await talk(command, said)).answer).toEqual({ kind: "mute" });
});

test.each<Said>(["refused", "unclear", "garbled"])(
  "what changes nothing is sent again when it was %s",
  async (trouble) => {
    const { answer, sent } = await talk("00b2010c03", [trouble, trouble, "7001aa9000"]);
    expect(answer).toEqual(told("7001aa"));
    expect(sent).toEqual(["00b2010c03", "00b2010c03", "00b2010c03"]);
    expect((await talk("00b2010c03", [trouble, trouble, trouble])).answer).toEqual({
      kind: "mute",
    });
  },
);

test.each<Said>(["refused", "unclear", "garbled"])(
  "from the card's decision on nothing is sent twice, be it %s",
  async (trouble) => {
    expect(await talk(GENERATE_AC, [trouble])).toEqual({
      ...{ answer: { kind: "mute" }, sent: [GENERATE_AC_SENT] },
    });
    expect(await talk(GENERATE_AC, ["6102", trouble])).toEqual({
      ...{ answer: { kind: "mute" }, sent: [GENERATE_AC_SENT, "00c0000002"] },
    });
  },
);

test("what was handed over is fetched again only when the reader says that it never asked", async () => {
  const again = await talk(SELECT, ["6102", "refused", "6f009000"]);
  expect(again.answer).toEqual(told("6f00"));
  expect((await talk(SELECT, ["6102", "unclear"])).answer).toEqual({ kind: "mute" });
});

test.each(["gone", "lost"] as const)("%s is passed on", async (kind) => {
  expect((await talk(SELECT, [kind])).answer).toEqual({ kind });
  expect((await talk(SELECT, ["6102", kind])).answer).toEqual({ kind });
});

test("a card that says anything at all is heard to the end", async () => {
  const said = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(said, async (answers) => {
      let sent = 0;
      const link = new T0Link({
        send: () =>
          Promise.resolve({
            kind: "block",
            bytes: answers[sent++ % answers.length] ?? new Uint8Array(),
          }),
      });
      const answer = await completeApdu((each) => link.exchange(each), bytesOf(SELECT));
      expect(["answer", "mute"]).toContain(answer.kind);
      expect(sent).toBeLessThan(600);
    }),
  );
});

test("what is no command is a mistake of ours", async () => {
  await expect(talk("00a404", [])).rejects.toThrow(RangeError);
  await expect(talk("00a4040005aabb", [])).rejects.toThrow(RangeError);
});
