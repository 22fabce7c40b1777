// `sluice board poke display show` and `printer print`: a page and a receipt to look at, because neither says anything
// back.

import { fail, ok, type Result } from "../firmware/result.ts";
import type { Board } from "../hal/board.ts";
import { type Clock, sleep } from "../hal/clock.ts";
import { openEscposPrinter } from "../hal/drivers/escpos-printer.ts";
import { openLcdDisplay } from "../hal/drivers/lcd-display.ts";
import { openSerialPort } from "../hal/linux/serial-port.ts";
import { openTerminalDisplay } from "../hal/linux/terminal-display.ts";
import type { OpenSerial } from "../hal/serial.ts";
import type { Output } from "./command.ts";

/** For the driver to open its port, and for a slow line to carry a page. */
const OPEN_MS = 200;
const CARRY_MS = 1_000;

/** Errors: `usage`, `not-found`, `unsupported`, `environment`. Throws HalError where the port is not to be had. */
export async function pokePaper(
  board: Board,
  what: "display" | "printer",
  word: string,
  { clock, out }: { clock: Clock; out: Output },
): Promise<Result<void>> {
  const wanted = what === "display" ? "show" : "print";
  if (word !== wanted) return fail("usage", `what to do with it: board poke ${what} ${wanted}`);
  if (board.virtual !== undefined) {
    return fail("unsupported", `board ${board.name} is virtual: \`sluice bench\` works it`);
  }
  const done = await (what === "display" ? showPage(board, clock) : printPage(board, clock));
  if (!done.ok) return done;
  out.emit({ step: "poke", [what]: done.value });
  out.say(`${done.value}: look whether it is there`);
  return ok(undefined);
}

async function showPage(board: Board, clock: Clock): Promise<Result<string>> {
  const part = board.display;
  if (part === undefined) return fail("not-found", `board ${board.name} has no display`);
  const lines = [board.name, "It shows.", "0123456789", "SLUICE"];
  if (part.kind === "terminal") {
    openTerminalDisplay((text) => process.stderr.write(text)).show({ lines });
    return ok("a page of four lines");
  }
  const open = await opened(board, part.serial);
  const display = openLcdDisplay(open, clock, part);
  display.show({ lines });
  await sleep(clock, CARRY_MS);
  await display.close();
  return ok("a page of four lines");
}

async function printPage(board: Board, clock: Clock): Promise<Result<string>> {
  const part = board.printer;
  if (part === undefined) return fail("not-found", `board ${board.name} has no printer`);
  const open = await opened(board, part.serial);
  const printer = openEscposPrinter(open, clock, part);
  await sleep(clock, OPEN_MS);
  const printed = await printer.print({ lines: [board.name, "left\tright"], code: "SLUICE" });
  await sleep(clock, CARRY_MS);
  await printer.close();
  if (printed === "printed") return ok("two lines and a code, cut off");
  return fail("environment", "the printer's line went while it was written to");
}

/** A port that is not to be had is said at once: the drivers would go on trying. */
async function opened(board: Board, serial: string): Promise<OpenSerial> {
  const part = board.serial?.[serial];
  if (part === undefined) throw new RangeError(`a board has the serial ports that it names`);
  const open = openSerialPort(part);
  await (await open()).close();
  return open;
}
