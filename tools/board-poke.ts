// `sluice board poke` and `watch`: a person works one port of a board by hand. Interlocks and meters do not act
// meanwhile; an output goes back to its safe level in the end, whatever the end is: the guard sees to that as well.

import { COMPUTERS } from "../boards/computers.ts";
import { BOARDS } from "../boards/registry.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Board, SwitchPart } from "../hal/board.ts";
import { type Clock, every, sleep } from "../hal/clock.ts";
import { type Guard, startGuard } from "../hal/linux/gpio-guard.ts";
import { guardedOutputs, openLinuxLines } from "../hal/linux/gpio-lines.ts";
import { type LineUse, lineUses } from "../hal/linux/gpio-wiring.ts";
import { computerFor } from "../hal/linux/real-board.ts";
import type { Lines } from "../hal/pin.ts";
import { runningLoops } from "./board-processes.ts";
import type { Output } from "./command.ts";
import { didYouMean } from "./did-you-mean.ts";

/** The guard takes us for stalled when it hears nothing for this long. */
const SILENT_MS_MAX = 1_000;
const BEAT_MS = 200;
const LOOK_MS = 20;

/** How lines are had: on a board of metal, or from a test. */
export interface PokeGround {
  clock: Clock;
  out: Output;
  /** Resolves when it is to end: Ctrl-C, or the time is over. */
  ended: Promise<unknown>;
  lines(board: Board): Lines;
  guard(board: Board): Promise<Guard>;
  /** Processes that run the metal of a board. */
  loops(): readonly number[];
}

/** The lines of this machine. */
export function metalGround(clock: Clock, out: Output, ended: Promise<unknown>): PokeGround {
  return {
    clock,
    out,
    ended,
    lines: (board) => openLinuxLines(board, computerFor(board, COMPUTERS)),
    guard: (board) =>
      startGuard({
        outputs: guardedOutputs(board, computerFor(board, COMPUTERS)),
        silentMsMax: SILENT_MS_MAX,
        onLost: () => out.say("the guard has died: if this program dies too, the output stays"),
      }),
    loops: () => runningLoops((name) => BOARDS.some((one) => one.name === name && !one.virtual)),
  };
}

/**
 * Errors: `usage`, `not-found`, `unsupported` for a virtual board, `environment` while a device runs on the lines of this
 * machine. Throws HalError where the line is not to be had.
 */
export async function pokeLine(
  board: Board,
  line: string,
  word: string,
  ground: PokeGround,
): Promise<Result<void>> {
  const use = useOf(board, line, ground);
  if (!use.ok) return use;
  if (word === "read") return use.value === "output" ? driven(line) : readLine(board, line, ground);
  if (word !== "on" && word !== "off") {
    return fail("usage", `what to do with it: board poke ${line} on, off or read`);
  }
  if (use.value !== "output") return fail("usage", `${line} is an input: board poke ${line} read`);
  return driveLine(board, line, word === "on", ground);
}

/** Tells every change until the end. Errors as of pokeLine. */
export async function watchLine(
  board: Board,
  line: string,
  ground: PokeGround,
): Promise<Result<void>> {
  const use = useOf(board, line, ground);
  if (!use.ok) return use;
  if (use.value === "output") return driven(line);
  const { clock, out, ended } = ground;
  const isCounted = use.value === "edges";
  const lines = ground.lines(board);
  const input = isCounted ? lines.edges(line) : lines.input(line);
  const look = (): string | number => {
    if ("edges" in input) return input.edges().count;
    return input.read() ? "on" : "off";
  };
  const startMs = clock.monotonicMs();
  let last: string | number | undefined;
  const show = (): void => {
    const now = look();
    if (now === last) return;
    last = now;
    const atMs = Math.round(clock.monotonicMs() - startMs);
    out.emit({ step: "watch", line, ...(isCounted ? { edges: now } : { level: now }), atMs });
    out.say(
      `${(atMs / 1000).toFixed(2).padStart(8)} s  ${line}  ${now}${isCounted ? " edges" : ""}`,
    );
  };
  try {
    await lookUntil(clock, ended, LOOK_MS, show);
  } finally {
    input.close();
  }
  return ok(undefined);
}

function driven(line: string): Result<never> {
  return fail("usage", `${line} is an output, driven by us: board poke ${line} on`);
}

function useOf(board: Board, line: string, { loops }: PokeGround): Result<LineUse> {
  const uses = lineUses(board);
  const use = uses.get(line);
  if (use === undefined) {
    const names = [...uses.keys()];
    const message = `board ${board.name} has no line ${JSON.stringify(line)}${didYouMean(line, names)}; it has ${names.join(", ")}`;
    return fail("not-found", message);
  }
  if (board.virtual !== undefined) {
    return fail(
      "unsupported",
      `board ${board.name} is virtual: its lines are at no pin; \`sluice bench\` works it`,
    );
  }
  const [running] = loops();
  if (running === undefined) return ok(use);
  return fail(
    "environment",
    `a device runs on the lines of this machine (process ${running}): stop it first`,
  );
}

function readLine(board: Board, line: string, { lines, out }: PokeGround): Result<void> {
  const input = lines(board).input(line);
  try {
    const level = input.read() ? "on" : "off";
    out.emit({ step: "poke", line, level });
    out.say(`${line} is ${level}`);
  } finally {
    input.close();
  }
  return ok(undefined);
}

async function driveLine(
  board: Board,
  line: string,
  active: boolean,
  ground: PokeGround,
): Promise<Result<void>> {
  const { clock, out, ended } = ground;
  // Armed before anything is driven, as in a device that sells.
  const guard = await ground.guard(board);
  let isOpen = true;
  try {
    const output = ground.lines(board).output(line);
    isOpen = false;
    try {
      const tell = (level: string, more: string): void => {
        out.emit({ step: "poke", line, level });
        out.say(`${line} is ${level}${more}`);
      };
      if (active) {
        const pulseMs = pulseOf(board, line);
        const until = pulseMs === undefined ? "until Ctrl-C" : `for ${pulseMs} ms`;
        output.set(true);
        tell("on", ` ${until}; no interlock acts meanwhile`);
        const over = pulseMs === undefined ? ended : Promise.race([ended, sleep(clock, pulseMs)]);
        await lookUntil(clock, over, BEAT_MS, () => guard.beat());
      }
      output.set(false);
      tell("off", "");
    } finally {
      output.close();
      isOpen = true;
    }
  } finally {
    if (isOpen) guard.close();
    else guard.abandon();
  }
  return ok(undefined);
}

/** Of a machine that begins an item at each signal: the signal is never longer than this. */
function pulseOf(board: Board, line: string): number | undefined {
  const parts: readonly SwitchPart[] = board.outlets.map((outlet) => outlet.switch);
  const found = parts.find((part) => part.kind === "start-signal" && part.line === line);
  return found?.kind === "start-signal" ? found.pulseMs : undefined;
}

/** Calls at once and then again until the end; what a call throws ends it too. */
async function lookUntil(
  clock: Clock,
  ended: Promise<unknown>,
  intervalMs: number,
  look: () => void,
): Promise<void> {
  look();
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const looking = every(clock, intervalMs, () => {
    try {
      look();
    } catch (error) {
      fail(error);
    }
  });
  try {
    await Promise.race([ended, failed]);
  } finally {
    looking.cancel();
  }
}
