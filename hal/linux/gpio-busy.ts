// A line that somebody holds: who it is, and how it is had from those who hold it for us, which are the guard of a
// loop that died (native/guard.c) and an export in sysfs that outlived its program.

import { readFileSync, writeFileSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import { lineInfo } from "./gpio-chip.ts";
import { SYSFS_GPIO, sysfsNumber } from "./gpio-sysfs.ts";
import type { WiredLine } from "./gpio-wiring.ts";
import { errorName } from "./native.ts";

/** What we call ourselves in the kernel's list; the guard reads it there. */
export const CONSUMER = `sluice ${process.pid}`;

/** Numbers of the exports in sysfs that are this process's: an export does not say whose it is. */
export const heldExports = new Set<number>();

const EBUSY = -16;
const LET_GO_MS_MAX = 500;
const LET_GO_POLL_MS = 2;

/**
 * Repeats `attempt` while who holds the line lets go of it for us. Answers what it answered, 0 or more. Throws HalError
 * `refused` that says who holds the line, or what else the matter is.
 */
export function takeLine(line: WiredLine, attempt: () => number): number {
  const endMs = performance.now() + LET_GO_MS_MAX;
  for (;;) {
    const result = attempt();
    if (result >= 0) return result;
    if (result !== EBUSY) throw refusal(line, errorName(result));
    if (performance.now() >= endMs || !askForLine(line)) throw refusal(line, "EBUSY");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LET_GO_POLL_MS);
  }
}

/** False when it is held by somebody who will not let go. */
function askForLine(line: WiredLine): boolean {
  const { used, consumer } = lineInfo(line.chip.path, line.offset);
  if (!used) return true;
  const [, guard] = /^sluice-guard (\d+)$/.exec(consumer) ?? [];
  if (guard !== undefined) return askGuard(Number(guard));
  const number = sysfsNumber(line.chip, line.offset);
  if (consumer !== "sysfs" || number === undefined || heldExports.has(number)) return false;
  writeFileSync(`${SYSFS_GPIO}/unexport`, String(number));
  return true;
}

/** False when the process only calls itself so in the kernel's list; true also when it has gone by now. */
function askGuard(pid: number): boolean {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "sluice-guard") return false;
    process.kill(pid, "SIGTERM");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ESRCH";
  }
  return true;
}

export function refusal(line: WiredLine, code: string): HalError {
  const where = `line ${line.name} (pin ${line.pin}, ${line.chip.label}/${line.offset})`;
  if (code === "EBUSY") {
    const { consumer } = lineInfo(line.chip.path, line.offset);
    const number = sysfsNumber(line.chip, line.offset);
    const isOurs = consumer === CONSUMER || (number !== undefined && heldExports.has(number));
    const holder = isOurs ? "this program itself" : consumer || "somebody unknown";
    return new HalError("refused", `${where}: busy: held by ${holder}; stop that and start again`);
  }
  if (code === "EACCES" || code === "EPERM") {
    const advice = `sudo usermod -aG gpio USER and log in again, or run as root`;
    return new HalError("refused", `${where}: no permission for ${line.chip.path}: ${advice}`);
  }
  if (code === "ENXIO" || code === "EOPNOTSUPP") {
    return new HalError(
      "refused",
      `${where}: ${code}: this chip cannot do that; wire it to another pin`,
    );
  }
  return new HalError("refused", `${where}: ${code}`);
}
