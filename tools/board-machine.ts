// What `sluice board check` finds of the machine itself: which computer it is, whether our native parts are there, its
// watchdog, and what its outputs do when the program that holds them dies.

import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { COMPUTERS } from "../boards/computers.ts";
import type { Board } from "../hal/board.ts";
import type { Computer } from "../hal/computer.ts";
import { HalError } from "../hal/hal-error.ts";
import { detectComputer } from "../hal/linux/gpio-lines.ts";
import { loadNative, nativePath } from "../hal/linux/native.ts";
import { computerFor } from "../hal/linux/real-board.ts";
import type { Tell } from "./board-finding.ts";
import { keepsOutputs } from "./output-warnings.ts";

const SUPPORTED: readonly string[] = ["arm64", "x64"];

/** The computer, its native parts, watchdog and outputs. Answers the computer by which lines are looked up. */
export function checkMachine(board: Board, root: string, tell: Tell): Computer | undefined {
  const here = detectComputer(COMPUTERS, `${root}/proc/device-tree`);
  const computer = checkComputer(board, here, root, tell);
  checkNative(tell);
  checkWatchdog(here, root, tell);
  checkCrash(root, tell);
  return computer;
}

function checkComputer(
  board: Board,
  here: Computer | undefined,
  root: string,
  tell: Tell,
): Computer | undefined {
  const model = textOf(`${root}/proc/device-tree/model`) ?? "no device tree";
  const name = here?.title ?? "unknown";
  try {
    const computer = computerFor(board, COMPUTERS, here);
    tell({ about: "computer", name, state: "good", message: model, details: { model } });
    return computer;
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    const message = `${error.message} (${model})`;
    tell({ about: "computer", name, state: "missing", message, details: { model } });
    // So that its wiring can be read all the same.
    return COMPUTERS.find((one) => board.computers?.includes(one.name));
  }
}

function checkNative(tell: Tell): void {
  try {
    loadNative();
    const guard = nativePath("guard");
    accessSync(guard, constants.X_OK);
    const supported = SUPPORTED.includes(process.arch);
    const message = supported
      ? "addon and guard are built for this processor"
      : `built, but not supported: only ${SUPPORTED.join(" and ")} are`;
    tell({ about: "native", name: process.arch, state: supported ? "good" : "warning", message });
  } catch (error) {
    const message = error instanceof HalError ? error.message : "the guard may not be run";
    tell({ about: "native", name: process.arch, state: "missing", message });
  }
}

function checkWatchdog(here: Computer | undefined, root: string, tell: Tell): void {
  const watchdog = here?.watchdog;
  const about = "watchdog";
  if (watchdog === undefined) {
    const message = "none is known of this computer: a kernel that hangs keeps its outputs";
    tell({ about, name: "-", state: "warning", message });
    return;
  }
  const { path, maxMs } = watchdog;
  if (!existsSync(root + path)) {
    const message = `not there: \`dtparam=watchdog=on\`, or load its driver; it waits ${maxMs / 1000} s at most`;
    tell({ about, name: path, state: "warning", message });
    return;
  }
  // Opening it would start it.
  const state = textOf(`${root}/sys/class/watchdog/watchdog0/state`);
  if (state === "active") tell({ about, name: path, state: "good", message: "there, and running" });
  else {
    const message = `there, and nobody uses it: \`watchdog: ${path}\` in the device file`;
    tell({ about, name: path, state: "warning", message });
  }
}

function checkCrash(root: string, tell: Tell): void {
  const about = "crash";
  const known = keepsOutputs(root);
  if (known !== undefined) {
    const { module: name, keeps } = known;
    const message = keeps
      ? "an output keeps its level when its program dies: the guard opens it, and only hardware does when kernel or guard die too"
      : "an output becomes an input when its program dies: its pull, or your resistor, must open it; the guard drives it as well";
    tell({ about, name, state: keeps ? "warning" : "good", message });
    return;
  }
  const message =
    "this kernel does not say what becomes of an output whose program dies: measure it; the guard opens it either way";
  tell({ about, name: "outputs", state: "warning", message });
}

/** Without what ends it: a line feed, or the zero byte of the device tree. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replaceAll("\0", "").trim();
  } catch {
    return undefined;
  }
}
