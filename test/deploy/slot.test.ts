// `sluice-slot` on the board: what it lets over the root that does not run, and that whatever comes, breaks off, or loses its
// power leaves a card that U-Boot starts a whole root from.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  cardToolsMissing,
  HEAD_BYTES,
  PlayedCard,
  ROOT_BYTES,
  SPARC64,
  whichTool,
} from "./played-card.ts";

const missing = cardToolsMissing();
const withTools = describe.skipIf(missing !== undefined);
const why = missing === undefined ? "" : ` (needs ${missing})`;

let card: PlayedCard;

beforeEach(() => {
  card = new PlayedCard("a");
  card.setState("a", 3, 0);
});

afterEach(() => card.remove());

/** What the first bytes of root b are: these are written last. */
function headOfB(): Buffer {
  return readFileSync(card.file("3")).subarray(0, HEAD_BYTES);
}

function wholeInB(root: Buffer): boolean {
  return readFileSync(card.file("3")).subarray(0, ROOT_BYTES).equals(root);
}

const untouched = (number: number) =>
  readFileSync(card.file(`${number}`)).every((byte) => byte === 0xa0 + number);

withTools(`a root is installed${why}`, () => {
  test("over the one that does not run, nothing beyond it, and is tried next", () => {
    const root = card.makeRoot("new");
    const { status, stdout, stderr } = card.install(root);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("root b is tried at the next start: sudo reboot");
    expect(card.state()).toBe("b 3 1");
    expect(wholeInB(root)).toBe(true);
    const beyond = readFileSync(card.file("3")).subarray(ROOT_BYTES);
    expect(beyond.every((byte) => byte === 0xa3)).toBe(true);
    expect(untouched(2)).toBe(true);
    expect(card.slot("").stdout).toBe(
      "root a runs; the next start is root b, 3 starts left, on trial\n",
    );
  });

  test("from root b, root a is the other one", () => {
    card.remove();
    card = new PlayedCard("b");
    card.setState("b", 3, 0);
    const root = card.makeRoot("new");
    expect(card.install(root).status).toBe(0);
    expect(card.state()).toBe("a 3 1");
    expect(readFileSync(card.file("2")).subarray(0, ROOT_BYTES).equals(root)).toBe(true);
    expect(untouched(3)).toBe(true);
  });

  test("twice before the restart: the second one counts", () => {
    expect(card.install(card.makeRoot("first")).status).toBe(0);
    const second = card.makeRoot("second");
    expect(card.install(second).status).toBe(0);
    expect(card.state()).toBe("b 3 1");
    expect(wholeInB(second)).toBe(true);
  });

  test("where the count cannot be read, it is made anew", () => {
    card.writeSector(Buffer.alloc(512, 0x55));
    expect(card.slot("").stdout).toContain("cannot be read: the next start is root a");
    expect(card.install(card.makeRoot("new")).status).toBe(0);
    expect(card.state()).toBe("b 3 1");
  });
});

withTools(`before the other root is touched, it is refused${why}`, () => {
  const CASES: readonly (readonly [string, () => Buffer, string])[] = [
    ["nothing at all", () => Buffer.alloc(0), "no root of make image, packed by gzip"],
    ["garbage", () => Buffer.alloc(100_000, 0x5a), "no root of make image, packed by gzip"],
    ["a root that is not packed", () => card.makeRoot("new"), "packed by gzip"],
    ["packed garbage", () => gzipSync(Buffer.alloc(ROOT_BYTES, 0x5a)), "no root of make image"],
    [
      "another file system",
      () => gzipSync(card.makeRoot("new", undefined, "photos")),
      "no root of make image",
    ],
    [
      "one with no room for it",
      () => gzipSync(card.grow(card.makeRoot("new"), "8M")),
      "make flash",
    ],
  ];
  test.each(CASES)("%s", (_, given, told) => {
    const { status, stderr } = card.slot("install", given());
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining(told) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(card.state()).toBe("a 3 0");
    expect(untouched(3)).toBe(true);
  });

  const PLACES: readonly (readonly [string, () => void, string])[] = [
    ["on trial itself", () => card.setState("a", 2, 1), "root a is on trial itself"],
    ["not root", () => card.program("id", "echo 1000"), "sudo sluice-slot install"],
    [
      "the other root is mounted",
      () => card.program("findmnt", `echo '${card.file("4")}'`),
      "root b is mounted: sudo umount",
    ],
    [
      "another install at work",
      () => card.program("flock", "exit 1"),
      "another install is at work",
    ],
    [
      "started otherwise",
      () => writeFileSync(join(card.folder, "proc/cmdline"), "root=/dev/sda1\n"),
      "not started by the image's U-Boot",
    ],
    ["no card of ours", () => card.program("findmnt", "exit 1"), "not started from a card"],
    [
      "a state that cannot be written",
      () => card.program("fw_setenv", "exit 0"),
      "state on /dev/../",
    ],
  ];
  test.each(PLACES)("%s", (name, arrange, told) => {
    // A count that was used up by this start: what was confirmed before has to be written again.
    card.setState("a", 2, 0);
    arrange();
    const before = card.state();
    const { status, stderr } = card.install(card.makeRoot(name));
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining(told) });
    expect(card.state()).toBe(before);
    expect(untouched(3)).toBe(true);
  });

  test("a word that it does not know changes nothing", () => {
    expect(card.slot("instal", gzipSync(card.makeRoot("new")))).toMatchObject({ status: 2 });
    expect(card.state()).toBe("a 3 0");
  });
});

