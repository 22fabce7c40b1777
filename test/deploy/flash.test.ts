// `make flash` before and while it writes: which disks it refuses, that it asks, and that it finds a card which reads
// otherwise than it was written. The computer is a folder that looks like /sys and /proc; the card is a plain file.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const CARD_BYTES = 3 * 1024 * 1024;

let folder: string;
let card: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-flash-"));
  card = join(folder, "sdx");
  writeFileSync(card, Buffer.alloc(CARD_BYTES, 0xff));
  // A plain file has the device number 0:0, which no disk has.
  world("sys/class/block/sdx/dev", "0:0\n");
  world("sys/class/block/sdx/removable", "1\n");
  world("sys/class/block/sdx/size", `${CARD_BYTES / 512}\n`);
  world("sys/class/block/sdx/ro", "0\n");
  world("sys/class/block/sdx/device/vendor", "Generic \n");
  world("sys/class/block/sdx/device/model", "MassStorage     \n");
  world("sys/class/block/sdx/sdx1/dev", "0:1\n");
  world("proc/self/mountinfo", "22 1 8:2 / / rw,noatime shared:1 - ext4 /dev/sda2 rw\n");
  world("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
});

afterEach(() => rmSync(folder, { recursive: true }));

function world(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function check(given = card): { status: number | null; stdout: string; stderr: string } {
  const args = [given, join(folder, "sys"), join(folder, "proc")];
  return spawnSync(join(DEPLOY, "card.sh"), args, { encoding: "utf8" });
}

/** The whole command at a terminal (script(1) makes one), on which `typed` is typed. */
function flashAtTerminal(typed: string, image: string): { status: number | null; stdout: string } {
  const line = `'${DEPLOY}flash.sh' '${card}' '${image}' '${folder}/sys' '${folder}/proc'`;
  return spawnSync("script", ["-qec", line, "/dev/null"], {
    encoding: "utf8",
    input: `${typed}\n`,
    timeout: 25_000,
  });
}

function makeImage(bytes: number): string {
  const image = join(folder, "image");
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 1) content[at] = (at * 7 + (at >> 9)) & 0xff;
  content.set([0x55, 0xaa], 510);
  writeFileSync(image, content);
  return image;
}

describe("the disk is looked at first", () => {
  test("a card that can be taken out, with its size and name", () => {
    expect(check()).toMatchObject({
      status: 0,
      stdout: `${CARD_BYTES} Generic MassStorage\n`,
      stderr: "",
    });
    // A slot of its own: not removable by its own word, but a card.
    world("sys/class/block/sdx/removable", "0\n");
    world("sys/class/block/sdx/device/type", "SD\n");
    expect(check().status).toBe(0);
  });

  const REFUSED: readonly (readonly [string, string, string, string])[] = [
    ["built in", "sys/class/block/sdx/removable", "0\n", "cannot be taken out"],
    ["no card in the reader", "sys/class/block/sdx/size", "0\n", "there is no card in"],
    ["locked", "sys/class/block/sdx/ro", "1\n", "is read-only"],
    ["a partition", "sys/class/block/sdx/partition", "1\n", "is a partition"],
    ["another device under this name", "sys/class/block/sdx/dev", "8:0\n", "is no disk"],
    ["mounted itself", "proc/self/mountinfo", mountOf("0:0", "/mnt", "/dev/sdx"), "on /mnt"],
    [
      "a partition mounted, on a name with a blank",
      "proc/self/mountinfo",
      mountOf("0:1", "/media/my\\040card", "/dev/sdx1"),
      "sdx1 is mounted on /media/my card: sudo umount /dev/sdx1",
    ],
    [
      "mounted by a file system with a number of its own",
      "proc/self/mountinfo",
      mountOf("0:44", "/srv", "/dev/sdx1"),
      "sdx1 is mounted on /srv",
    ],
    [
      "the running root",
      "proc/self/mountinfo",
      mountOf("0:1", "/", "/dev/root"),
      "this computer runs from /dev/sdx1",
    ],
    ["swap", "proc/swaps", "Filename\n/dev/sdx1 partition 1 0 -2\n", "sdx1 is swap"],
    [
      "encrypted and open",
      "sys/class/block/sdx/sdx1/holders/dm-0",
      "",
      "sdx1 is in use by dm-0 (encryption, LVM or RAID)",
    ],
  ];
  test.each(REFUSED)("refused: %s", (_, path, text, told) => {
    world(path, text);
    const { status, stderr } = check();
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(told),
    });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("nothing, nowhere, and this computer's own memory device", () => {
    expect(check("")).toMatchObject({ status: 2 });
    expect(check(join(folder, "none")).stderr).toContain("there is no");
    expect(check("/dev/null").stderr).toContain("is no disk");
  });
});

function mountOf(number: string, where: string, source: string): string {
  return `30 22 ${number} / ${where} rw,relatime shared:9 - ext4 ${source} rw\n`;
}

describe("then it asks", () => {
  test("writes after its name was typed, and only the image's length", () => {
    const image = makeImage(1_500_000);
    const { status, stdout } = flashAtTerminal("sdx", image);
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(stdout).toContain("Generic MassStorage, 0.0 GB");
    expect(stdout).toContain("all of it was read back");
    const written = readFileSync(card);
    expect(written.subarray(0, 1_500_000).equals(readFileSync(image))).toBe(true);
    expect(written.subarray(1_500_000).every((byte) => byte === 0xff)).toBe(true);
  });

  test("nothing is written for another answer, without a terminal, or of another file", () => {
    const image = makeImage(100_000);
    expect(flashAtTerminal("y", image)).toMatchObject({ status: 1 });
    const args = [card, image, join(folder, "sys"), join(folder, "proc")];
    const piped = spawnSync(join(DEPLOY, "flash.sh"), args, { encoding: "utf8", input: "sdx\n" });
    expect(piped).toMatchObject({ status: 1 });
    expect(piped.stderr).toContain("nobody is there to be asked");
    const text = join(folder, "text");
    writeFileSync(text, "x".repeat(1000));
    expect(flashAtTerminal("sdx", text).stdout).toContain("is no image of a disk");
    expect(flashAtTerminal("sdx", join(folder, "none")).stdout).toContain("make image BOARD=rpi4");
    expect(flashAtTerminal("sdx", makeImage(CARD_BYTES + 1)).stdout).toContain("a larger card");
    expect(readFileSync(card).every((byte) => byte === 0xff)).toBe(true);
  });
});

describe("then it writes and reads back", () => {
  test("a card that keeps something else is found out", () => {
    // dd that reports success and turns one byte of what it was to write into another.
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const dd = spawnSync("which", ["dd"], { encoding: "utf8" }).stdout.trim();
    const spoiling = `#!/bin/sh\n${dd} "$@" || exit\ncase "$*" in *of=*) printf x | ${dd} of='${card}' bs=1 seek=70000 conv=notrunc status=none ;; esac\n`;
    writeFileSync(join(bin, "dd"), spoiling);
    chmodSync(join(bin, "dd"), 0o755);
    const { status, stderr } = spawnSync(join(DEPLOY, "write-card.sh"), [makeImage(90_000), card], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
    });
    expect(status).toBe(1);
    expect(stderr).toContain("reads otherwise than it was written");
  });

  test("a card that is full of errors is told as such", () => {
    const { status, stderr } = spawnSync(
      join(DEPLOY, "write-card.sh"),
      [makeImage(90_000), "/dev/full"],
      { encoding: "utf8" },
    );
    expect(status).toBe(1);
    expect(stderr).toContain("could not be written at 0 MiB");
  });
});
