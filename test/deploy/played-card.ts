// A card with two roots for the tests of sluice-slot: plain files in a folder, and on the PATH the programs that would ask
// the kernel. What writes the card (dd, fw_setenv) and reads a file system (blkid, debugfs) is the real thing.

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, gzipSync } from "node:zlib";

const SLOT = fileURLToPath(new URL("../../deploy/image/slot.sh", import.meta.url));
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;
const SECTOR_AT = 0x8000;
const SECTOR_BYTES = 512;
const SLOT_BYTES = 6 * 1024 * 1024;
export const ROOT_BYTES = 4 * 1024 * 1024;
export const HEAD_BYTES = 4096;
/** e_machine of a processor that nobody tests on. */
export const SPARC64 = 43;

/** What these tests need and is not here, or undefined. */
export function cardToolsMissing(): string | undefined {
  const packages = [
    ["fw_setenv", "libubootenv-tool"],
    ["mke2fs", "e2fsprogs"],
    ["debugfs", "e2fsprogs"],
  ] as const;
  const missing = packages.find(([tool]) => whichTool(tool) === "");
  return missing && `${missing[0]}: apt-get install ${missing[1]}`;
}

export function whichTool(name: string): string {
  const options = { encoding: "utf8", env: { ...process.env, PATH } } as const;
  return spawnSync("sh", ["-c", `command -v ${name}`], options).stdout.trim();
}

export class PlayedCard {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-slot-"));
  readonly bin = join(this.folder, "bin");

  /** Root `running` runs; both roots hold bytes that no file system has. */
  constructor(running: "a" | "b") {
    mkdirSync(this.bin);
    mkdirSync(join(this.folder, "proc"));
    const started = `root=PARTUUID=1234-02 sluice.slot=${running} console=tty0\n`;
    writeFileSync(join(this.folder, "proc/cmdline"), started);
    this.upSince(30);
    writeFileSync(this.file(""), Buffer.alloc(1024 * 1024));
    for (const number of [2, 3, 4]) {
      writeFileSync(this.file(`${number}`), Buffer.alloc(SLOT_BYTES, 0xa0 + number));
    }
    this.program("id", "echo 0");
    this.program("lsblk", `echo '../${this.folder}/card'`);
    this.program("blockdev", 'stat -c %s "$2"');
    // As findmnt(8): the source of a folder, or, by -S, whether anything is mounted from there.
    this.program(
      "findmnt",
      `case "$*" in *" /data") echo '${this.file("4")}' ;; *) exit 1 ;; esac`,
    );
    this.program("systemctl", `echo "$*" >>'${this.folder}/asked'; [ -e '${this.folder}/serves' ]`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** The disk ("") or one of its partitions. */
  file(part: string): string {
    return join(this.folder, `card${part}`);
  }

  program(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  upSince(seconds: number): void {
    writeFileSync(join(this.folder, "proc/uptime"), `${seconds}.25 12.00\n`);
  }

  serves(): void {
    writeFileSync(join(this.folder, "serves"), "");
  }

  asked(): string {
    const path = join(this.folder, "asked");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** As U-Boot's `env export -c` writes it: CRC-32 of the rest, NAME=VALUE each ended by a zero, zeros to the end. */
  setState(slot: string, left: number, trial: number): void {
    const content = Buffer.alloc(SECTOR_BYTES - 4);
    content.write(`left=${left}\0slot=${slot}\0trial=${trial}\0`);
    const sector = Buffer.alloc(SECTOR_BYTES);
    sector.writeUInt32LE(crc32(content));
    content.copy(sector, 4);
    this.writeSector(sector);
  }

  writeSector(sector: Buffer): void {
    const disk = openSync(this.file(""), "r+");
    writeSync(disk, sector, 0, SECTOR_BYTES, SECTOR_AT);
    closeSync(disk);
  }

  /** "slot left trial", as `env import -c` takes it; "unreadable" where the checksum is wrong. */
  state(): string {
    const sector = readFileSync(this.file("")).subarray(SECTOR_AT, SECTOR_AT + SECTOR_BYTES);
    const content = sector.subarray(4);
    if (crc32(content) !== sector.readUInt32LE()) return "unreadable";
    const text = content.toString("latin1");
    const lines = text.slice(0, text.indexOf("\0\0")).split("\0");
    const found = new Map(lines.map((line) => line.split("=", 2) as [string, string]));
    return ["slot", "left", "trial"].map((name) => found.get(name)).join(" ");
  }

  /** A small root file system, in which a program has the number of a processor. */
  makeRoot(content: string, machine?: number, label = "sluice-root"): Buffer {
    const tree = join(this.folder, "tree");
    mkdirSync(join(tree, "usr/bin"), { recursive: true });
    // Its first bytes tell what it runs on (elf(5)); here those of this computer's own, if no other was asked for.
    const program = Buffer.from(readFileSync("/usr/bin/dash").subarray(0, 64));
    if (machine !== undefined) program.writeUInt16LE(machine, 18);
    writeFileSync(join(tree, "usr/bin/dash"), program);
    writeFileSync(join(tree, "content"), content.repeat(20_000));
    const image = join(this.folder, "root.ext4");
    rmSync(image, { force: true });
    const size = `${ROOT_BYTES / 1024}k`;
    const args = ["-q", "-t", "ext4", "-O", "^has_journal", "-L", label, "-d", tree, image, size];
    const made = spawnSync("mke2fs", args, { encoding: "utf8", env: { ...process.env, PATH } });
    if (made.status !== 0) throw new Error(made.stderr);
    return readFileSync(image);
  }

  /** The same file system, larger by its own word. */
  grow(root: Buffer, size: string): Buffer {
    const image = join(this.folder, "large.ext4");
    writeFileSync(image, root);
    const options = { encoding: "utf8", env: { ...process.env, PATH } } as const;
    const grown = spawnSync("resize2fs", ["-f", image, size], options);
    if (grown.status !== 0) throw new Error(grown.stderr);
    return readFileSync(image);
  }

  slot(word: string, input: Buffer | string = ""): SpawnSyncReturns<string> {
    // A session of its own, so that a program in it can end all of it at once, as a power cut does.
    return spawnSync("setsid", [SLOT, word, join(this.folder, "proc")], {
      encoding: "utf8",
      input,
      env: { ...process.env, PATH: `${this.bin}:${PATH}`, TMPDIR: this.folder },
      timeout: 25_000,
    });
  }

  install(root: Buffer): SpawnSyncReturns<string> {
    return this.slot("install", gzipSync(root, { level: 1 }));
  }
}