withTools(`what does not arrive whole is no root${why}`, () => {
  const root = () => card.makeRoot("new");
  const packed = () => gzipSync(root(), { level: 1 });
  const flipped = () => {
    const bytes = gzipSync(root(), { level: 0 });
    bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
    return bytes;
  };
  const CASES: readonly (readonly [string, () => Buffer, string])[] = [
    ["the way broke off", () => packed().subarray(0, packed().length / 2), "broke off"],
    ["in its last byte", () => packed().subarray(0, -1), "broke off or is damaged"],
    ["a bit is another one", flipped, "broke off or is damaged"],
    [
      "the file was cut",
      () => gzipSync(root().subarray(0, -4096)),
      "ends after 4190208 of 4194304",
    ],
    ["more comes after it", () => gzipSync(Buffer.concat([root(), Buffer.from("x")])), "longer"],
    ["for another processor", () => gzipSync(card.makeRoot("new", SPARC64)), "another processor"],
  ];
  test.each(CASES)("%s", (_, given, told) => {
    const { status, stderr } = card.slot("install", given());
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining(told) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(card.state()).toBe("a 3 0");
    expect(headOfB().every((byte) => byte === 0)).toBe(true);
    expect(untouched(2)).toBe(true);
    // And nothing stands in the way of the next one.
    expect(card.install(root()).status).toBe(0);
    expect(card.state()).toBe("b 3 1");
  });

  test("a card that keeps something else is found out", () => {
    const spoil = `printf x | ${whichTool("dd")} of='${card.file("3")}' bs=1 seek=70000 conv=notrunc status=none`;
    card.program("dd", `${whichTool("dd")} "$@" || exit\ncase "$*" in *of=*) ${spoil} ;; esac`);
    const { status, stderr } = card.install(root());
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("reads otherwise: is the card worn?"),
    });
    expect(card.state()).toBe("a 3 0");
    expect(headOfB().every((byte) => byte === 0)).toBe(true);
  });

  test("a card that is full of errors is told as such", () => {
    card.program(
      "dd",
      `case "$*" in *seek_bytes*) set -- "\${@/of=*/of=/dev/full}" ;; esac\n${whichTool("dd")} "$@"`,
    );
    const { status, stderr } = card.install(root());
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/root b could not be written: .*No space left/),
    });
    expect(card.state()).toBe("a 3 0");
  });
});

withTools(`the power fails in the middle${why}`, () => {
  // Six steps: the state, no head, the body, reading back, the head, the state; the seventh is the end.
  test.each([
    [1, "b 3 1"],
    [2, "a 3 0"],
    [3, "a 3 0"],
    [4, "a 3 0"],
    [5, "a 3 0"],
    [6, "a 3 0"],
    [7, "b 3 1"],
  ])("before step %d: %s", (step, state) => {
    // One was installed and not tried yet.
    const old = card.makeRoot("old");
    card.setState("b", 3, 1);
    writeFileSync(card.file("3"), old);
    const count = join(card.folder, "count");
    for (const name of ["dd", "fw_setenv"]) {
      const counts = `n=$(($(cat '${count}' 2>/dev/null || echo 0) + 1)); echo $n >'${count}'`;
      card.program(name, `${counts}\n[ $n != ${step} ] || kill -9 0\n${whichTool(name)} "$@"`);
    }
    const root = card.makeRoot("new");
    expect(card.install(root).signal).toBe(step === 7 ? null : "SIGKILL");
    expect(readFileSync(count, "utf8")).toBe(`${Math.min(step, 6)}\n`);
    expect(card.state()).toBe(state);
    // Root b is one of the two, whole, or none; what is to be tried is whole.
    const isNone = headOfB().every((byte) => byte === 0);
    const isWhole = wholeInB(old) || wholeInB(root);
    expect(state === "b 3 1" ? isWhole : isNone || isWhole).toBe(true);
    expect(untouched(2)).toBe(true);
  });
});

withTools(`the root that runs is confirmed${why}`, () => {
  test("once the device serves, also where the count could not be read", () => {
    card.setState("a", 2, 1);
    card.program("sleep", `touch '${card.folder}/serves'`);
    expect(card.slot("confirm")).toMatchObject({ status: 0, stdout: "root a is confirmed\n" });
    expect(card.state()).toBe("a 3 0");
    card.writeSector(Buffer.alloc(512));
    expect(card.slot("confirm").status).toBe(0);
    expect(card.state()).toBe("a 3 0");
  });

  test("on trial, and no device after ten minutes: it starts again, and uses up a start", () => {
    card.setState("a", 2, 1);
    card.upSince(601);
    expect(card.slot("confirm").stdout).toContain("does not serve after 600 s");
    expect(card.asked()).toContain("reboot");
    expect(card.state()).toBe("a 2 1");
  });

  test.each([
    ["not on trial", "a", 0],
    ["the other root on trial", "b", 1],
  ])("no restart of its own: %s", (_, slot, trial) => {
    card.setState(slot, 3, trial);
    card.upSince(601);
    card.program("sleep", `touch '${card.folder}/serves'`);
    expect(card.slot("confirm").status).toBe(0);
    expect(card.asked()).not.toContain("reboot");
    // What was installed while it waited is tried all the same.
    expect(card.state()).toBe(`${slot} 3 ${trial}`);
  });
});
